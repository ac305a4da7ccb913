import type { Config } from "../config/config.ts";
import type { Finding } from "./checks/check.ts";
import { checkClock } from "./checks/check-clock.ts";
import { checkConfiguration } from "./checks/check-configuration.ts";
import { checkAuditFile } from "./checks/check-audit-file.ts";
import { checkDatabase } from "./checks/check-database.ts";
import { checkFile } from "./checks/check-file.ts";
import { checkFolder, checkRoom } from "./checks/check-folder.ts";
import { checkDescriptors, checkUpstreamRequests } from "./checks/check-limits.ts";
import { checkPort } from "./checks/check-port.ts";
import { checkPrices } from "./checks/check-prices.ts";
import { checkRedis } from "./checks/check-redis.ts";
import { checkSink } from "./checks/check-sink.ts";
import { checkUpstream } from "./checks/check-upstream.ts";
import type { CliCommand, ExitCode } from "./command.ts";
import { formatForeign, formatJson } from "./format.ts";
import { loadConfig } from "./load-config.ts";
import { type Options, readFlags } from "./serve.ts";
import { readVersion } from "./version.ts";

const help = `
Reads the same settings as weir serve, and leaves no record anywhere. Fine beside a server that runs.

  $ weir doctor
  $ weir doctor --config-only --env production.env

The exit code is 0 where nothing failed, 3 where the database, Redis, upstreams or sinks can't be reached and nothing else failed, else 1.
`;

/** `weir doctor`. */
export const doctorCommand: CliCommand = {
  register(program) {
    program
      .command("doctor")
      .description(
        "say what is wrong with the configuration, this machine, the prices, the database, Redis, the upstreams and the sinks, and how to mend it",
      )
      .option("--config <file>", "the configuration file (WEIR_CONFIG, weir.yaml)")
      .option("--env <file>", "the file with environment variables (.env)")
      .option("--config-only", "check the configuration alone")
      .option("--json", "as JSON")
      .addHelpText("after", help)
      .action(examine);
  },
};

async function examine({ configOnly, json, ...files }: Options): Promise<void> {
  const result = await loadConfig({ flags: readFlags(files) });
  const configuration = checkConfiguration(result);
  const rest = result.kind === "faults" || configOnly === true ? [] : await examineMachine(result.config);
  const findings = [...configuration, ...rest];
  const complete = result.kind === "ok" || configOnly === true;
  console.log(
    json ? formatJson({ ok: judge(findings) === 0, checks: findings }) : describe(findings, complete).join("\n"),
  );
  process.exit(judge(findings));
}

async function examineMachine(config: Config): Promise<readonly Finding[]> {
  const { dataDir, gateway, telemetry, control, log } = config;
  const about = { dataDir, version: readVersion().version, exchangeLog: telemetry.exchangeLog };
  const [machine, prices, database, redis, upstreams, sinks] = await Promise.all([
    Promise.all([
      checkPort(config),
      checkFolder("data folder", dataDir, "DATA_DIR"),
      ...(telemetry.enabled ? [checkRoom(dataDir, telemetry)] : []),
      ...(log.file === undefined ? [] : [checkFile("log file", log.file, "LOG_FILE")]),
      ...(control.audit.enabled ? [checkAuditFile(control.audit)] : []),
      checkDescriptors(),
    ]),
    checkPrices(config),
    checkDatabase(config),
    checkRedis(config),
    Promise.all(gateway.providers.map((provider) => checkUpstream(provider, gateway, process.env))),
    Promise.all(telemetry.sinks.map((choice) => checkSink(choice, about))),
  ]);
  const clock = checkClock(upstreams.flatMap(({ skewMs }) => skewMs ?? []));
  return [
    ...machine,
    checkUpstreamRequests(process.env),
    ...prices,
    ...database,
    ...redis,
    ...(clock === undefined ? [] : [clock]),
    ...upstreams.map(({ finding }) => finding),
    ...sinks,
  ];
}

function judge(findings: readonly Finding[]): ExitCode {
  const failed = findings.filter(({ state }) => state === "fail");
  if (failed.length === 0) return 0;
  return failed.every(({ unreachable }) => unreachable) ? 3 : 1;
}

function describe(findings: readonly Finding[], complete: boolean): readonly string[] {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ state, name, message, advice }) => [
    `${state.padEnd(4)}  ${name.padEnd(width)}  ${formatForeign(message)}`,
    ...(advice === undefined ? [] : [`${" ".repeat(width + 8)}${advice}`]),
  ]);
  const count = (wanted: Finding["state"]) => findings.filter(({ state }) => state === wanted).length;
  const sum = `${count("ok")} ok, ${count("warn")} to look at, ${count("fail")} failed`;
  return [...lines, complete ? sum : `${sum}; the rest is checked once the configuration is right`];
}
