import { join } from "node:path";

/** Starts the telemetry thread. */
export function createTelemetryWorker(): Worker {
  return new Worker(findFile("telemetry/worker.ts"), { name: "telemetry", smol: true });
}

/** Starts the thread that reads the exchange log. */
export function createExchangeDeskWorker(): Worker {
  return new Worker(findFile("telemetry/exchange-desk-worker.ts"), { name: "exchange desk", smol: true });
}

/** A file of the source tree, or of the compiled program, whose files lie by their place under `src`. */
function findFile(path: string): string {
  const { dir } = import.meta;
  return dir.startsWith("/$bunfs/") ? join(dir, path) : join(dir, "..", path);
}
