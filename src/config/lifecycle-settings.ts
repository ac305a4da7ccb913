import { duration, reading, withDefault } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

/** How it ends, and on how many processes it runs. */
export const lifecycleSettings = {
  drainDelayMs: {
    env: "DRAIN_DELAY_MS",
    yaml: "lifecycle.drain_delay_ms",
    ...withDefault(duration(), "0"),
    help: "How long it still accepts connections after the signal to stop, with readiness at 503, so that a balancer notices.",
  },
  shutdownTimeoutMs: {
    env: "SHUTDOWN_TIMEOUT_MS",
    yaml: "lifecycle.shutdown_timeout_ms",
    ...withDefault(duration(), "30000"),
    help: "How long it waits for exchanges in flight when it stops. 0 waits for the last.",
  },
  flushTimeoutMs: {
    env: "FLUSH_TIMEOUT_MS",
    yaml: "lifecycle.flush_timeout_ms",
    ...withDefault(duration(), "5000"),
    help: "How long the sinks may still deliver when it stops; the rest waits in the outbox for the next start.",
  },
  workers: {
    env: "WEIR_WORKERS",
    yaml: "lifecycle.workers",
    ...withDefault(reading("a whole number from 1 to 256, or auto", readWorkers), "1"),
    help: "How many processes share the port; `auto` is one for each processor.",
  },
} satisfies Settings;

function readWorkers(written: string): number | "auto" | undefined {
  if (written.toLowerCase() === "auto") return "auto";
  const workers = /^\d{1,3}$/.test(written) ? Number(written) : 0;
  return workers >= 1 && workers <= 256 ? workers : undefined;
}
