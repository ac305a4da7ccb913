import type { Exchange } from "../domain/exchange.ts";
import type { ExchangeRow } from "./exchange-tables.ts";
import { storableText } from "./storable-text.ts";

/** What an exchange's row takes beside its texts, with its places in the indexes. Bytes. */
const overhead = 800;

/** What is looked for is in indexes, which hold no longer text. Characters. */
const longestKey = 200;

/** Far more than any exchange takes, and few enough that sums of them stay exact. */
const mostTokens = 1e10;
const mostNanoUsd = 1e14;

/** An exchange's row; `tip` is the last node of its conversation. */
export function toExchangeRow(exchange: Exchange, tip: string | null): ExchangeRow {
  const { input: _, parameters, output, ...facts } = exchange;
  const written = JSON.stringify(facts);
  const rest =
    parameters === undefined && output === undefined
      ? null
      : Bun.zstdCompressSync(JSON.stringify({ parameters, output }), { level: 1 });
  const { usage, attribution } = exchange;
  const tokens = tokensOf(usage);
  return {
    id: exchange.id,
    started_at: Date.parse(exchange.started_at),
    kind: exchange.kind,
    provider: toKey(exchange.provider),
    model: toKey(exchange.model),
    project_id: toKey(exchange.project_id),
    token_id: toKey(exchange.token_id),
    user_id: toKey(attribution.user),
    session_id: toKey(attribution.session),
    trace_id: exchange.trace_id,
    method: exchange.method,
    path: storableText(exchange.path),
    status: exchange.status ?? null,
    outcome: exchange.outcome,
    cause: exchange.cause === undefined ? null : storableText(exchange.cause),
    streaming: exchange.streaming ? 1 : 0,
    cache: exchange.cache ?? null,
    duration_ms: exchange.duration_ms,
    first_byte_ms: exchange.first_byte_ms ?? null,
    input_tokens: tokens.input,
    output_tokens: tokens.output,
    cost_nano_usd: exchange.cost_nano_usd === undefined ? null : readMoney(exchange.cost_nano_usd),
    unpriced: exchange.unpriced ? 1 : 0,
    facts: written,
    tip,
    rest,
    size: written.length + (rest?.length ?? 0) + overhead,
  };
}

/** A text that is looked for; null where there is none. */
export function toKey(text: string | undefined): string | null {
  return text === undefined ? null : storableText(text.length > longestKey ? text.slice(0, longestKey) : text);
}

/** A count of LLM tokens as a column holds it. */
export function toCount(count: number | undefined): number {
  return count === undefined ? 0 : Math.min(mostTokens, Math.round(count));
}

/** Nano-dollars as a column holds them, from text. */
export function readMoney(text: string | undefined): number {
  const amount = Number(text ?? 0);
  return Number.isFinite(amount) ? Math.max(-mostNanoUsd, Math.min(mostNanoUsd, Math.round(amount))) : 0;
}

function tokensOf(usage: Exchange["usage"]): { readonly input: number; readonly output: number } {
  const { input, input_cached, input_cache_write_5m, input_cache_write_1h, input_audio, input_image } = usage;
  const { output, output_reasoning, output_audio, output_image } = usage;
  const sum = (counts: readonly (number | undefined)[]) => counts.reduce((so: number, count) => so + toCount(count), 0);
  return {
    input: sum([input, input_cached, input_cache_write_5m, input_cache_write_1h, input_audio, input_image]),
    output: sum([output, output_reasoning, output_audio, output_image]),
  };
}
