import type { Turn } from "../turn.ts";

/** Why a choice ended, in this API's words. */
export function finishReason({ finish }: Turn): string {
  return finish === "calls" ? "tool_calls" : finish;
}
