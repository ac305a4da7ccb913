import type { Choice, MediaReference, ToolCall } from "../domain/output.ts";
import { parseJson } from "../lib/parse-json.ts";
import { type JsonObject, list, object, objects, present, text } from "./json.ts";

/** Makes one choice of a message's content blocks. */
export function readContent(content: unknown, stopReason: unknown): Choice {
  const blocks = objects(content);
  const results = new Map(blocks.flatMap((block) => toResult(block)));
  return {
    index: 0,
    ...present({
      text: joinText(blocks, answerText),
      reasoning: joinText(blocks, reasoningText),
      tool_calls: some(blocks.flatMap((block) => toToolCall(block, results))),
      media: some(blocks.flatMap(toMedia)),
      citations: some(blocks.flatMap((block) => list(block.citations))),
      finish_reason: text(stopReason),
    }),
  };
}

function some<T>(values: readonly T[]): readonly T[] | undefined {
  return values.length === 0 ? undefined : values;
}

function answerText(block: JsonObject): string | undefined {
  if (block.type === "text") return text(block.text);
  return block.type === "compaction" ? text(block.content) : undefined;
}

function reasoningText(block: JsonObject): string | undefined {
  if (block.type === "thinking") return text(block.thinking);
  return block.type === "redacted_thinking" ? "[redacted]" : undefined;
}

/** Joins what follows on itself as it is (citations cut a sentence into blocks), and with an empty line what something else came between. */
function joinText(blocks: readonly JsonObject[], read: (block: JsonObject) => string | undefined): string | undefined {
  let joined = "";
  let previous = -1;
  for (const [index, block] of blocks.entries()) {
    const part = read(block);
    if (part === undefined) continue;
    joined += joined === "" || previous === index - 1 ? part : `\n\n${part}`;
    previous = index;
  }
  return joined === "" ? undefined : joined;
}

function toToolCall(block: JsonObject, results: ReadonlyMap<string, unknown>): readonly ToolCall[] {
  const server = serverOf(block);
  if (server === undefined && block.type !== "tool_use") return [];
  const id = text(block.id);
  const result = id === undefined ? undefined : results.get(id);
  return [
    {
      name: text(block.name) ?? "",
      arguments: block.input,
      ...present({ id, server, result }),
    },
  ];
}

/** Which kind of tool the provider ran itself: its own by their name, those of MCP servers by the server's. */
function serverOf(block: JsonObject): string | undefined {
  if (block.type === "server_tool_use") return text(block.name) ?? "server";
  return block.type === "mcp_tool_use" ? `mcp:${text(block.server_name) ?? ""}` : undefined;
}

/** `web_search_tool_result`, `mcp_tool_result` and all their kin name the call that they answer. */
function toResult(block: JsonObject): readonly (readonly [id: string, result: unknown])[] {
  const id = text(block.tool_use_id);
  return id === undefined || !text(block.type)?.endsWith("tool_result") ? [] : [[id, readable(block.content)]];
}

/** Without what only the provider can read, which is most of a search result. */
function readable(content: unknown): unknown {
  if (!Array.isArray(content)) return content;
  return content.map((item: unknown) => {
    const { encrypted_content: _, ...rest } = object(item) ?? {};
    return object(item) === undefined ? item : rest;
  });
}

function toMedia(block: JsonObject): readonly MediaReference[] {
  if (block.type !== "container_upload") return [];
  return [{ type: "file", ...present({ id: text(block.file_id) }) }];
}

type GrowingBlock = {
  readonly start: JsonObject;
  readonly texts: Map<string, string>;
  readonly citations: unknown[];
};

/** Puts a message's content blocks together from the events of a stream, as they would have come whole. */
export function createContentBuilder() {
  const blocks = new Map<unknown, GrowingBlock>();

  function begin(index: unknown, start: JsonObject): GrowingBlock {
    const block = { start, texts: new Map(), citations: [...list(start.citations)] };
    blocks.set(index, block);
    return block;
  }

  /** A block whose beginning is missing, as in a stream too long to be kept whole. */
  function restart(index: unknown, delta: JsonObject): GrowingBlock | undefined {
    const type = /^(text|thinking)_delta$/.exec(text(delta.type) ?? "")?.[1];
    return type === undefined ? undefined : begin(index, { type });
  }

  return {
    start(index: unknown, start: JsonObject): void {
      begin(index, start);
    },
    delta(index: unknown, delta: JsonObject): void {
      const block = blocks.get(index) ?? restart(index, delta);
      if (block === undefined) return;
      if (delta.citation !== undefined) block.citations.push(delta.citation);
      for (const member of ["text", "thinking", "partial_json", "content"]) {
        const part = text(delta[member]);
        if (part !== undefined) block.texts.set(member, (block.texts.get(member) ?? "") + part);
      }
    },
    content(): readonly JsonObject[] {
      return [...blocks.values()].map(({ start, texts, citations }) => ({
        ...start,
        ...grown(start, texts),
        ...(citations.length === 0 ? {} : { citations }),
      }));
    },
  };
}

function grown(start: JsonObject, texts: ReadonlyMap<string, string>): JsonObject {
  const { partial_json: json, ...parts } = Object.fromEntries(texts);
  const whole: JsonObject = Object.fromEntries(
    Object.entries(parts).map(([member, part]) => [member, (text(start[member]) ?? "") + part]),
  );
  return { ...whole, ...(json === undefined ? {} : { input: parseArguments(json) }) };
}

/** Arguments that were cut off stay the text that came. */
function parseArguments(json: string): unknown {
  return object(parseJson(json)) ?? json;
}
