import type { Choice, MediaReference, ToolCall } from "../domain/output.ts";
import { type JsonObject, object, objects, list, present, text } from "./json.ts";
import { fromBase64 } from "./media-reference.ts";

/** Tools that the consumer runs; all others ran at the provider. https://platform.openai.com/docs/api-reference/responses/object */
const consumersTools: ReadonlySet<string> = new Set([
  "function_call",
  "custom_tool_call",
  "computer_call",
  "local_shell_call",
  "shell_call",
  "apply_patch_call",
]);

/** Reads the output items of a response as its one choice. */
export function readItems(items: readonly JsonObject[], finishReason: string | undefined): Choice {
  const contents = items.filter(({ type }) => type === "message").map(({ content }) => objects(content));
  const parts = contents.flat();
  return {
    index: 0,
    ...present({
      text: text(contents.map(textOf).filter(Boolean).join("\n\n")),
      reasoning: text(
        items
          .filter(({ type }) => type === "reasoning")
          .flatMap(thoughtsOf)
          .join("\n\n"),
      ),
      refusal: text(parts.map((part) => text(part.refusal) ?? "").join("")),
      tool_calls: some(items.flatMap((item) => readToolCall(item) ?? [])),
      media: some(items.flatMap((item) => readImage(item) ?? [])),
      citations: some(parts.flatMap((part) => list(part.annotations))),
      finish_reason: finishReason,
    }),
  };
}

/** Counts the web searches, which are billed by the call; opening a page isn't. https://platform.openai.com/docs/pricing */
export function countSearches(items: readonly JsonObject[]): number | undefined {
  const searches = items.filter(({ type, action }) => {
    const kind = object(action)?.type;
    return type === "web_search_call" && (kind === undefined || kind === "search");
  });
  return searches.length || undefined;
}

/** Of an answer by voice (the Realtime API) the transcript is the text. */
function textOf(parts: readonly JsonObject[]): string {
  return parts.map((part) => text(part.text) ?? text(part.transcript) ?? "").join("");
}

function thoughtsOf({ summary, content }: JsonObject): readonly string[] {
  return [...objects(summary), ...objects(content)].flatMap((part) => text(part.text) ?? []);
}

function readToolCall(item: JsonObject): ToolCall | undefined {
  const type = text(item.type);
  if (type === undefined || !type.endsWith("_call") || type === "image_generation_call") return undefined;
  const kind = type.slice(0, -"_call".length);
  return {
    ...present({ id: text(item.call_id) ?? text(item.id) }),
    name: text(item.name) ?? kind,
    arguments: item.arguments ?? item.input ?? item.action ?? item.operation ?? item.code ?? item.queries ?? "",
    ...(consumersTools.has(type) ? {} : { server: kind }),
  };
}

function readImage(item: JsonObject): MediaReference | undefined {
  if (item.type !== "image_generation_call") return undefined;
  const base64 = text(item.result);
  const type = `image/${text(item.output_format) ?? "png"}`;
  return base64 === undefined ? undefined : fromBase64(type, base64, text(item.id));
}

function some<T>(values: readonly T[]): readonly T[] | undefined {
  return values.length > 0 ? values : undefined;
}
