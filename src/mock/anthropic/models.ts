import type { Answer } from "../dialect.ts";
import type { AnthropicCall } from "./anthropic-call.ts";
import { jsonAnswer } from "./anthropic-head.ts";
import { listPage } from "./list-page.ts";

const names = ["claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5-20251001", "mock-text"];

/** `GET /v1/models`, and of one model, whatever its name. */
export function answerModels({ head }: AnthropicCall, rest: string): Answer {
  const id = decoded(rest.slice(1));
  return jsonAnswer(id === "" ? listPage(names.map(describe)) : describe(id), head);
}

function describe(id: string): { readonly id: string; readonly [member: string]: unknown } {
  return {
    type: "model",
    id,
    display_name: id,
    created_at: "2026-01-01T00:00:00Z",
    max_input_tokens: 200_000,
    max_tokens: 64_000,
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
