import { Refusal } from "../domain/refusal.ts";
import { type Call, isJson } from "./call.ts";
import { decide } from "./decide.ts";

/** Checks a request's body before it is forwarded; throws a `Refusal` that names what is wrong. */
export type Validation = (call: Pick<Call, "route" | "grant" | "body" | "method" | "headers">) => void;

type Fields = Readonly<Record<string, unknown>>;

/** Creates the check of Anthropic's message requests; switched off, everything passes. Unknown fields always do, and so does what we don't look into. */
export function createValidation(enabled: boolean): Validation {
  return ({ route: { dialect, path }, grant, body, method, headers }) => {
    if (dialect.name !== "anthropic-messages" || !decide({ grant }, "validate", enabled)) return;
    if (method !== "POST" || !/^\/v1\/messages\/?$/.test(path)) return;
    // What is packed, or too large to be held, isn't looked into: the provider judges it.
    if ("content-encoding" in headers || (body.kind === "stream" && isJson(headers["content-type"]))) return;
    if (body.kind !== "whole") throw invalid("the body must be a JSON object");
    const fault = findFault(parse(body.bytes));
    if (fault) throw invalid(fault);
  };
}

function invalid(fault: string): Refusal {
  return new Refusal("body_invalid", { message: `This request is not valid: ${fault}.` });
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw invalid("the body must be JSON, and it can't be parsed");
  }
}

/** https://docs.claude.com/en/api/messages */
function findFault(body: unknown): string | undefined {
  if (!isFields(body)) return "the body must be a JSON object";
  const { model, max_tokens, messages, system } = body;
  if (typeof model !== "string" || model === "") return "model must be a string that names a model";
  if (typeof max_tokens !== "number" || !Number.isInteger(max_tokens) || max_tokens < 1)
    return "max_tokens must be a whole number from 1";
  if (system !== undefined && typeof system !== "string" && !Array.isArray(system))
    return "system must be a string or a list of text blocks";
  if (!Array.isArray(messages) || messages.length === 0) return "messages must be a list with at least one message";
  return firstFault(messages, (message, at) => findMessageFault(message, `messages[${at}]`));
}

function findMessageFault(message: unknown, name: string): string | undefined {
  if (!isFields(message)) return `${name} must be an object`;
  const { role, content } = message;
  if (role !== "user" && role !== "assistant" && role !== "system")
    return `${name}.role must be "user", "assistant" or "system"`;
  if (typeof content === "string") return undefined;
  if (!Array.isArray(content)) return `${name}.content must be a string or a list of content blocks`;
  return firstFault(content, (block, at) =>
    isFields(block) && typeof block["type"] === "string"
      ? undefined
      : `${name}.content[${at}] must be an object with a type`,
  );
}

function firstFault(
  items: readonly unknown[],
  find: (item: unknown, at: number) => string | undefined,
): string | undefined {
  for (const [at, item] of items.entries()) {
    const fault = find(item, at);
    if (fault) return fault;
  }
  return undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
