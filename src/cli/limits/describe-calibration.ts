import type { EstimationConfig } from "../../limits/estimate.ts";
import { formatCount, formatForeign, formatNumberOf, formatTable } from "../format.ts";
import type { Samples, Wanted } from "./collect-samples.ts";
import type { Reason } from "./read-sample.ts";
import type { Calibration, Ratio } from "./sum-up.ts";

/** What is told of a calibration. */
export type Told = {
  readonly calibration: Calibration;
  readonly samples: Samples;
  readonly estimation: EstimationConfig;
  readonly wanted: Wanted;
  readonly min: number;
};

const reasons: Readonly<Record<Reason, string>> = {
  no_work: "no work of a model",
  cached: "answered from the cache",
  unanswered: "refused, failed or broken off",
  no_usage: "the provider told no usage",
  no_body: "what was said isn't kept",
  partial: "the request is kept in part, or is large and compressed",
  media: "with images, sound or files, or LLM tokens as numbers",
  elsewhere: "with input that wasn't in the request",
  no_text: "no text in JSON",
};

/** How many exchanges were left out and why, one line each. */
export function describeLeftOut({ leftOut }: Pick<Samples, "leftOut">): readonly string[] {
  return [...leftOut]
    .toSorted(([, one], [, other]) => other - one)
    .map(([reason, count]) => `Left out: ${formatCount(count)}, ${reasons[reason]}`);
}

/** Which models have too few exchanges, one line each. */
export function describeTooFew({ tooFew }: Calibration, min: number): readonly string[] {
  return tooFew.map(
    ({ provider, model, by, exchanges }) =>
      `Too few: ${formatForeign(`${provider} ${model}`)}, ${formatNumberOf(exchanges, "exchange")} by ${by} (--min ${min})`,
  );
}

/** All of it as YAML that can stand in `weir.yaml`: what is for people are comments. */
export function describeCalibration(told: Told): readonly string[] {
  const { calibration, samples, wanted, min } = told;
  const { first = 0, last = 0 } = samples.span ?? {};
  const notes = [
    `What providers counted as one LLM token, from ${readDay(first)} to ${readDay(last)}, the newest ${formatCount(wanted.most)} of each model.`,
    "Median and p95 are of estimate over actual, with the figures of now.",
    "",
    ...formatTable([head, ...calibration.ratios.map(writeRow)], [3, 4, 5, 6, 7]),
    "",
    ...describeTooFew(calibration, min),
    ...describeLeftOut(samples),
    ...(samples.cut ? ["There are more models than were looked at: name a --provider"] : []),
    "Where weir.yaml has limits or estimation already, put these lines into it.",
  ];
  return [...notes.map((line) => `# ${line}`.trimEnd()), ...writeYaml(told)];
}

const head = ["provider", "model", "by", "exchanges", "per token", "now", "median", "p95"];

function writeRow({ provider = "(all)", model = "(all)", by, ...ratio }: Ratio): readonly string[] {
  const { median, p95 } = ratio.estimateOverActual;
  return [
    provider,
    model,
    by,
    formatCount(ratio.exchanges),
    String(ratio.perToken),
    String(ratio.now),
    median.toFixed(2),
    p95.toFixed(2),
  ];
}

/** A map of the file takes the place of the one in force, so that what wasn't measured stands in it too. */
function writeYaml({ calibration, estimation }: Told): readonly string[] {
  const wholes = calibration.ratios.filter(({ model }) => model === undefined);
  const bytes = wholes.find(({ by }) => by === "bytes");
  const measured = new Map(
    wholes.flatMap(({ provider, perToken }) => (provider === undefined ? [] : [[provider, perToken] as const])),
  );
  const kept = new Map(Object.entries(estimation.providerCharsPerToken));
  const providers = [...new Set([...kept.keys(), ...measured.keys()])].toSorted();
  return [
    "limits:",
    "  estimation:",
    ...(bytes === undefined ? [] : [`    bytes_per_token: ${bytes.perToken}`]),
    ...(measured.size === 0 ? [] : ["    provider_chars_per_token:"]),
    ...(measured.size === 0 ? [] : providers).map((provider) => {
      const ratio = measured.get(provider);
      const figure = ratio ?? `${kept.get(provider)} # as it is now`;
      return `      ${writeKey(provider)}: ${figure}`;
    }),
  ];
}

/** Plain where nobody can read it as anything but a text. */
function writeKey(name: string): string {
  return /^[a-z][\w-]*$/.test(name) && !/^(?:true|false|null|yes|no|on|off|y|n)$/.test(name)
    ? name
    : JSON.stringify(name);
}

function readDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
