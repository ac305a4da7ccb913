import type { Choice, Output } from "../domain/output.ts";
import { parseJson } from "../lib/parse-json.ts";
import { isMembers } from "./members.ts";

/** A message as the GenAI conventions write it, whatever dialect it came in. */
export type GenAiMessage = {
  readonly role: string;
  readonly parts: readonly object[];
  readonly finish_reason?: string;
};

/** What a model was given, apart as the conventions want it. */
export type GenAiInput = {
  readonly messages: readonly GenAiMessage[];
  readonly system?: readonly object[];
  readonly tools?: unknown;
};

/** Reads a recorded input of any dialect; what it doesn't know stays as it was, under its own type. */
export function genAiInput(input: unknown): GenAiInput {
  if (!isMembers(input)) return { messages: readMessages(input) };
  const system = input["system"] ?? input["systemInstruction"] ?? input["system_instruction"] ?? input["instructions"];
  return {
    messages: readMessages(input["messages"] ?? input["contents"] ?? input["input"] ?? input["prompt"]),
    ...(system === undefined ? {} : { system: readParts(isMembers(system) ? system["parts"] : system) }),
    ...(input["tools"] === undefined ? {} : { tools: input["tools"] }),
  };
}

/** One message for each choice. */
export function genAiOutput(output: Output | undefined): readonly GenAiMessage[] {
  if (output?.kind === "choices") return output.choices.map(choiceMessage);
  if (output?.kind !== "text") return [];
  return [{ role: "assistant", parts: [textPart(output.text)], finish_reason: "stop" }];
}

function choiceMessage({ text, reasoning, refusal, tool_calls = [], media = [], finish_reason }: Choice): GenAiMessage {
  const parts = [
    ...(reasoning === undefined ? [] : [{ type: "reasoning", content: reasoning }]),
    ...(text === undefined ? [] : [textPart(text)]),
    ...(refusal === undefined ? [] : [{ type: "refusal", content: refusal }]),
    ...tool_calls.map((call) => toolCall(call.id, call.name, call.arguments)),
    ...media.map((reference) => ({ ...reference, type: "media", mime_type: reference.type })),
  ];
  return { role: "assistant", parts, finish_reason: finish_reason ?? "error" };
}

function readMessages(value: unknown): readonly GenAiMessage[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(readMessage);
}

function readMessage(message: unknown): GenAiMessage {
  if (!isMembers(message)) return { role: "user", parts: readParts(message) };
  const { role, type } = message;
  if (role === "tool" || role === "function") {
    return { role: "tool", parts: [toolResponse(message["tool_call_id"] ?? message["name"], message["content"])] };
  }
  // An item of OpenAI's Responses API that is no message is a part by itself.
  if (role === undefined && typeof type === "string") {
    return { role: type.endsWith("_output") ? "tool" : "assistant", parts: [readPart(message)] };
  }
  const content = message["content"] ?? message["parts"];
  const calls = Array.isArray(message["tool_calls"]) ? message["tool_calls"].map(readToolCall) : [];
  return { role: roleOf(role), parts: [...readParts(content), ...calls] };
}

function roleOf(role: unknown): string {
  if (typeof role !== "string") return "user";
  return role === "model" ? "assistant" : role;
}

function readParts(content: unknown): readonly object[] {
  if (content === undefined || content === null) return [];
  return (Array.isArray(content) ? content : [content]).map(readPart);
}

function readPart(part: unknown): object {
  if (!isMembers(part)) return textPart(typeof part === "string" ? part : JSON.stringify(part));
  const { type, text } = part;
  const call = part["functionCall"] ?? part["function_call"];
  if (isMembers(call)) return toolCall(call["id"], call["name"], call["args"]);
  const response = part["functionResponse"] ?? part["function_response"];
  if (isMembers(response)) return toolResponse(response["id"] ?? response["name"], response["response"]);
  switch (type) {
    case "thinking":
      return { type: "reasoning", content: String(part["thinking"]) };
    case "tool_use":
      return toolCall(part["id"], part["name"], part["input"]);
    case "tool_result":
      return toolResponse(part["tool_use_id"], part["content"]);
    case "function_call":
      return toolCall(part["call_id"], part["name"], part["arguments"]);
    case "function_call_output":
      return toolResponse(part["call_id"], part["output"]);
    default:
      if (typeof text !== "string") return { ...part, type: typeof type === "string" ? type : "other" };
      return part["thought"] === true ? { type: "reasoning", content: text } : textPart(text);
  }
}

function readToolCall(call: unknown): object {
  const { id, function: named } = isMembers(call) ? call : {};
  return isMembers(named) ? toolCall(id, named["name"], named["arguments"]) : readPart(call);
}

function textPart(content: string): object {
  return { type: "text", content };
}

function toolCall(id: unknown, name: unknown, given: unknown): object {
  return { type: "tool_call", id, name, arguments: typeof given === "string" ? parseArguments(given) : given };
}

/** OpenAI writes arguments as the text of an object, which a model may have written wrongly. */
function parseArguments(text: string): unknown {
  const value = parseJson(text);
  return value === undefined ? text : value;
}

function toolResponse(id: unknown, response: unknown): object {
  return { type: "tool_call_response", id, response: response ?? null };
}
