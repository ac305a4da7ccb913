import type { UsageBuckets } from "../../domain/usage.ts";
import { isObject, listOf, objectOf } from "../json.ts";
import type { Json } from "../json.ts";
import { promptLength } from "../prompt-tokens.ts";
import { tokensIn } from "../text.ts";

type CacheUsage = Pick<UsageBuckets, "input_cached" | "input_cache_write_5m" | "input_cache_write_1h">;

/**
 * What a request's `cache_control` marks make of its input: in a conversation's first turn all that is marked is written, for
 * as long as each mark says; later only what the last message adds, and the rest is read.
 */
export function cacheUsage(request: Json): CacheUsage {
  const blocks = [...blocksOf(request)];
  const firstTurn = listOf(request["messages"]).every((message) => objectOf(message)["role"] !== "assistant");
  const usage = { input_cached: 0, input_cache_write_5m: 0, input_cache_write_1h: 0 };
  let length = 0;
  let counted = 0;

  for (const [index, { block, newest }] of blocks.entries()) {
    length += promptLength(block);
    const mark = block["cache_control"] ?? (index === blocks.length - 1 ? request["cache_control"] : undefined);
    if (!isObject(mark)) continue;
    const written = mark["ttl"] === "1h" ? "input_cache_write_1h" : "input_cache_write_5m";
    // Rounded down, so that the parts never exceed the whole.
    const tokens = Math.floor(length / 4);
    usage[firstTurn || newest ? written : "input_cached"] += tokens - counted;
    counted = tokens;
  }
  return usage;
}

/** Tools, system and messages, block by block: the order in which Anthropic caches. */
function* blocksOf({ tools, system, messages }: Json): Generator<{ readonly block: Json; readonly newest: boolean }> {
  for (const block of [...listOf(tools), ...contentOf(system)]) yield { block: objectOf(block), newest: false };
  const last = listOf(messages).length - 1;
  for (const [index, message] of listOf(messages).entries()) {
    for (const block of contentOf(objectOf(message)["content"])) {
      yield { block: objectOf(block), newest: index === last };
    }
  }
}

/** Text alone stands for a block of it. */
export function contentOf(content: unknown): readonly unknown[] {
  return typeof content === "string" ? [{ text: content }] : listOf(content);
}

/** The tokens of a request's input, as `count_tokens` and a message's usage tell them. */
export function inputTokens({ tools, system, messages }: Json): number {
  return Math.max(1, tokensIn(promptLength([tools, system, messages])));
}
