import type { Command } from "commander";
import { openApp, type App } from "../app.ts";
import type { Config } from "../config/config.ts";
import { type ConfigLine, describeConfig } from "../config/describe-config.ts";
import { keepFixed } from "../config/keep-fixed.ts";
import type { ConfigResult, ConfigSources } from "../config/read-config.ts";
import { nameManagementAddress } from "../gateway/own-server.ts";
import { createLog, type Log } from "../lib/log.ts";
import { openLogOutput } from "../lib/log-output.ts";
import { type ManagementToken, openManagementToken } from "../management/management-token.ts";
import { type CliCommand, complain } from "./command.ts";
import { createExchangeDeskWorker, createTelemetryWorker } from "./create-worker.ts";
import { openDataDir, takeDataDir } from "./data-dir.ts";
import { detach } from "./detach.ts";
import { easeHttpThread } from "./ease-http-thread.ts";
import { describeFileFault } from "./file-fault.ts";
import { HeldFault, insist } from "./insist.ts";
import { type ConfigFiles, loadConfig } from "./load-config.ts";
import { keepPidFile } from "./pid-file.ts";
import { reloadOnHangup } from "./reload-on-hangup.ts";
import { describeStart } from "./start-message.ts";
import { readStartFault } from "./start-fault.ts";
import { tryToListen } from "./try-to-listen.ts";
import { readVersion } from "./version.ts";
import {
  configOfWorker,
  endWithLauncher,
  endWithParent,
  type HandedFiles,
  heldCode,
  readHandedFiles,
  readWorkerNumber,
  superviseWorkers,
  tellApplied,
} from "./workers.ts";

/** Options as the command line has them, by camel-cased name. */
export type Options = Readonly<Record<string, string | boolean>>;

const help = `
Examples:
  $ weir
  $ weir serve --port 8080 --env production.env
  $ weir serve --detach --pid-file /run/weir.pid && kill "$(cat /run/weir.pid)"

The exit code is 0 after a signal to stop, 1 where it can't start, 2 for a mistake in the options or the settings.
`;

/** `weir serve`, which is also `weir` alone. */
export const serveCommand: CliCommand = {
  register(program) {
    addServeOptions(program.command("serve", { isDefault: true }).alias("server").description("run the gateway"))
      .addHelpText("after", help)
      .action(serve);
  },
};

/** The options that are settings, by their full name. */
export function addServeOptions(command: Command): Command {
  return command
    .option("--port <number>", "where to listen (PORT, 3000)")
    .option("--addr <host:port>", "where to listen, with the address (LISTEN_ADDR)")
    .option("--config <file>", "the configuration file (WEIR_CONFIG, weir.yaml)")
    .option("--env <file>", "the file with environment variables (.env)")
    .option("--log-level <level>", "what is logged (LOG_LEVEL, info)")
    .option("--file-event-log <file>", "where exchanges are written as JSON lines (FILE_EVENT_LOG)")
    .option("-k, --key <key>", "the key of one Anthropic-compatible upstream (ANTHROPIC_API_KEY)")
    .option("-u, --url <url>", "the base URL of that upstream (ANTHROPIC_BASE_URL)")
    .option("--detach", "run in the background; ends once it listens, with the process id printed")
    .option("--pid-file <file>", "where the process id is noted while it runs (with --detach <DATA_DIR>/weir.pid)");
}

/** Runs the gateway until a signal ends it. */
export async function serve({ detach: inBackground, pidFile, ...options }: Options): Promise<void> {
  /** What the process was started with, and what it runs with now. */
  let first: ConfigSources | undefined;
  let sources: ConfigSources = {};
  const load = (files?: ConfigFiles) => loadConfig({ flags: readFlags(options), start: first, files });
  const begin = async (files: ConfigFiles | undefined) => {
    const result = await load(files);
    if (result.kind === "ok") ({ sources } = result);
    first ??= sources;
    return accept(result);
  };
  const worker = readWorkerNumber();
  const ownPart = (whole: Config) => (worker === undefined ? whole : configOfWorker(whole, worker));
  const parent = process.ppid;
  const handed = worker === undefined ? undefined : await takeHandedFiles();
  const begun = await begin(handed?.start);
  // A process that takes another's place after a reload holds what its siblings do.
  const config = ownPart(handed?.now ? keepFixed(begun, await begin(handed.now)).config : begun);
  const pidPath = pidFile === undefined ? undefined : String(pidFile);
  if (inBackground) return detach(config, process.argv.slice(2), pidPath);
  await takePlace(config, worker);
  if (worker === undefined && config.lifecycle.workers > 1) {
    if (pidPath !== undefined) notePid(pidPath);
    return superviseWorkers(config, sources.files);
  }
  const log = openLog(config);
  surviveFaults(log);
  const { app, management } = await start(config, log, () => describeConfig(sources));
  if (pidPath !== undefined && worker === undefined) notePid(pidPath);
  // Who reads that it listens may signal at once.
  const stop = drainOnSignal(app, log);
  if (worker === undefined) endWithLauncher(stop);
  else endWithParent(stop, parent);
  const onChanged = (changed: ConfigSources) => {
    sources = changed;
    if (worker !== undefined) tellApplied(changed.files);
  };
  reloadOnHangup({ app, log, stop, load: () => load(), ownPart, onChanged });
  if (config.control.encryptionKeys.length === 0)
    log.warn(
      { database: config.control.database.driver },
      "provider keys are kept unsealed, because ENCRYPTION_KEY is not set",
    );
  announce(config, { app, management }, log);
}

/** The options as the configuration knows them: `--log-level`. */
export function readFlags(options: Options): Readonly<Record<string, string>> {
  const dashed = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [dashed(name), String(value)]));
}

/** A configuration that can be run, or the end of the program with everything that is wrong with it. */
export function accept(result: ConfigResult): Config {
  if (result.kind === "ok") {
    complain(result.warnings.map((warning) => `warning: ${warning}`));
    return result.config;
  }
  complain(result.faults);
  process.exit(2);
}

/** Takes what one gateway has for itself, or ends the program with what is in its way. */
async function takePlace(config: Config, worker: string | undefined): Promise<void> {
  try {
    await insist(() => takeDataDir(config.dataDir));
    if (worker === undefined && config.lifecycle.workers > 1) await tryPorts(config);
  } catch (error) {
    complain([readStartFault(error, config)]);
    process.exit(worker !== undefined && error instanceof HeldFault ? heldCode : 1);
  }
}

/** Looks whether another gateway listens: the system would let the processes of both share its ports. */
async function tryPorts(config: Config): Promise<void> {
  await insist(() => tryToListen(config));
  const { listen } = config.control;
  if (listen === undefined) return;
  await insist(() => tryToListen(listen)).catch((cause: unknown) => {
    throw nameManagementAddress(listen, cause);
  });
}

async function takeHandedFiles(): Promise<HandedFiles> {
  const files = await readHandedFiles();
  if (files !== undefined) return files;
  complain(["WEIR_PROCESS_NUMBER is set, which only Weir does, for the processes of WEIR_WORKERS: unset it"]);
  process.exit(2);
}

/** A gateway that listens, and what opens its management. */
export type Started = { readonly app: App; readonly management: ManagementToken };

/** A gateway that listens, or the end of the program with what is in its way. */
export async function start(config: Config, log: Log, describe: () => readonly ConfigLine[]): Promise<Started> {
  try {
    await openDataDir(config.dataDir);
    const management = openManagementToken(config.control.managementTokenFile, config.gateway.managementToken);
    const app = await openApp({
      config,
      log,
      managementToken: management.token,
      describeConfig: describe,
      version: readVersion().version,
      createWorker: createTelemetryWorker,
      createDeskWorker: createExchangeDeskWorker,
      viaProxy: usesProxy(),
    });
    easeHttpThread();
    return { app, management };
  } catch (error) {
    complain([readStartFault(error, config)]);
    process.exit(1);
  }
}

function openLog({ log, telemetry }: Config): Log {
  try {
    return createLog(log, openLogOutput(log, { rotates: !telemetry.enabled, buffered: false }));
  } catch (error) {
    complain([describeFileFault("LOG_FILE", log.file ?? "", error)]);
    process.exit(1);
  }
}

function notePid(path: string): void {
  try {
    keepPidFile(path);
  } catch (error) {
    complain([
      `--pid-file must name a file that can be written: ${error instanceof Error ? error.message : String(error)}`,
    ]);
    process.exit(1);
  }
}

function usesProxy(): boolean {
  return ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].some((name) => Boolean(process.env[name]));
}

function announce(config: Config, { app, management: opened }: Started, log: Log): void {
  // What is told to one of several processes, the others don't learn.
  const pid = readWorkerNumber() === undefined ? process.pid : process.ppid;
  const management = { ...opened, made: opened.made === true && process.stdout.isTTY };
  if (config.log.format === "pretty" && config.log.file === undefined)
    process.stdout.write(
      describeStart(config, {
        url: app.url,
        managementUrl: app.managementUrl,
        management,
        version: readVersion().version,
        pid,
      }),
    );
  else
    log.info(
      {
        url: app.url,
        version: readVersion().version,
        process_id: pid,
        auth_mode: config.gateway.authMode,
        sinks: config.telemetry.sinks.map(({ name }) => name),
        data_dir: config.dataDir,
        management: `${app.managementUrl}/manage`,
        ...(management.path === undefined ? {} : { management_token_file: management.path }),
      },
      "listening",
    );
}

/** A terminal and npm may both pass on one signal: what comes twice at once is one. Milliseconds. */
const sameSignalMs = 500;

/** A last net: what nobody waited for must not end everybody's answers. */
function surviveFaults(log: Log): void {
  process.on("unhandledRejection", (err) => log.error({ err }, "a promise failed that nobody waited for"));
}

function drainOnSignal(app: App, log: Log): (signal: NodeJS.Signals) => void {
  let signalledAt: number | undefined;
  const stop = async (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (signalledAt !== undefined && now - signalledAt > sameSignalMs) process.exit(0);
    if (signalledAt !== undefined) return;
    signalledAt = now;
    log.info({ signal }, "draining");
    const pending = await app.drain();
    log.info({ pending }, "stopped");
    process.exit(0);
  };
  const onSignal = (signal: NodeJS.Signals) => void stop(signal);
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return onSignal;
}
