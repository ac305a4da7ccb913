import { Counter, Histogram, type Registry } from "@prometheus-io/client";
import type { Exchange } from "../domain/exchange.ts";
import { usageBuckets } from "../domain/usage.ts";

/** Counts exchanges for Prometheus. */
export type ExchangeMetrics = { readonly observe: (exchange: Exchange) => void };

/** Different models that are told apart; the rest are `other`, so that nobody's inventions fill the memory. */
const maxModels = 200;

const fast = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1];
const slow = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** Registers the metrics of exchanges; durations in seconds, money in USD. */
export function createExchangeMetrics(registry: Registry): ExchangeMetrics {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, labelNames: ["provider"], buckets, registers });
  const requests = counter("weir_requests_total", "Exchanges by how they ended", [
    "provider",
    "model",
    "project",
    "status",
    "outcome",
  ]);
  const bytes = counter("weir_bytes_total", "Body bytes over the wire", ["provider", "direction"]);
  const usage = counter("weir_usage_total", "LLM tokens by billing bucket", ["provider", "model", "project", "bucket"]);
  const cost = counter("weir_cost_usd_total", "Cost of priced exchanges", ["provider", "model", "project"]);
  const unpriced = counter("weir_unpriced_total", "Exchanges without a price", ["provider", "model"]);
  const overhead = histogram("weir_overhead_seconds", "From a request's head to its way upstream", fast);
  const firstByte = histogram(
    "weir_first_byte_seconds",
    "From a request's head to the first body byte of its answer",
    slow,
  );
  const duration = histogram("weir_duration_seconds", "From a request's head to the end of its answer", slow);
  const chunkInterval = histogram(
    "weir_chunk_interval_seconds",
    "Mean pause between the chunks of a streamed answer",
    slow,
  );
  const models = new Set<string>();

  return {
    observe(exchange) {
      const provider = exchange.provider ?? "";
      const model = nameModel(exchange.model);
      const project = exchange.project_id ?? "";
      requests.inc(
        { provider, model, project, status: String(exchange.status ?? ""), outcome: exchange.outcome },
        exchange.count ?? 1,
      );
      bytes.inc({ provider, direction: "up" }, exchange.request.bytes);
      bytes.inc({ provider, direction: "down" }, exchange.response.bytes);
      // Who asks for an answer again is told its usage again.
      for (const bucket of exchange.kind === "other" ? [] : usageBuckets) {
        const count = exchange.usage[bucket];
        if (count !== undefined) usage.inc({ provider, model, project, bucket }, count);
      }
      if (exchange.cost_nano_usd !== undefined)
        cost.inc({ provider, model, project }, Number(exchange.cost_nano_usd) / 1e9);
      if (exchange.unpriced) unpriced.inc({ provider, model });
      overhead.observe({ provider }, exchange.overhead_ms / 1000);
      if (exchange.first_byte_ms !== undefined) firstByte.observe({ provider }, exchange.first_byte_ms / 1000);
      duration.observe({ provider }, exchange.duration_ms / 1000);
      const pauses = (exchange.chunks ?? 0) - 1;
      if (pauses > 0 && exchange.first_byte_ms !== undefined)
        chunkInterval.observe({ provider }, (exchange.duration_ms - exchange.first_byte_ms) / pauses / 1000);
    },
  };

  function nameModel(model = ""): string {
    if (model === "" || models.has(model)) return model;
    if (models.size >= maxModels || model.length > 100) return "other";
    models.add(model);
    return model;
  }
}
