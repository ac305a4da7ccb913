import { Counter, Histogram, type Registry } from "@prometheus-io/client";
import type { Exchange } from "../domain/exchange.ts";
import { type UsageBucket, usageBuckets } from "../domain/usage.ts";

/** Counts exchanges for Prometheus. */
export type ExchangeMetrics = { readonly observe: (exchanges: readonly Exchange[]) => void };

/** What exchanges with the same labels come to: looking labels up costs more than adding. */
type Sum = {
  readonly first: Exchange;
  readonly model: string;
  count: number;
  up: number;
  down: number;
  costUsd: number | undefined;
  unpriced: number;
  readonly usage: Partial<Record<UsageBucket, number>>;
};

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
    observe(exchanges) {
      const sums = new Map<string, Sum>();
      for (const exchange of exchanges) {
        add(sums, exchange);
        observeTimes(exchange);
      }
      for (const sum of sums.values()) count(sum);
    },
  };

  function add(sums: Map<string, Sum>, exchange: Exchange): void {
    const model = nameModel(exchange);
    const { provider = "", project_id: project = "", status = "", outcome } = exchange;
    const key = `${provider}\n${model}\n${project}\n${status}\n${outcome}`;
    let sum = sums.get(key);
    if (!sum) {
      sum = { first: exchange, model, count: 0, up: 0, down: 0, costUsd: undefined, unpriced: 0, usage: {} };
      sums.set(key, sum);
    }
    sum.count += exchange.count ?? 1;
    sum.up += exchange.request.bytes;
    sum.down += exchange.response.bytes;
    if (exchange.cost_nano_usd !== undefined) sum.costUsd = (sum.costUsd ?? 0) + Number(exchange.cost_nano_usd) / 1e9;
    if (exchange.unpriced) sum.unpriced += 1;
    // Who asks for an answer again is told its usage again.
    if (exchange.kind === "other") return;
    for (const bucket of usageBuckets) {
      const used = exchange.usage[bucket];
      if (used !== undefined) sum.usage[bucket] = (sum.usage[bucket] ?? 0) + used;
    }
  }

  function count({ first, model, ...sum }: Sum): void {
    const { provider = "", project_id: project = "", status = "", outcome } = first;
    requests.inc({ provider, model, project, status: String(status), outcome }, sum.count);
    bytes.inc({ provider, direction: "up" }, sum.up);
    bytes.inc({ provider, direction: "down" }, sum.down);
    for (const bucket of usageBuckets) {
      const used = sum.usage[bucket];
      if (used !== undefined) usage.inc({ provider, model, project, bucket }, used);
    }
    if (sum.costUsd !== undefined) cost.inc({ provider, model, project }, sum.costUsd);
    if (sum.unpriced > 0) unpriced.inc({ provider, model }, sum.unpriced);
  }

  function observeTimes(exchange: Exchange): void {
    const labels = { provider: exchange.provider ?? "" };
    overhead.observe(labels, exchange.overhead_ms / 1000);
    if (exchange.first_byte_ms !== undefined) firstByte.observe(labels, exchange.first_byte_ms / 1000);
    duration.observe(labels, exchange.duration_ms / 1000);
    const pauses = (exchange.chunks ?? 0) - 1;
    if (pauses > 0 && exchange.first_byte_ms !== undefined)
      chunkInterval.observe(labels, (exchange.duration_ms - exchange.first_byte_ms) / pauses / 1000);
  }

  function nameModel(exchange: Exchange): string {
    const { model = "" } = exchange;
    if (model === "" || models.has(model)) return model;
    if (models.size >= maxModels || model.length > 100 || !isAnswered(exchange)) return "other";
    models.add(model);
    return model;
  }
}

/** Whether an upstream took the model's name for one: what is refused may name anything, and would take the names that are told apart. */
function isAnswered({ status = 0, usage }: Exchange): boolean {
  return (status >= 200 && status < 300) || usage.source === "provider";
}
