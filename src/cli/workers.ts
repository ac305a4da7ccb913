import { existsSync, readdirSync } from "node:fs";
import { extname, join } from "node:path";
import { isatty } from "node:tty";
import { z } from "zod";
import type { Config } from "../config/config.ts";
import type { Texts } from "../config/lookup.ts";
import { hideKeys } from "./child-arguments.ts";
import { complain } from "./command.ts";
import { onHangup } from "./on-hangup.ts";
import { ownCommand } from "./runtime-settings.ts";

/** Tells a process which of several on one port it is. */
const workerVariable = "WEIR_PROCESS_NUMBER";

/** A process that ended soon after its start waits so long before the next one. Milliseconds. */
const shortestLife = 5_000;
const restartAfterMs = 1_000;
/** What the first one ends with that can't start as it is set: the next one couldn't either. Where one has run, what is in the way may go. */
const hopeless: ReadonlySet<number> = new Set([1, 2]);
/** What one ends with whose folder a former one still has, that ends its calls (`EX_TEMPFAIL` of sysexits.h). */
export const heldCode = 75;

/** The number of this process among several on one port; `undefined` where it is the only one, or the one that starts them. */
export function readWorkerNumber(env: Texts = process.env): string | undefined {
  return /^\d{1,3}$/.exec(env[workerVariable] ?? "")?.[0];
}

const folderName = "worker-";

/** The names of the folders in DATA_DIR that several processes on one port have, or had, for themselves. */
export function listWorkerFolders(dataDir: string): readonly string[] {
  if (!existsSync(dataDir)) return [];
  const numberOf = (name: string) => Number(name.slice(folderName.length));
  return readdirSync(dataDir)
    .filter((name) => name.startsWith(folderName) && /^\d{1,3}$/.test(name.slice(folderName.length)))
    .toSorted((one, other) => numberOf(one) - numberOf(other));
}

/** The file that one of several processes has in the place of this one. */
export function pathOfWorker(path: string, number: string): string {
  return `${path.slice(0, path.length - extname(path).length)}-${number}${extname(path)}`;
}

/** What one of several processes runs with: files of its own, since each file has one writer. */
export function configOfWorker(config: Config, number: string): Config {
  const own = (path: string) => pathOfWorker(path, number);
  const { sinks } = config.telemetry;
  const { audit } = config.control;
  const withOwnFile = (values: Readonly<Record<string, unknown>>) =>
    typeof values["path"] === "string" ? { ...values, path: own(values["path"]) } : values;
  return {
    ...config,
    dataDir: join(config.dataDir, `${folderName}${number}`),
    log: config.log.file === undefined ? config.log : { ...config.log, file: own(config.log.file) },
    telemetry: {
      ...config.telemetry,
      sinks: sinks.map((sink) => (sink.name === "file" ? { ...sink, values: withOwnFile(sink.values) } : sink)),
    },
    // A chain has one process; a copy of the database's is the same for all.
    control: audit.inDatabase ? config.control : { ...config.control, audit: { ...audit, file: own(audit.file) } },
  };
}

/** Tells the program which process its launcher is. */
const launcherVariable = "WEIR_LAUNCHER_PROCESS";

/** Ends this process as a signal would when the launcher that started it is gone, which would have passed every signal on. */
export function endWithLauncher(stop: (signal: NodeJS.Signals) => void, env: Texts = process.env): void {
  // What runs in the background was started by another process, and has only inherited the name.
  if (env[launcherVariable] === String(process.ppid)) endWithParent(stop);
}

/** How often a process looks whether the one that started it is still there. Milliseconds. */
const parentEveryMs = 250;

/** Ends this process as a signal would when the one that started it is gone: nobody else would. */
export function endWithParent(stop: (signal: NodeJS.Signals) => void, parent = process.ppid): void {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop("SIGTERM");
  }, parentEveryMs);
  timer.unref();
}

const fileSchema = z.object({ path: z.string(), text: z.string() });
const filesSchema = z.object({ dotenv: fileSchema.optional(), yaml: fileSchema.optional() });

/** The files that a process reads its configuration from: those of its siblings' start, and those of their last reload. */
const handedFiles = z.object({ start: filesSchema.optional(), now: filesSchema.optional() });
export type HandedFiles = z.infer<typeof handedFiles>;

/** Takes the files that this process was handed by the one that started it: what lies on the disk may be newer than what holds. `undefined` where none did. */
export async function readHandedFiles(): Promise<HandedFiles | undefined> {
  if (isatty(0)) return undefined;
  const handed: unknown = await Bun.stdin.json().catch(() => undefined);
  return handedFiles.safeParse(handed).data;
}

/** What a process says when it has changed to other files. */
const appliedSchema = z.object({ applied: filesSchema });

/** Tells the process that started this one which files it runs with now: they are handed to the next one. */
export function tellApplied(applied: HandedFiles["now"]): void {
  process.send?.({ applied });
}

/** Runs so many processes on one port, which begin with these files, until a signal ends them, and ends with the worst of their exit codes. */
export async function superviseWorkers({ lifecycle, port }: Config, start: HandedFiles["start"]): Promise<never> {
  if (port === 0) {
    complain(["WEIR_WORKERS needs a PORT that they can share, not 0"]);
    process.exit(2);
  }
  let stopping = false;
  /** What a reload was accepted with, by the last process that did. */
  let now: HandedFiles["now"];
  const running = new Set<Bun.Subprocess>();
  const pass = (signal: NodeJS.Signals) => {
    stopping = true;
    for (const worker of running) worker.kill(signal);
  };
  process.on("SIGTERM", pass);
  process.on("SIGINT", pass);
  endWithLauncher(pass);
  const hangUp = () => {
    for (const worker of running) worker.kill("SIGHUP");
  };
  // They may have had no terminal, and would take SIGHUP for a reload.
  onHangup({ stop: () => pass("SIGTERM"), reload: hangUp });
  const codes = await Promise.all(
    Array.from({ length: lifecycle.workers }, (_, number) => keepRunning(String(number))),
  );
  process.exit(Math.max(...codes));

  async function keepRunning(number: string): Promise<number> {
    let hasRun = false;
    for (;;) {
      const startedAt = performance.now();
      const passed = hideKeys(process.argv.slice(2));
      const worker = Bun.spawn([...ownCommand(passed.args)], {
        env: { ...process.env, ...passed.env, [workerVariable]: number },
        stdio: [new Blob([JSON.stringify({ start, now })]), "inherit", "inherit"],
        ipc(message: unknown) {
          now = appliedSchema.safeParse(message).data?.applied ?? now;
        },
      });
      running.add(worker);
      const code = await worker.exited;
      running.delete(worker);
      const isShort = performance.now() - startedAt < shortestLife;
      if (stopping || (isShort && !hasRun && hopeless.has(code))) return code;
      hasRun ||= code !== heldCode;
      complain([`worker ${number} ended with ${code} and is started again`]);
      if (isShort) await Bun.sleep(restartAfterMs);
      if (stopping) return 0;
    }
  }
}
