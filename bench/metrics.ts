import type { LoadResult } from "./load.ts";

/** What is known of a variant in a case; absent where it wasn't measured. */
export type Metrics = Partial<Record<MetricName, number>>;

export type MetricName =
  | "callsPerSecond"
  | "chunksPerSecond"
  | "p50Ms"
  | "p99Ms"
  | "p999Ms"
  | "chunkDelayP50Ms"
  | "chunkDelayP99Ms"
  | "chunkDelayP999Ms"
  | "firstByteP50Ms"
  | "firstByteP99Ms"
  | "cpuPerCallUs"
  | "cpuPerChunkUs"
  | "loadCpuShare"
  | "memoryPeakMb"
  | "memoryAfterMb"
  | "memoryGrowthMb"
  | "memoryDriftShare"
  | "backlogSeconds"
  | "recordedShare"
  | "shortenedShare"
  | "othersShare"
  | "startMs"
  | "idleMb";

/** What the load tool saw, in our units. */
export function readMetrics(result: LoadResult, isStreams: boolean): Metrics {
  const calls: Metrics = { loadCpuShare: result.load_cpu_share };
  if (!isStreams) {
    return {
      ...calls,
      callsPerSecond: result.calls_per_second,
      p50Ms: result.latency_us.p50 / 1000,
      p99Ms: result.latency_us.p99 / 1000,
      p999Ms: result.latency_us.p999 / 1000,
    };
  }
  const { chunks_per_second: chunksPerSecond, chunk_delay_us: delay, first_byte_added_us: firstByte } = result;
  if (chunksPerSecond === undefined || delay === undefined || firstByte === undefined) return calls;
  return {
    ...calls,
    chunksPerSecond,
    chunkDelayP50Ms: delay.p50 / 1000,
    chunkDelayP99Ms: delay.p99 / 1000,
    chunkDelayP999Ms: delay.p999 / 1000,
    firstByteP50Ms: firstByte.p50 / 1000,
    firstByteP99Ms: firstByte.p99 / 1000,
  };
}

/** Each metric's median over the measurements that have it. */
export function medians(measurements: readonly Metrics[]): Metrics {
  const names = new Set(measurements.flatMap((each) => Object.keys(each).filter(isMetricName(each))));
  return Object.fromEntries([...names].map((name) => [name, median(measurements.flatMap((each) => each[name] ?? []))]));
}

const isMetricName =
  (metrics: Metrics) =>
  (name: string): name is MetricName =>
    name in metrics;

/** The middle value; between two, their mean. `NaN` for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}
