import { closeSync, mkdirSync, openSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join, resolve } from "node:path";
import type { Config } from "../config/config.ts";
import { hideKeys } from "./child-arguments.ts";
import { complain } from "./command.ts";
import { openDataDir } from "./data-dir.ts";
import { describeFileFault } from "./file-fault.ts";
import { isAlive, readPid } from "./pid-file.ts";
import { ownCommand } from "./runtime-settings.ts";
import { pathOfWorker } from "./workers.ts";

/** A start that takes longer than this has failed. Milliseconds. */
const startsWithinMs = 30_000;
const lookEveryMs = 25;

/**
 * Starts this very command in the background and ends this process: once it listens, with its process id printed, else
 * with what it said. A pid file of a process that is gone is written over; whether one runs, DATA_DIR and the port say.
 */
export async function detach(
  config: Config,
  args: readonly string[],
  pidFile = join(config.dataDir, "weir.pid"),
): Promise<never> {
  const path = resolve(pidFile);
  const before = readPid(path);
  const logFile = resolve(config.log.file ?? join(config.dataDir, "weir.log"));
  const log = await openFiles(config.dataDir, { path, logFile });
  const from = Bun.file(logFile).size;
  const child = startInBackground([...args.filter((arg) => arg !== "--detach"), `--pid-file=${path}`], logFile, log);
  closeSync(log);
  if (await listens(child, path, config)) {
    console.log(String(child.pid));
    const logs = listLogFiles(config, logFile).join(", ");
    complain([`Weir runs in the background and logs to ${logs}. Stop it with: kill ${child.pid}`]);
    process.exit(0);
  }
  complain([
    (await Bun.file(logFile).slice(from).text()).trim() || `It has not begun to listen; ${logFile} may say why`,
  ]);
  if (before !== undefined && isAlive(before))
    complain([`${path} names process ${before}, which runs: stop it first if it is a Weir`]);
  process.exit(1);
}

/** Several processes have a log each. */
function listLogFiles({ lifecycle }: Config, file: string): readonly string[] {
  if (lifecycle.workers === 1) return [file];
  return Array.from({ length: lifecycle.workers }, (_, number) => pathOfWorker(file, String(number)));
}

/** Makes the folders and opens the log, or ends the program with what can't be written to. */
async function openFiles(
  dataDir: string,
  { path, logFile }: Readonly<Record<"path" | "logFile", string>>,
): Promise<number> {
  try {
    await openDataDir(dataDir);
    attempt("--pid-file", path, () => mkdirSync(dirname(path), folderOptions));
    return attempt("LOG_FILE", logFile, () => {
      mkdirSync(dirname(logFile), folderOptions);
      return openSync(logFile, "a", 0o600);
    });
  } catch (error) {
    complain([error instanceof Error ? error.message : String(error)]);
    process.exit(1);
  }
}

const folderOptions = { recursive: true, mode: 0o700 } as const;

function attempt<T>(setting: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new Error(describeFileFault(setting, path, cause), { cause });
  }
}

function startInBackground(args: readonly string[], logFile: string, output: number): Bun.Subprocess {
  const passed = hideKeys(args);
  const child = Bun.spawn([...ownCommand(passed.args)], {
    // Its lines go to a file that it rotates itself; what the runtime says goes to the same.
    env: { ...process.env, ...passed.env, LOG_FILE: logFile },
    stdio: ["ignore", output, output],
    detached: true,
  });
  child.unref();
  return child;
}

/** Whether it has come to listen; one that takes too long is ended. */
async function listens(child: Bun.Subprocess, pidFile: string, { host, port }: Config): Promise<boolean> {
  const until = performance.now() + startsWithinMs;
  while (performance.now() < until && child.exitCode === null && child.signalCode === null) {
    // A single process notes itself when it listens, one that starts several of them before they do.
    if (readPid(pidFile) === child.pid && (port === 0 || (await accepts(host, port)))) return true;
    await Bun.sleep(lookEveryMs);
  }
  child.kill("SIGKILL");
  return false;
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((tell) => {
    const socket = connect({ host, port }, () => {
      socket.destroy();
      tell(true);
    });
    socket.once("error", () => tell(false));
  });
}
