import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NewRecord, Outbox, SinkCounts } from "./outbox.ts";

/** A directory of a test's own, gone at the end of its scope. */
export function makeDirectory(): { readonly path: string; readonly [Symbol.dispose]: () => void } {
  const path = mkdtempSync(join(tmpdir(), "weir-outbox-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A record with `characters` of input that hardly compress. */
export function makeRecord(id: string, { characters = 20, refusal = false } = {}): NewRecord {
  const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(Math.min(65_536, Math.ceil(characters / 2)))));
  const text = noise.toString("hex").repeat(Math.ceil(characters / 131_072) || 1);
  const exchange = {
    schema: 1,
    id,
    model: "m",
    ...(refusal ? {} : { input: text.slice(0, characters), output: { kind: "text", text: "hi" } }),
  };
  return { id, json: JSON.stringify(exchange), refusal };
}

/** `count` records named `<prefix>-<n>`. */
export function makeRecords(
  prefix: string,
  count: number,
  options: Parameters<typeof makeRecord>[1] = {},
): NewRecord[] {
  return Array.from({ length: count }, (_, at) => makeRecord(`${prefix}-${at}`, options));
}

/** Ids of all that waits for a sink. */
export function readIds(outbox: Pick<Outbox, "read">, sink: string): string[] {
  return outbox.read(sink, { count: Infinity, bytes: Infinity }).map(({ id }) => id);
}

/** What the books say less what they should: 0 where they add up. */
export function imbalance({ received, delivered, pending, rejected, dropped, sampledOut }: SinkCounts): number {
  return received - delivered - pending - rejected - totalDropped(dropped) - sampledOut;
}

/** All that was dropped, for whatever reason. */
export function totalDropped(dropped: SinkCounts["dropped"]): number {
  return Object.values(dropped).reduce((sum, count) => sum + count, 0);
}

/** A clock that stands still until a test lets time pass, and a `sleep` on it. */
export function createTestClock() {
  let time = 1_000_000;
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();

  return {
    now: () => time,
    sleep: (ms: number, signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        const sleeper = { at: time + ms, wake };
        if (signal.aborted) wake();
        else sleepers.add(sleeper);
        signal.addEventListener("abort", wake, { once: true });

        function wake(): void {
          sleepers.delete(sleeper);
          resolve();
        }
      }),
    /** Lets milliseconds pass, waking sleepers in their order, each with what it then does. */
    async pass(ms: number): Promise<void> {
      const end = time + ms;
      await settle();
      for (let next = earliest(end); next !== undefined; next = earliest(end)) {
        time = Math.max(time, next.at);
        next.wake();
        await settle();
      }
      time = end;
    },
  };

  function earliest(end: number) {
    return [...sleepers].filter(({ at }) => at <= end).toSorted((one, other) => one.at - other.at)[0];
  }
}

/** Lets everything run that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
