import { countOf, listOf, objectOf, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { promptTokens } from "../prompt-tokens.ts";
import type { Prompt } from "../turn.ts";
import { questionOf, readTool, readToolChoice, thinks } from "./chat-prompt.ts";

/** What a response request asks; `before` are the LLM tokens of the responses that it goes on from. */
export function readResponsePrompt(
  body: Json,
  { model, before }: { readonly model: string; readonly before: number },
): Prompt {
  const items = listItems(body["input"]);
  return {
    model,
    inputTokens: before + promptTokens(body["instructions"], body["input"], body["tools"], body["text"]),
    question: questionOf(items),
    asked: !(textOf(items.at(-1)?.["type"]) ?? "").endsWith("_output"),
    tools: listOf(body["tools"]).flatMap((tool) => {
      const described = objectOf(tool);
      return described["type"] === "function" ? readTool(described) : [];
    }),
    toolChoice: readToolChoice(body["tool_choice"]),
    schema: readSchema(objectOf(objectOf(body["text"])["format"])),
    thinks: thinks(model, textOf(objectOf(body["reasoning"])["effort"])),
    maxTokens: countOf(body["max_output_tokens"]),
  };
}

/** The input as a list of items; text alone is a user's message. */
export function listItems(input: unknown): readonly Json[] {
  return typeof input === "string" ? [{ role: "user", content: input }] : listOf(input).map(objectOf);
}

function readSchema(format: Json): unknown {
  if (format["type"] === "json_object") return { type: "object" };
  return format["type"] === "json_schema" ? format["schema"] : undefined;
}
