import type { Case } from "./cases.ts";
import { waitUntilQuiet, watchMemory } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import type { SharedPorts } from "./launch.ts";
import { runLoad } from "./load.ts";
import type { LoadResult, LoadTool } from "./load.ts";
import { median, readMetrics } from "./metrics.ts";
import type { Metrics } from "./metrics.ts";
import { coreSeconds, cpuSeconds, residentMb } from "./proc.ts";
import { readRecords } from "./records.ts";
import type { Records } from "./records.ts";

/** What a measurement is made with. */
export type Instruments = {
  readonly load: LoadTool;
  readonly ports: SharedPorts;
  /** Absent where nothing is pinned. */
  readonly gatewayCore: number | undefined;
};

/** One measurement, and what failed in it. */
export type Measurement = { readonly metrics: Metrics; readonly failures: string | undefined };

/** Loads the gateway once, and counts what it does until it has nothing left to do. */
export async function measure(
  gateway: Gateway,
  benchCase: Case,
  seconds: number,
  tools: Instruments,
): Promise<Measurement> {
  const plan = benchCase.load(seconds);
  const before = await look(gateway, tools.gatewayCore);
  const memory = watchMemory(gateway);
  const result = await runLoad(tools.load, tools.ports.upstream, gateway, plan);
  const seen = memory.stop();
  const backlogSeconds = await waitUntilQuiet(gateway);
  const after = await look(gateway, tools.gatewayCore);
  const ofProcess =
    gateway.child === undefined ? {} : { backlogSeconds, ...readMemory(seen, residentMb(gateway.pids)) };
  return {
    metrics: { ...readMetrics(result, plan.mode === "streams"), ...ofProcess, ...compare(before, after, result) },
    failures: describeFailures(result),
  };
}

type Look = {
  readonly at: number;
  readonly cpu: number;
  readonly core: number | undefined;
  readonly records: Records | undefined;
};

async function look({ pids, port, variant }: Gateway, core: number | undefined): Promise<Look> {
  return {
    at: performance.now() / 1000,
    cpu: cpuSeconds(pids),
    core: core === undefined ? undefined : coreSeconds(core),
    records: variant.records === true ? await readRecords(port) : undefined,
  };
}

/** What is done after an answer has ended, telemetry above all, counts too. */
function compare(before: Look, after: Look, { calls, chunks }: LoadResult): Metrics {
  const cpu = after.cpu - before.cpu;
  return {
    ...(calls > 0 && cpu > 0 ? { cpuPerCallUs: (cpu / calls) * 1e6 } : {}),
    ...(chunks !== undefined && chunks > 0 && cpu > 0 ? { cpuPerChunkUs: (cpu / chunks) * 1e6 } : {}),
    ...(before.core !== undefined && after.core !== undefined
      ? { othersShare: Math.max(0, after.core - before.core - cpu) / (after.at - before.at) }
      : {}),
    ...(calls > 0 && before.records !== undefined && after.records !== undefined
      ? {
          recordedShare: (after.records.recorded - before.records.recorded) / calls,
          shortenedShare: (after.records.shortened - before.records.shortened) / calls,
        }
      : {}),
  };
}

function readMemory(seen: readonly number[], memoryAfterMb: number): Metrics {
  const memoryPeakMb = Math.max(...seen);
  const half = Math.floor(seen.length / 2);
  const quarter = Math.floor(seen.length / 4);
  return {
    memoryPeakMb,
    memoryAfterMb,
    memoryGrowthMb: memoryPeakMb - (seen[0] ?? 0),
    memoryDriftShare: median(seen.slice(-quarter)) / median(seen.slice(quarter, half)) - 1,
  };
}

function describeFailures({ failed, failures }: LoadResult): string | undefined {
  if (failed === 0) return undefined;
  const kinds = Object.entries(failures).flatMap(([kind, count]) => (count > 0 ? [`${kind} ${count}`] : []));
  return `${failed} calls failed (${kinds.join(", ")})`;
}
