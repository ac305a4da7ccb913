import { extname, join } from "node:path";
import type { Config } from "../config/config.ts";
import { complain } from "./command.ts";
import { ownCommand } from "./runtime-settings.ts";

/** Tells a process which of several on one port it is. */
const workerVariable = "WEIR_PROCESS_NUMBER";

/** A process that ends sooner than this after its start is not started again, since it would end so for ever. Milliseconds. */
const shortestLife = 5_000;

/** The number of this process among several on one port; `undefined` where it is the only one, or the one that starts them. */
export function readWorkerNumber(env: Readonly<Record<string, string | undefined>> = process.env): string | undefined {
  return /^\d{1,3}$/.exec(env[workerVariable] ?? "")?.[0];
}

/** What one of several processes runs with: files of its own, since each file has one writer. */
export function configOfWorker(config: Config, number: string): Config {
  const own = (path: string) => `${path.slice(0, path.length - extname(path).length)}-${number}${extname(path)}`;
  const { sinks } = config.telemetry;
  const withOwnFile = (values: Readonly<Record<string, unknown>>) =>
    typeof values["path"] === "string" ? { ...values, path: own(values["path"]) } : values;
  return {
    ...config,
    dataDir: join(config.dataDir, `worker-${number}`),
    log: config.log.file === undefined ? config.log : { ...config.log, file: own(config.log.file) },
    telemetry: {
      ...config.telemetry,
      sinks: sinks.map((sink) => (sink.name === "file" ? { ...sink, values: withOwnFile(sink.values) } : sink)),
    },
  };
}

/** Runs so many processes on one port until a signal ends them, and ends with the worst of their exit codes. */
export async function superviseWorkers({ lifecycle, port }: Config): Promise<never> {
  if (port === 0) {
    complain(["WEIR_WORKERS needs a PORT that they can share, not 0"]);
    process.exit(2);
  }
  let stopping = false;
  const running = new Set<Bun.Subprocess>();
  const pass = (signal: NodeJS.Signals) => {
    stopping = true;
    for (const worker of running) worker.kill(signal);
  };
  process.on("SIGTERM", pass);
  process.on("SIGINT", pass);
  process.on("SIGHUP", () => {
    for (const worker of running) worker.kill("SIGHUP");
  });
  const codes = await Promise.all(
    Array.from({ length: lifecycle.workers }, (_, number) => keepRunning(String(number))),
  );
  process.exit(Math.max(...codes));

  async function keepRunning(number: string): Promise<number> {
    for (;;) {
      const startedAt = performance.now();
      const worker = Bun.spawn([...ownCommand(process.argv.slice(2))], {
        env: { ...process.env, [workerVariable]: number },
        stdio: ["ignore", "inherit", "inherit"],
      });
      running.add(worker);
      const code = await worker.exited;
      running.delete(worker);
      if (stopping || performance.now() - startedAt < shortestLife) return code;
      complain([`worker ${number} ended with ${code} and is started again`]);
    }
  }
}
