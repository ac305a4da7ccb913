import type { Case } from "./cases.ts";
import type { Machine } from "./machine.ts";
import type { MetricName } from "./metrics.ts";
import type { CaseResult } from "./run-case.ts";
import type { Verdict } from "./targets.ts";

/** A column shows a metric, or its ratio to that of another variant. */
type Column = { readonly title: string; readonly metric: MetricName; readonly digits: number; readonly to?: string };

const always: readonly Column[] = [
  { title: "peak MB", metric: "memoryPeakMb", digits: 0 },
  { title: "after MB", metric: "memoryAfterMb", digits: 0 },
  { title: "backlog s", metric: "backlogSeconds", digits: 1 },
  { title: "recorded", metric: "recordedShare", digits: 3 },
  { title: "shortened", metric: "shortenedShare", digits: 3 },
  { title: "others", metric: "othersShare", digits: 2 },
  { title: "load busy", metric: "loadCpuShare", digits: 2 },
  { title: "start ms", metric: "startMs", digits: 0 },
  { title: "idle MB", metric: "idleMb", digits: 0 },
];

const columns: Readonly<Record<Case["columns"], readonly Column[]>> = {
  calls: [
    { title: "requests/s", metric: "callsPerSecond", digits: 0 },
    { title: "× nginx", metric: "callsPerSecond", digits: 2, to: "nginx" },
    { title: "× direct", metric: "callsPerSecond", digits: 2, to: "direct" },
    { title: "p50 ms", metric: "p50Ms", digits: 3 },
    { title: "× nginx", metric: "p50Ms", digits: 2, to: "nginx" },
    { title: "p99 ms", metric: "p99Ms", digits: 3 },
    { title: "p99.9 ms", metric: "p999Ms", digits: 3 },
    { title: "CPU µs/request", metric: "cpuPerCallUs", digits: 1 },
    ...always,
  ],
  streams: [
    { title: "chunks/s", metric: "chunksPerSecond", digits: 0 },
    { title: "delay p50 ms", metric: "chunkDelayP50Ms", digits: 3 },
    { title: "× nginx", metric: "chunkDelayP50Ms", digits: 2, to: "nginx" },
    { title: "p99 ms", metric: "chunkDelayP99Ms", digits: 3 },
    { title: "p99.9 ms", metric: "chunkDelayP999Ms", digits: 3 },
    { title: "first byte p50 ms", metric: "firstByteP50Ms", digits: 3 },
    { title: "p99 ms", metric: "firstByteP99Ms", digits: 3 },
    { title: "CPU µs/chunk", metric: "cpuPerChunkUs", digits: 1 },
    ...always,
  ],
  memory: [
    { title: "growth MB", metric: "memoryGrowthMb", digits: 1 },
    { title: "drift", metric: "memoryDriftShare", digits: 3 },
    ...always,
  ],
};

/** A case's medians as a table, with what went wrong below. */
export function writeCase(benchCase: Case, results: CaseResult): string {
  const shown = columns[benchCase.columns].filter((column) =>
    Object.keys(results).some((name) => readCell(column, name, results) !== undefined),
  );
  const rows = Object.keys(results).map((name) => [
    name,
    ...shown.map((column) => writeNumber(readCell(column, name, results), column.digits)),
  ]);
  const errors = Object.entries(results).flatMap(([name, result]) =>
    result.errors.map((error) => `  ! ${name}: ${error}`),
  );
  return [
    `\n${benchCase.name}: ${benchCase.title}`,
    ...writeTable([["", ...shown.map(({ title }) => title)], ...rows]),
    ...errors,
  ].join("\n");
}

/** What Weir is held to, and how it did. */
export function writeVerdicts(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ text, unit, is, value, measured, verdict }) => [
    text,
    `${is} ${value} ${unit}`,
    writeNumber(measured, 3),
    verdict,
  ]);
  return ["\nTargets", ...writeTable([["", "target", "measured", ""], ...rows])].join("\n");
}

/** How much of the gateway's core other programs took, where that is enough to doubt the figures. */
export function writeDoubts(results: readonly CaseResult[]): string | undefined {
  const shares = results.flatMap((result) => Object.values(result).map(({ metrics }) => metrics.othersShare ?? 0));
  const most = Math.max(0, ...shares);
  if (most < 0.1) return undefined;
  return `\nOther programs took up to ${Math.round(most * 100)} % of the gateway's core. Measure again on a quiet machine.`;
}

/** What the figures were measured on, in one line. */
export function writeMachine({ cpu, cores, kernel, bun, nginx, pinning }: Machine): string {
  const pinned =
    pinning === undefined
      ? "nothing pinned: figures are rough"
      : `gateway on core ${pinning.gateway}, load on core ${pinning.load}`;
  return `${cpu}, ${cores} cores, Linux ${kernel}, Bun ${bun}, ${nginx === undefined ? "no nginx" : `nginx ${nginx}`}; ${pinned}`;
}

function readCell({ metric, to }: Column, name: string, results: CaseResult): number | undefined {
  const value = results[name]?.metrics[metric];
  if (to === undefined) return value;
  const other = results[to]?.metrics[metric];
  return value === undefined || other === undefined ? undefined : value / other;
}

function writeNumber(value: number | undefined, digits: number): string {
  return value === undefined
    ? "–"
    : value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The first column to the left, the others to the right. */
function writeTable(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const align = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(width(column)) : cell.padStart(width(column));
  return rows.map((row) => `  ${row.map(align).join("  ")}`);
}
