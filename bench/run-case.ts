import type { Case } from "./cases.ts";
import type { Children } from "./children.ts";
import { startGateway, waitUntilQuiet } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";
import { runLoad } from "./load.ts";
import { measure } from "./measure.ts";
import type { Instruments } from "./measure.ts";
import { medians } from "./metrics.ts";
import type { Metrics } from "./metrics.ts";
import { freePort } from "./ports.ts";
import { residentMb } from "./proc.ts";
import type { Variant } from "./variants.ts";

/** What a case is run with; `dir` holds what the gateways write. */
export type Bench = Instruments & {
  readonly children: Children;
  readonly dir: string;
  /** A gateway lives for weeks, so that what it does while its code is still being compiled is no measure of it. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly repeats: (benchCase: Case) => number;
};

/** What came of a variant in a case: the medians, each measurement, and what went wrong. */
export type VariantResult = {
  readonly metrics: Metrics;
  readonly measurements: readonly Metrics[];
  readonly errors: readonly string[];
};

/** By the variant's name. */
export type CaseResult = Readonly<Record<string, VariantResult>>;

/** How long fresh processes have until their idle memory is read. */
const SETTLE_MS = 1_000;

/** Starts the variants afresh and measures them in turn, A B C A B C …, so that what drifts drifts for all. */
export async function runCase(benchCase: Case, variants: readonly Variant[], bench: Bench): Promise<CaseResult> {
  const runs = variants.map((variant) => createRun(variant, benchCase, bench));
  try {
    for (const run of runs) await run.start();
    await Bun.sleep(SETTLE_MS);
    for (const run of runs) run.readIdle();
    if (benchCase.once !== true) for (const run of runs) await run.warmUp();
    for (let repeat = 0; repeat < bench.repeats(benchCase); repeat++) {
      for (const run of runs) await run.measure();
    }
  } finally {
    await Promise.all(runs.map((run) => run.stop()));
  }
  return Object.fromEntries(runs.map((run) => [run.name, run.result()]));
}

/** One variant's part in a case; a failure of it is noted and stops nobody else. */
function createRun(variant: Variant, benchCase: Case, bench: Bench) {
  const measurements: Metrics[] = [];
  const errors: string[] = [];
  let gateway: Gateway | undefined;
  let idle: Metrics = {};

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => errors.push(error instanceof Error ? error.message : String(error)));
  };

  return {
    name: variant.name,
    start: () =>
      attempt(async () => {
        const place = { dir: `${bench.dir}/${benchCase.name}-${variant.name}`, port: freePort(), ports: bench.ports };
        gateway = await startGateway(variant, bench.children, place, bench.gatewayCore);
      }),
    readIdle: () => {
      if (gateway?.startMs !== undefined) idle = { startMs: gateway.startMs, idleMb: residentMb(gateway.pids) };
    },
    warmUp: () =>
      attempt(async () => {
        if (gateway?.child === undefined) return;
        await runLoad(bench.load, bench.ports.upstream, gateway, benchCase.load(bench.warmUpSeconds));
        await waitUntilQuiet(gateway);
      }),
    measure: () =>
      attempt(async () => {
        if (gateway === undefined) return;
        const { metrics, failures } = await measure(gateway, benchCase, bench.seconds, bench);
        measurements.push(metrics);
        if (failures !== undefined) errors.push(failures);
      }),
    stop: async () => {
      if (gateway?.child !== undefined) await bench.children.stop(gateway.child);
    },
    result: (): VariantResult => ({
      metrics: { ...medians(preferQuiet(measurements)), ...idle },
      measurements,
      errors,
    }),
  };
}

/** What was measured while other programs were busy on the gateway's core counts only where there is nothing else. */
function preferQuiet(measurements: readonly Metrics[]): readonly Metrics[] {
  const quiet = measurements.filter(({ othersShare = 0 }) => othersShare < 0.1);
  return quiet.length > 0 ? quiet : measurements;
}
