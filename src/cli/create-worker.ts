import { join } from "node:path";

/** Starts the telemetry thread, from the source tree or from inside the compiled program, whose files lie by their place under `src`. */
export function createTelemetryWorker(): Worker {
  const { dir } = import.meta;
  const path = dir.startsWith("/$bunfs/") ? join(dir, "telemetry/worker.ts") : join(dir, "../telemetry/worker.ts");
  return new Worker(path, { name: "telemetry", smol: true });
}
