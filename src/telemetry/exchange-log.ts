import type { Exchange } from "../domain/exchange.ts";
import type { FactLog } from "../lib/log.ts";

/** Writes the line of an exchange: what it was, how it ended, what it took; never a body, never a secret. */
export function logExchange(log: FactLog, exchange: Exchange): void {
  if (!log.writes("info")) return;
  const { usage, attribution } = exchange;
  const { raw: _, ...counts } = usage;
  const about = {
    exchange_id: exchange.id,
    trace_id: exchange.trace_id,
    span_id: exchange.span_id,
    request_id: attribution.request_id,
    method: exchange.method,
    path: exchange.query === undefined ? exchange.path : `${exchange.path}?${exchange.query}`,
    provider: exchange.provider,
    dialect: exchange.dialect,
    model: exchange.model,
    streaming: exchange.streaming,
    status: exchange.status,
    outcome: exchange.outcome,
    cause: exchange.cause,
    duration_ms: exchange.duration_ms,
    ttft_ms: exchange.first_byte_ms,
    bytes_up: exchange.request.bytes,
    bytes_down: exchange.response.bytes,
    usage: usage.source === "none" ? undefined : counts,
    cost_nano_usd: exchange.cost_nano_usd,
    user: attribution.user,
    session: attribution.session,
    project_id: exchange.project_id,
    token_id: exchange.token_id,
    count: exchange.count,
  };
  log.write(exchange.outcome === "failed" ? "warn" : "info", about, "exchange");
}
