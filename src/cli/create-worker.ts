/** Starts the telemetry thread, from the source tree or from inside the compiled program. */
export function createTelemetryWorker(): Worker {
  return new Worker(new URL("../telemetry/worker.ts", import.meta.url).href, { name: "telemetry" });
}
