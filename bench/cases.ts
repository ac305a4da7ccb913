import type { LoadPlan } from "./load.ts";

/** One situation that each variant is measured in. */
export type Case = {
  readonly name: string;
  readonly title: string;
  /** The load, for a measurement of so many seconds. */
  readonly load: (seconds: number) => LoadPlan;
  /** Which columns of the report it fills. */
  readonly columns: "calls" | "streams" | "memory";
  /** Variants of its own, instead of those chosen. */
  readonly variants?: readonly string[];
  /** How often the short form measures it; absent where it leaves it out. */
  readonly short?: number;
  /** One measurement says it all. */
  readonly once?: true;
  /** Runs only where `--cases` names it. */
  readonly onRequest?: true;
};

const calls =
  (connections: number, requestBytes = 1200) =>
  (seconds: number): LoadPlan => ({
    mode: "rps",
    connections,
    requestBytes,
    warm: seconds / 4,
    seconds,
  });

const streams =
  (connections: number, intervalMs = 20) =>
  (seconds: number): LoadPlan => ({
    mode: "streams",
    connections,
    intervalMs,
    ramp: connections / 500,
    warm: 0.5,
    seconds,
  });

/** Paced calls, so that a tail is that of a gateway with time to spare, and not of a full queue. */
const pacedCalls = (seconds: number): LoadPlan => ({
  mode: "rps",
  connections: 32,
  rate: 2000,
  ramp: 0.5,
  warm: 0.5,
  seconds,
});

const slowReader = (seconds: number): LoadPlan => ({
  mode: "streams",
  connections: 1,
  chunks: 1_000_000,
  intervalMs: 0,
  readRate: 200_000,
  seconds: seconds < 2 ? 3 : 10,
  leave: true,
});

export const cases: readonly Case[] = [
  { name: "calls-1", title: "1 connection, answers of 2 KB", load: calls(1), columns: "calls", short: 1 },
  { name: "calls-32", title: "32 connections, answers of 2 KB", load: calls(32), columns: "calls", short: 3 },
  {
    name: "streams-500",
    title: "500 streams, 50 chunks 20 ms apart",
    load: streams(500),
    columns: "streams",
    short: 1,
  },
  // As many chunks in a second as with 500 streams: what is asked is what streams cost, not what a core can do.
  { name: "streams-2000", title: "2,000 streams, 50 chunks 80 ms apart", load: streams(2000, 80), columns: "streams" },
  { name: "body-100k", title: "1 connection, requests of 100 KB", load: calls(1, 100_000), columns: "calls" },
  {
    name: "body-1m",
    title: "1 connection, requests of 1 MB",
    load: calls(1, 1_000_000),
    columns: "calls",
    short: 1,
  },
  { name: "body-10m", title: "1 connection, requests of 10 MB", load: calls(1, 10_000_000), columns: "calls" },
  {
    name: "sink",
    title: "2,000 requests/s, and a sink that is well, hangs, or refuses connections",
    load: pacedCalls,
    columns: "calls",
    variants: ["sink-well", "sink-hung", "sink-dead"],
    short: 2,
  },
  {
    name: "token",
    title: "32 connections, answers of 2 KB, with and without a token",
    load: calls(32),
    columns: "calls",
    variants: ["bare", "token"],
    short: 3,
  },
  {
    name: "limits",
    title: "32 connections, answers of 2 KB, with and without limits and a budget",
    load: calls(32),
    columns: "calls",
    variants: ["unbound", "bound"],
    short: 3,
  },
  {
    name: "everything",
    title: "32 connections, answers of 2 KB, with a token, limits, a budget and the exchange log",
    load: calls(32),
    columns: "calls",
    variants: ["nginx", "everything"],
    short: 2,
  },
  {
    name: "slow-reader",
    title: "a stream of 200 MB, read at 200 KB/s",
    load: slowReader,
    columns: "memory",
    variants: ["telemetry"],
    once: true,
    short: 1,
  },
  {
    name: "soak",
    title: "2,000 requests/s for a minute, or for --seconds",
    load: (seconds) => pacedCalls(Math.max(60, seconds)),
    columns: "memory",
    variants: ["telemetry"],
    once: true,
    onRequest: true,
  },
];

/** The case of this name. */
export function findCase(name: string): Case | undefined {
  return cases.find((each) => each.name === name);
}
