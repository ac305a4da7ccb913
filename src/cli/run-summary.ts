import { sumUsage } from "../domain/usage.ts";
import type { ModelTally, Tally } from "../telemetry/tally.ts";
import { formatCount, formatDuration, formatNumberOf, formatTable, formatUsd } from "./format.ts";

/** What a run came to. */
export type RunSummary = {
  readonly program: string;
  readonly durationMs: number;
  readonly url: string;
  /** The session of exchanges that named none. */
  readonly session: string;
  /** Absent where nothing was recorded. */
  readonly tally?: Tally;
  /** Where the records are, each a place for people. */
  readonly records: readonly string[];
  /** Records that a sink has not taken yet. */
  readonly pending: number;
};

/** The lines that a person reads when the program has ended. */
export function describeRun({
  program,
  durationMs,
  url,
  session,
  tally,
  records,
  pending,
}: RunSummary): readonly string[] {
  const ran = `weir: ${program} ran ${formatDuration(durationMs)}`;
  if (tally === undefined) return [`${ran}; nothing was recorded, because TELEMETRY is off`];
  if (tally.calls === 0) {
    return [
      `${ran} and called no model through the gateway.`,
      `  It has to read OPENAI_BASE_URL, ANTHROPIC_BASE_URL or GOOGLE_GEMINI_BASE_URL, or to be told: {weir} in its arguments stands for the gateway's URL (it was ${url}).`,
    ];
  }
  const { slowest } = tally;
  const facts = [
    ...(tally.failures.length > 0 ? [["errors", describeFailures(tally)]] : []),
    ...(slowest
      ? [
          [
            "slowest",
            `${slowest.model ?? slowest.path}, ${formatDuration(slowest.durationMs)} (exchange ${slowest.id})`,
          ],
        ]
      : []),
    ["records", records.length > 0 ? records.join(", ") : "none: no sink is configured"],
    ["session", session],
    ...(pending > 0
      ? [["waiting", `${formatNumberOf(pending, "record")} that no sink has taken yet; the next run delivers them`]]
      : []),
  ];
  return [
    `${ran}: ${formatNumberOf(tally.calls, "call")}, ${describeCost(tally)}`,
    ...formatTable([head, ...tally.models.map(describeModel)], [1, 2, 3, 4, 5, 6, 7]).map((line) => `  ${line}`),
    ...formatTable(facts).map((line) => `  ${line}`),
  ];
}

const head = ["model", "calls", "errors", "input", "cached", "output", "cost", "slowest"];

function describeModel({
  model,
  provider,
  calls,
  errors,
  usage,
  estimated,
  slowestMs,
  ...money
}: ModelTally): readonly string[] {
  const { input_cached: cached = 0, output = 0, output_reasoning = 0, output_audio = 0, output_image = 0 } = usage;
  const answered = output + output_reasoning + output_audio + output_image;
  const asked = sumUsage(usage, { source: "none" }).total - cached - answered;
  const mark = estimated > 0 ? "~" : "";
  return [
    model ?? (provider === undefined ? "(no model)" : `(${provider}, no model)`),
    formatCount(calls),
    formatCount(errors),
    mark + formatCount(asked),
    formatCount(cached),
    mark + formatCount(answered),
    describeCost(money),
    formatDuration(slowestMs),
  ];
}

function describeCost({ costNanoUsd, unpriced }: Pick<Tally, "costNanoUsd" | "unpriced">): string {
  if (unpriced === 0) return formatUsd(costNanoUsd);
  return costNanoUsd === "0" ? "unpriced" : `${formatUsd(costNanoUsd)} + ${formatCount(unpriced)} unpriced`;
}

function describeFailures({ failures }: Tally): string {
  return failures.map(({ type, count }) => (count === 1 ? type : `${type} (${formatCount(count)})`)).join(", ");
}
