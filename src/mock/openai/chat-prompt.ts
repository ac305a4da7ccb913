import { countOf, listOf, objectOf, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { promptTokens } from "../prompt-tokens.ts";
import type { Prompt, Tool } from "../turn.ts";

/** What a chat completion request asks. */
export function readChatPrompt(body: Json, model: string): Prompt {
  const messages = listOf(body["messages"]).map(objectOf);
  return {
    model,
    inputTokens: promptTokens(messages, body["tools"], body["response_format"]),
    question: questionOf(messages),
    asked: !["tool", "function"].includes(textOf(messages.at(-1)?.["role"]) ?? ""),
    tools: listOf(body["tools"]).flatMap((tool) => readTool(objectOf(objectOf(tool)["function"]))),
    toolChoice: readToolChoice(body["tool_choice"]),
    schema: readSchema(objectOf(body["response_format"])),
    thinks: thinks(model, textOf(body["reasoning_effort"])),
    maxTokens: countOf(body["max_completion_tokens"]) ?? countOf(body["max_tokens"]),
  };
}

/** What the last message of a user says, its text parts together. */
export function questionOf(messages: readonly Json[]): string {
  return contentText(messages.findLast((message) => message["role"] === "user")?.["content"]);
}

/** A function as chat and responses describe it. */
export function readTool(described: Json): Tool[] {
  const name = textOf(described["name"]);
  return name === undefined ? [] : [{ name, schema: described["parameters"] }];
}

/** What `tool_choice` allows; the name of a function stands in it at two depths. */
export function readToolChoice(choice: unknown): Prompt["toolChoice"] {
  if (choice === "none") return "none";
  const name = textOf(objectOf(objectOf(choice)["function"])["name"]) ?? textOf(objectOf(choice)["name"]);
  return name === undefined ? "any" : { name };
}

/** Whether a model thinks before it speaks. */
export function thinks(model: string, effort: string | undefined): boolean {
  if (effort !== undefined) return effort !== "none";
  return /^o\d/.test(model);
}

function readSchema(format: Json): unknown {
  if (format["type"] === "json_object") return { type: "object" };
  return format["type"] === "json_schema" ? objectOf(format["json_schema"])["schema"] : undefined;
}

function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  return listOf(content)
    .map((part) => textOf(objectOf(part)["text"]) ?? "")
    .join("");
}
