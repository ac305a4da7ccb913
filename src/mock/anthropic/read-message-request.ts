import type { Wishes } from "../directives.ts";
import { countOf, isObject, listOf, objectOf, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import type { Prompt, Tool } from "../turn.ts";
import { cacheUsage, contentOf, inputTokens } from "./cache-usage.ts";

/** What is wrong with a request for a message, in Anthropic's words; `undefined` where nothing is. */
export function faultOf(request: Json): string | undefined {
  if (textOf(request["model"]) === undefined) return "model: Field required";
  if (countOf(request["max_tokens"]) === undefined) return "max_tokens: Field required";
  return messagesFault(request);
}

/** The same, of a request that only counts. */
export function messagesFault({ messages }: Json): string | undefined {
  if (!Array.isArray(messages)) return "messages: Field required";
  if (messages.length === 0) return "messages: at least one message is required";
  for (const [index, message] of messages.entries()) {
    const role = objectOf(message)["role"];
    if (role !== "user" && role !== "assistant" && role !== "system") {
      return `messages.${index}.role: Input should be 'user', 'assistant' or 'system'`;
    }
  }
  return undefined;
}

/** Reads a request for a message; a length that the model's name asks for outdoes `max_tokens`, which nobody can leave out. */
export function readMessageRequest(request: Json, model: string, wishes: Wishes): Prompt {
  const last = objectOf(listOf(request["messages"]).at(-1));
  const content = contentOf(last["content"]).map(objectOf);
  const longAsked = wishes.answer.kind === "big" || wishes.answer.kind === "chunks";
  const format = objectOf(objectOf(request["output_config"])["format"] ?? request["output_format"]);
  const thinking = objectOf(request["thinking"])["type"];
  return {
    model,
    inputTokens: inputTokens(request),
    question: content.map((block) => textOf(block["text"]) ?? "").join("\n"),
    asked: last["role"] === "user" && !content.some((block) => block["type"] === "tool_result"),
    tools: listOf(request["tools"]).flatMap(readTool),
    toolChoice: readChoice(objectOf(request["tool_choice"])),
    thinks: thinking === "enabled" || thinking === "adaptive",
    cache: cacheUsage(request),
    ...(isObject(format["schema"]) ? { schema: format["schema"] } : {}),
    ...(longAsked ? {} : { maxTokens: countOf(request["max_tokens"]) }),
  };
}

/** The provider's own tools have no schema, and aren't called. */
function readTool(tool: unknown): readonly Tool[] {
  const { name, input_schema: schema } = objectOf(tool);
  return typeof name === "string" && isObject(schema) ? [{ name, schema }] : [];
}

function readChoice({ type, name }: Json): Prompt["toolChoice"] {
  if (type === "none") return "none";
  return type === "tool" && typeof name === "string" ? { name } : "any";
}
