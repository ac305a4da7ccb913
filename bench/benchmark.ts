import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import type { Case } from "./cases.ts";
import { createChildren } from "./children.ts";
import { compileLoad } from "./load.ts";
import { pinOurselves, readMachine } from "./machine.ts";
import type { Machine } from "./machine.ts";
import type { Options } from "./options.ts";
import { freePort } from "./ports.ts";
import { writeCase, writeDoubts, writeMachine, writeVerdicts } from "./report.ts";
import { runCase } from "./run-case.ts";
import type { Bench, CaseResult } from "./run-case.ts";
import { judge } from "./targets.ts";
import { findVariant } from "./variants.ts";
import type { Variant } from "./variants.ts";

/** Measures, prints and writes what was asked for; returns the exit status. */
export async function benchmark(options: Options): Promise<number> {
  const machine = readMachine();
  const bench = openBench(options, machine);
  console.log(writeMachine(machine));
  const results = await runCases(options, bench).finally(() => bench.children.killAll());
  const verdicts = judge((name, variant, metric) => results[name]?.[variant]?.metrics[metric]);
  console.log(writeVerdicts(verdicts));
  const doubts = writeDoubts(Object.values(results));
  if (doubts !== undefined) console.log(doubts);
  const { short, seconds } = options;
  writeResult(options.resultFile, {
    at: new Date().toISOString(),
    machine,
    options: { short, seconds },
    cases: results,
    targets: verdicts,
  });
  const failed = Object.values(results).some((result) => Object.values(result).some(({ errors }) => errors.length > 0));
  return failed || (options.enforce && verdicts.some(({ missesFloor }) => missesFloor)) ? 1 : 0;
}

async function runCases({ cases, variants }: Options, bench: Bench): Promise<Readonly<Record<string, CaseResult>>> {
  startSinks(bench);
  const results: Record<string, CaseResult> = {};
  for (const each of cases) {
    const result = await runCase(each, chooseVariants(each, variants), bench);
    console.log(writeCase(each, result));
    results[each.name] = result;
  }
  return results;
}

/** Everything lies in one directory, which goes, with every process, when this one ends, however it ends. */
function openBench({ short, seconds, repeats }: Options, { pinning }: Machine): Bench {
  const dir = mkdtempSync(`${tmpdir()}/weir-bench-`);
  const children = createChildren();
  process.once("exit", () => {
    children.killAll();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }); // what was killed may still be going
  });
  process.on("SIGINT", () => process.exit(130));
  process.on("SIGTERM", () => process.exit(143));
  if (pinning !== undefined) pinOurselves(pinning);
  return {
    children,
    dir,
    load: { program: compileLoad(dir), core: pinning?.load, run: children.run },
    gatewayCore: pinning?.gateway,
    ports: { upstream: freePort(), wellSink: freePort(), hungSink: freePort(), deadSink: freePort() },
    warmUpSeconds: short ? 5 : 15,
    seconds,
    repeats: ({ once, short: shortRepeats = 1 }) => (once ? 1 : (repeats ?? (short ? shortRepeats : 5))),
  };
}

/** A Langfuse that takes everything, and one that takes it and never answers. */
function startSinks({ children, dir, load, ports }: Bench): void {
  const start = (port: number, ...more: string[]) =>
    children.start(
      { command: [load.program, "upstream", "--listen", String(port), ...more], env: {} },
      { core: load.core, dir, outputFile: `${dir}/sinks.log` },
    );
  start(ports.wellSink, "--answer-bytes", "0");
  start(ports.hungSink, "--hang");
}

function chooseVariants(each: Case, chosen: readonly Variant[]): readonly Variant[] {
  const wanted = each.variants?.flatMap((name) => findVariant(name) ?? []) ?? chosen;
  return wanted.filter(
    ({ launch, needs }) =>
      (launch !== undefined || each.columns !== "memory") && (needs === undefined || Bun.which(needs) !== null),
  );
}

function writeResult(file: string, result: object): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
  console.log(`\nWritten to ${file}`);
}
