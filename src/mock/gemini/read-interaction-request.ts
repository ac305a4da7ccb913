import { countOf, isObject, listOf, objectOf, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { promptTokens } from "../prompt-tokens.ts";
import type { Prompt, Tool } from "../turn.ts";

/** Reads a request for an interaction, whose input is text, a content, or a list of contents, steps or turns. */
export function readInteractionRequest(request: Json, model: string): Prompt {
  const config = objectOf(request["generation_config"]);
  const format = objectOf(request["response_format"]);
  const last = lastOf(request["input"]);
  return {
    model,
    inputTokens: promptTokens(request["input"], request["system_instruction"], request["tools"]),
    question: textIn(last),
    asked: objectOf(last)["type"] !== "function_result" && !JSON.stringify(last).includes('"function_result"'),
    tools: listOf(request["tools"]).flatMap(readTool),
    toolChoice: config["tool_choice"] === "none" ? "none" : "any",
    thinks: textOf(config["thinking_level"]) !== undefined || config["thinking_summaries"] === "auto",
    ...(Object.keys(format).length === 0 ? {} : { schema: isObject(format["schema"]) ? format["schema"] : format }),
    maxTokens: countOf(config["max_output_tokens"]),
  };
}

function lastOf(input: unknown): unknown {
  return Array.isArray(input) ? (listOf(input).at(-1) ?? "") : (input ?? "");
}

function textIn(item: unknown): string {
  if (typeof item === "string") return item;
  const { text, content } = objectOf(item);
  if (typeof text === "string") return text;
  return Array.isArray(content) ? content.map(textIn).join("\n") : (textOf(content) ?? "");
}

function readTool(tool: unknown): readonly Tool[] {
  const { type, name, parameters } = objectOf(tool);
  return type === "function" && typeof name === "string" ? [{ name, schema: parameters ?? {} }] : [];
}
