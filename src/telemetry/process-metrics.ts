import type { Registry } from "@prometheus-io/client";

/** What only the request thread knows. */
export type ProcessFacts = {
  readonly inFlight: () => number;
  readonly queue: () => { readonly records: number; readonly bytes: number; readonly bodiesDropped: number };
  readonly lost: () => number;
  readonly restarts: () => number;
  readonly late: () => number;
  readonly isDatabaseAlive: () => Promise<boolean>;
  /** Tokens whose access is in memory. */
  readonly knownTokens: () => number;
  /** Calls that limits refused since the start, by figure. */
  readonly limitRefusals: () => readonly {
    readonly scope: string;
    readonly metric: string;
    readonly window: string;
    readonly count: number;
  }[];
  /** What came of asking the cache; absent where there is none. */
  readonly cache?: (() => CacheFacts) | undefined;
};

/** The cache's counts since the start, and what it holds where that is known. */
export type CacheFacts = {
  readonly hits: number;
  readonly misses: number;
  readonly bypassed: number;
  readonly stored: number;
  readonly size?: { readonly entries: number; readonly bytes: number } | undefined;
};

/** The metrics of the process. */
export type ProcessMetrics = {
  /** Loads what writes them when somebody asks for the first time: it is megabytes. */
  readonly read: () => Promise<Registry>;
  readonly stop: () => void;
};

const lagEveryMs = 500;

/** Begins to measure; durations in seconds, sizes in bytes. */
export function createProcessMetrics(facts: ProcessFacts): ProcessMetrics {
  const lag = measureLag();
  let registry: Promise<Registry> | undefined;
  return { read: () => (registry ??= createRegistry(facts, lag.takeWorst)), stop: lag.stop };
}

async function createRegistry(facts: ProcessFacts, takeWorstLag: () => number): Promise<Registry> {
  const { Counter, Gauge, Registry: PrometheusRegistry } = await import("@prometheus-io/client");
  const registry = new PrometheusRegistry();
  const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
    void new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.set(await read());
      },
    });
  const counter = (name: string, help: string, read: () => number) =>
    void new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  gauge("weir_in_flight", "Exchanges under way", facts.inFlight);
  gauge(
    "weir_capture_queue_records",
    "Captures that the telemetry worker has not recorded yet",
    () => facts.queue().records,
  );
  gauge("weir_capture_queue_bytes", "Bytes of those captures", () => facts.queue().bytes);
  counter(
    "weir_capture_bodies_dropped_total",
    "Captures whose bodies were shortened because the queue was full",
    () => facts.queue().bodiesDropped,
  );
  gauge("weir_database_up", "1 where the database of projects and tokens answers", async () =>
    (await facts.isDatabaseAlive()) ? 1 : 0,
  );
  gauge("weir_tokens_known", "Tokens that are checked without asking the database", facts.knownTokens);
  void new Counter({
    name: "weir_limit_refusals_total",
    help: "Calls that a limit refused",
    labelNames: ["scope", "metric", "window"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { count, ...figure } of facts.limitRefusals()) this.inc(figure, count);
    },
  });
  const { cache } = facts;
  if (cache) {
    counter("weir_cache_hits_total", "Answers that were given from the cache", () => cache().hits);
    counter("weir_cache_misses_total", "Answers that the cache had to ask an upstream for", () => cache().misses);
    counter("weir_cache_bypass_total", "Calls that the cache had no part in", () => cache().bypassed);
    counter("weir_cache_stores_total", "Answers that were kept", () => cache().stored);
    if (cache().size) {
      gauge("weir_cache_entries", "Answers in the cache", () => cache().size?.entries ?? 0);
      gauge("weir_cache_bytes", "Bytes of the answers in the cache", () => cache().size?.bytes ?? 0);
    }
  }
  counter("weir_capture_lost_total", "Captures that were never recorded", facts.lost);
  counter(
    "weir_strict_timeouts_total",
    "Answers that were broken off because their record was not durable in time",
    facts.late,
  );
  counter("weir_worker_restarts_total", "Starts of the telemetry worker after a crash", facts.restarts);
  gauge("process_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss());
  counter("process_cpu_seconds_total", "Processor time of all threads", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  gauge("weir_event_loop_lag_seconds", "Longest delay of the request thread since the last scrape", takeWorstLag);
  return registry;
}

/** How much later than planned a timer of the request thread fires. */
function measureLag(): { readonly takeWorst: () => number; readonly stop: () => void } {
  let worst = 0;
  let expected = performance.now() + lagEveryMs;
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - expected);
    expected = now + lagEveryMs;
  }, lagEveryMs);
  return {
    takeWorst() {
      const seconds = Math.max(0, worst) / 1000;
      worst = 0;
      return seconds;
    },
    stop: () => clearInterval(timer),
  };
}
