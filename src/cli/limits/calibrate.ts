import type { Config } from "../../config/config.ts";
import type { DatabaseConfig } from "../../storage/database.ts";
import { createExchangeMigration, openExchangeLog } from "../../storage/exchange-log.ts";
import { complain } from "../command.ts";
import { describeDatabase, explainDatabaseFault } from "../database-fault.ts";
import { formatJson } from "../format.ts";
import { loadConfig } from "../load-config.ts";
import { isThere, refuse } from "../on-database.ts";
import { accept, readFlags } from "../serve.ts";
import { collectSamples, type Samples, type Wanted } from "./collect-samples.ts";
import { describeCalibration, describeLeftOut, describeTooFew, type Told } from "./describe-calibration.ts";
import { sumUp } from "./sum-up.ts";

/** The options of `weir limits calibrate`; times are ISO 8601. */
export type CalibrateOptions = {
  readonly from?: string;
  readonly to?: string;
  readonly provider?: string;
  readonly min: number;
  readonly most: number;
  readonly config?: string;
  readonly env?: string;
  readonly json?: boolean;
};

/** Prints what the exchange log tells, or ends the program with why it tells nothing. */
export async function calibrate(options: CalibrateOptions): Promise<void> {
  const wanted = readWanted(options);
  const config = await readSettings(options);
  const { estimation } = config.limits;
  const samples = await readLog(config, wanted);
  if (samples === undefined) fail(describeMissing(config), 1);
  const { min, json } = options;
  const calibration = sumUp(samples, estimation, min);
  const told: Told = { calibration, samples, estimation, wanted, min };
  const found = calibration.ratios.length > 0;
  const lines = found ? describeCalibration(told) : [];
  if (json) console.log(formatJson(toJson(told, lines)));
  else if (found) console.log(lines.join("\n"));
  if (found) return;
  complain(describeNothing(config, told));
  process.exitCode = 1;
}

function readWanted({ from, to, provider, most }: CalibrateOptions): Wanted {
  const read = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time));
  const span = { from: read(from), to: read(to) };
  if (span.from !== undefined && span.to !== undefined && span.from > span.to)
    refuse("--from must be a time before that of --to");
  return { ...span, provider, most };
}

async function readSettings({ config, env }: CalibrateOptions): Promise<Config> {
  const files = { ...(config === undefined ? {} : { config }), ...(env === undefined ? {} : { env }) };
  return accept(await loadConfig({ flags: readFlags(files), serves: false }));
}

/** `undefined` where there is no exchange log. */
async function readLog({ telemetry, limits }: Config, wanted: Wanted): Promise<Samples | undefined> {
  const { database } = telemetry.exchangeLog;
  if (!isThere(database)) return undefined;
  try {
    await using storage = await openExchangeLog(database, () => {}, { readOnly: true });
    const { applied } = await createExchangeMigration(storage).status();
    return applied.length === 0 ? undefined : await collectSamples(storage.db, limits.estimation, wanted);
  } catch (error) {
    return endWith(error, database);
  }
}

function endWith(error: unknown, database: DatabaseConfig): never {
  const { message, unreachable } = explainDatabaseFault(error, database);
  fail([message], unreachable ? 3 : 1);
}

function fail(lines: readonly string[], code: 1 | 3): never {
  complain(lines);
  process.exit(code);
}

function describeMissing(config: Config): readonly string[] {
  const { database } = config.telemetry.exchangeLog;
  const where =
    database.driver === "sqlite" ? `${database.path} isn't there` : `${describeDatabase(database)} has none`;
  return [
    `There is no exchange log to count by: ${where}.`,
    describeOff(config) ?? "Check DATA_DIR, or start the gateway, and come again once models have been called.",
  ];
}

function describeNothing(config: Config, { calibration, samples, min }: Told): readonly string[] {
  const { leftOut } = samples;
  const isEmpty = leftOut.size + calibration.tooFew.length === 0;
  return [
    "There is nothing to calibrate by.",
    ...(isEmpty ? ["The exchange log has no such exchanges."] : []),
    ...describeTooFew(calibration, min),
    ...describeLeftOut(samples),
    describeOff(config) ?? describeWayOut(samples),
  ];
}

function describeWayOut({ leftOut }: Samples): string {
  return leftOut.has("no_body")
    ? "What was said is kept where EXCHANGE_LOG, and exchange_log of the project, are full: come again after more calls."
    : "Come again after more calls, or ask for fewer of each model with --min.";
}

/** Which setting keeps what was said out of the log. */
function describeOff({ telemetry: { enabled, sinks } }: Config): string | undefined {
  if (!enabled) return "TELEMETRY=off records nothing: switch it on, and come again once models have been called.";
  const store = sinks.find(({ name }) => name === "store");
  if (store === undefined) return "SINKS leaves out store: add it, and come again once models have been called.";
  if (store.bodies === "full") return undefined;
  return `The exchange log keeps no bodies (${store.bodies}): set EXCHANGE_LOG=full, and come again once models have been called.`;
}

function toJson({ calibration, samples, estimation, wanted, min }: Told, lines: readonly string[]) {
  const { span, leftOut, cut } = samples;
  return {
    ...(span && { from: new Date(span.first).toISOString(), to: new Date(span.last).toISOString() }),
    min,
    most: wanted.most,
    maxSampleBytes: estimation.maxSampleBytes,
    ratios: calibration.ratios,
    tooFew: calibration.tooFew,
    leftOut: Object.fromEntries(leftOut),
    cut,
    ...(lines.length > 0 && { yaml: lines.filter((line) => !line.startsWith("#")).join("\n") }),
  };
}
