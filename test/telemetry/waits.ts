import { readWaited } from "../soak/process.ts";

/** How long both threads of a program had waited for a processor between `since` and the last look. Milliseconds. */
export type Waits = (since: number) => number;

/** Looks every ten milliseconds at how long a program waits for a processor, for so long; times are of this process's clock. */
export async function watchWaits(pid: number, forMs: number): Promise<Waits> {
  const look = () => ({ at: performance.now(), waited: readWaited(pid) + readWaited(pid, "telemetry") });
  const waits = [look()];
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    await Bun.sleep(10);
    waits.push(look());
  }
  return (since) => (waits.at(-1)?.waited ?? 0) - ((waits.findLast(({ at }) => at <= since) ?? waits[0])?.waited ?? 0);
}
