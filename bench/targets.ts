import type { MetricName } from "./metrics.ts";

/** A figure that Weir is held to. */
export type Target = {
  readonly text: string;
  readonly unit: string;
  readonly is: "at least" | "at most";
  readonly value: number;
  /** What continuous integration insists on: its machines are shared and its runs short. */
  readonly floor: number;
  readonly measure: (find: Find) => number | undefined;
};

/** A measured median; `undefined` where that wasn't measured. */
export type Find = (caseName: string, variant: string, metric: MetricName) => number | undefined;

/** A target, what was measured, and what that means. */
export type Verdict = Omit<Target, "measure"> & {
  readonly measured?: number;
  readonly verdict: "met" | "missed" | "not measured";
  readonly missesFloor: boolean;
};

const only =
  (...place: Parameters<Find>) =>
  (find: Find) =>
    find(...place);

const ratio = (of: Parameters<Find>, to: Parameters<Find>) => (find: Find) => {
  const [above, below] = [find(...of), find(...to)];
  return above === undefined || below === undefined ? undefined : above / below;
};

const added = (of: Parameters<Find>, to: Parameters<Find>) => (find: Find) => {
  const [all, floor] = [find(...of), find(...to)];
  return all === undefined || floor === undefined ? undefined : all - floor;
};

const atLeast = { is: "at least" } as const;
const atMost = { is: "at most" } as const;

const targets: readonly Target[] = [
  {
    text: "requests/s with durable telemetry",
    unit: "× nginx",
    ...atLeast,
    value: 0.2,
    floor: 0.1,
    measure: ratio(["calls-32", "telemetry", "callsPerSecond"], ["calls-32", "nginx", "callsPerSecond"]),
  },
  {
    text: "p50 at one connection",
    unit: "× nginx",
    ...atMost,
    value: 1.25,
    floor: 2.5,
    measure: ratio(["calls-1", "telemetry", "p50Ms"], ["calls-1", "nginx", "p50Ms"]),
  },
  {
    text: "chunk delay of 500 streams, p50",
    unit: "ms",
    ...atMost,
    value: 0.1,
    floor: 1,
    measure: only("streams-500", "telemetry", "chunkDelayP50Ms"),
  },
  {
    text: "chunk delay of 500 streams, p99",
    unit: "ms",
    ...atMost,
    value: 10,
    floor: 50,
    measure: only("streams-500", "telemetry", "chunkDelayP99Ms"),
  },
  {
    text: "added time to the first body byte, p50",
    unit: "ms",
    ...atMost,
    value: 1,
    floor: 10,
    measure: only("streams-500", "telemetry", "firstByteP50Ms"),
  },
  {
    text: "memory at 500 streams",
    unit: "MB",
    ...atMost,
    value: 100,
    floor: 150,
    measure: only("streams-500", "telemetry", "memoryPeakMb"),
  },
  {
    text: "memory at 2,000 streams",
    unit: "MB",
    ...atMost,
    value: 200,
    floor: 300,
    measure: only("streams-2000", "telemetry", "memoryPeakMb"),
  },
  { text: "idle memory", unit: "MB", ...atMost, value: 70, floor: 90, measure: only("calls-1", "telemetry", "idleMb") },
  {
    text: "start, until /live answers",
    unit: "ms",
    ...atMost,
    value: 1000,
    floor: 3000,
    measure: only("calls-1", "telemetry", "startMs"),
  },
  {
    text: "added by a JSON body of 1 MB, p50",
    unit: "ms",
    ...atMost,
    value: 3,
    floor: 10,
    measure: added(["body-1m", "telemetry", "p50Ms"], ["body-1m", "direct", "p50Ms"]),
  },
  {
    text: "requests/s with a token",
    unit: "× without",
    ...atLeast,
    value: 0.95,
    floor: 0.8,
    measure: ratio(["token", "token", "callsPerSecond"], ["token", "bare", "callsPerSecond"]),
  },
  {
    text: "requests/s with limits and a budget",
    unit: "× without",
    ...atLeast,
    value: 0.9,
    floor: 0.75,
    measure: ratio(["limits", "bound", "callsPerSecond"], ["limits", "unbound", "callsPerSecond"]),
  },
  {
    text: "requests/s with everything on",
    unit: "× nginx",
    ...atLeast,
    value: 0.15,
    floor: 0.02,
    measure: ratio(["everything", "everything", "callsPerSecond"], ["everything", "nginx", "callsPerSecond"]),
  },
  {
    text: "p99 with a hung sink",
    unit: "× a well one's",
    ...atMost,
    value: 1.1,
    floor: 2,
    measure: ratio(["sink", "sink-hung", "p99Ms"], ["sink", "sink-well", "p99Ms"]),
  },
  {
    text: "p99 with a dead sink",
    unit: "× a well one's",
    ...atMost,
    value: 1.1,
    floor: 2,
    measure: ratio(["sink", "sink-dead", "p99Ms"], ["sink", "sink-well", "p99Ms"]),
  },
  {
    text: "memory that a slow reader of 200 MB adds",
    unit: "MB",
    ...atMost,
    value: 32,
    floor: 48,
    measure: only("slow-reader", "telemetry", "memoryGrowthMb"),
  },
  {
    text: "memory drift in a soak",
    unit: "of what it was",
    ...atMost,
    value: 0.1,
    floor: 0.3,
    measure: only("soak", "telemetry", "memoryDriftShare"),
  },
];

/** Judges every target by what was measured. */
export function judge(find: Find): readonly Verdict[] {
  return targets.map(({ measure, ...target }) => {
    const measured = measure(find);
    if (measured === undefined) return { ...target, verdict: "not measured", missesFloor: false };
    return {
      ...target,
      measured,
      verdict: holds(target, measured, target.value) ? "met" : "missed",
      missesFloor: !holds(target, measured, target.floor),
    };
  });
}

const holds = ({ is }: Pick<Target, "is">, measured: number, limit: number) =>
  is === "at least" ? measured >= limit : measured <= limit;
