import type { Choice, MediaReference, ToolCall } from "../domain/output.ts";
import { parseJson } from "../lib/parse-json.ts";
import { type JsonObject, list, object, objects, present, text } from "./json.ts";
import { fromBase64, fromUrl } from "./media-reference.ts";
import { overlay } from "./overlay.ts";

/** Makes one choice of an interaction's steps (or, in its older form, outputs). */
export function readSteps(steps: readonly JsonObject[], status: unknown): Choice {
  const made = steps.filter(({ type }) => type !== "user_input");
  const contents = made.flatMap((step) => [step, ...objects(step.content)]);
  const results = new Map(made.map(({ call_id, result }) => [text(call_id), result]));
  return {
    index: 0,
    ...present({
      text: join(made.map(answerText)),
      reasoning: join(made.map(thoughtText)),
      tool_calls: some(made.flatMap((step) => readCall(step, results))),
      media: some(contents.flatMap(readMedia)),
      citations: some(contents.flatMap(({ annotations }) => list(annotations))),
      finish_reason: text(status),
    }),
  };
}

/** Puts steps together from the events of a stream, as they would have come whole. */
export function createStepsBuilder() {
  const steps = new Map<unknown, GrowingStep>();

  function find(index: unknown): GrowingStep {
    const known = steps.get(index) ?? { step: {}, said: "", thought: "", args: "", contents: [], annotations: [] };
    steps.set(index, known);
    return known;
  }

  return {
    start(index: unknown, step: JsonObject): void {
      find(index).step = step;
    },
    delta(index: unknown, delta: JsonObject): void {
      grow(find(index), delta);
    },
    steps: (): readonly JsonObject[] => [...steps.values()].map(toStep),
  };
}

type GrowingStep = {
  step: JsonObject;
  said: string;
  thought: string;
  args: string;
  readonly contents: JsonObject[];
  readonly annotations: unknown[];
};

function grow(growing: GrowingStep, delta: JsonObject): void {
  switch (text(delta.type) ?? "") {
    case "text":
      growing.said += text(delta.text) ?? "";
      return;
    case "text_annotation_delta":
      growing.annotations.push(...list(delta.annotations));
      return;
    case "thought_summary":
      growing.thought += text(object(delta.content)?.text) ?? "";
      return;
    case "arguments_delta":
      growing.args += text(delta.arguments) ?? "";
      return;
    case "image":
    case "audio":
    case "video":
    case "document":
      growing.contents.push(delta);
      return;
    default:
      // The calls and results of a provider's own tools come in one piece.
      growing.step = { ...overlay(growing.step, delta), type: growing.step.type ?? delta.type };
  }
}

function toStep({ step, said, thought, args, contents, annotations }: GrowingStep): JsonObject {
  const words = said === "" && annotations.length === 0 ? [] : [{ type: "text", text: said, annotations }];
  const thoughts = thought === "" ? [] : [{ type: "text", text: thought }];
  return {
    ...step,
    content: [...list(step.content), ...words, ...contents],
    summary: [...list(step.summary), ...thoughts],
    ...(args === "" ? {} : { arguments: object(parseJson(args)) ?? args }),
  };
}

function answerText(step: JsonObject): string {
  const own = step.type === "text" ? (text(step.text) ?? "") : "";
  return (
    own +
    objects(step.content)
      .map(({ text: words }) => text(words) ?? "")
      .join("")
  );
}

function thoughtText(step: JsonObject): string {
  return objects(step.summary)
    .map(({ text: words }) => text(words) ?? "")
    .join("");
}

/** `function_call` is the consumer's to run; every other `…_call` the provider ran itself. */
function readCall(step: JsonObject, results: ReadonlyMap<string | undefined, unknown>): readonly ToolCall[] {
  const tool = /^(.+)_call$/.exec(text(step.type) ?? "")?.[1];
  if (tool === undefined) return [];
  const id = text(step.id);
  const own = { name: text(step.name) ?? tool, arguments: step.arguments ?? {} };
  if (tool === "function") return [{ ...own, ...present({ id }) }];
  const server = tool === "mcp_server_tool" ? `mcp:${text(step.server_name) ?? ""}` : tool;
  return [{ ...own, server, ...present({ id, result: id === undefined ? undefined : results.get(id) }) }];
}

function readMedia(content: JsonObject): readonly MediaReference[] {
  const kind = text(content.type) ?? "";
  if (!["image", "audio", "video", "document"].includes(kind)) return [];
  const type = text(content.mime_type) ?? kind;
  const uri = text(content.uri);
  return [uri === undefined ? fromBase64(type, text(content.data) ?? "") : fromUrl(type, uri)];
}

function join(parts: readonly string[]): string | undefined {
  return text(parts.filter((part) => part !== "").join("\n\n"));
}

function some<T>(values: readonly T[]): readonly T[] | undefined {
  return values.length === 0 ? undefined : values;
}
