import type { Kept } from "./kept.ts";
import type { ChunkReader } from "./upload.ts";
import type { Over, Watch } from "./under-way.ts";
import type { UsageFilter } from "./usage-filter.ts";

/** How the way down of an answer ended. */
export type TapEnd =
  | { readonly kind: "complete" }
  /** The consumer closed its connection. */
  | { readonly kind: "left" }
  /** The upstream broke off. */
  | { readonly kind: "broken"; readonly error: unknown }
  /** The upstream sent nothing for longer than it may. */
  | { readonly kind: "idle" }
  /** We had to stop before it was whole. */
  | { readonly kind: "shutdown" };

/** What a tap is made of. Times in milliseconds; 0 switches one off. */
export type TapParts = {
  readonly reader: ChunkReader;
  /** Gets a bounded copy of what the upstream sent. */
  readonly kept: Kept;
  readonly filter?: UsageFilter;
  /** Tells when the upstream has paused for too long, or everything has to end. */
  readonly watch: Watch;
  /** The monotonic clock. */
  readonly elapsed: () => number;
  readonly idleMs: number;
  /** How long reading goes on after the consumer left; 0 cancels the upstream at once. */
  readonly drainMs: number;
  readonly onFirstByte: () => void;
  /** Called once. What it returns is waited for before the consumer sees the end; it says whether the end may be shown. */
  readonly onEnd: (end: TapEnd) => Promise<boolean> | undefined;
  /** Breaks the consumer's connection without an end; gets the last words, if any, out before. `begun` says whether any byte has gone down. */
  readonly breakOff: (controller: ReadableStreamDefaultController<Uint8Array>, begun: boolean) => void;
};

/**
 * Passes an answer's bytes down as they come and as fast as they are taken, unchanged but for what `filter` takes out.
 * It reads a chunk when the consumer wants one and never ahead, so a slow reader holds the upstream back, not our memory.
 */
export function createTap({
  reader,
  kept,
  filter,
  watch,
  elapsed,
  idleMs,
  drainMs,
  onFirstByte,
  onEnd,
  breakOff,
}: TapParts): ReadableStream<Uint8Array> {
  let ended = false;
  let over: Over | undefined;
  let first = true;
  let begun = false;
  let reading = false;
  let draining = false;
  let down: ReadableStreamDefaultController<Uint8Array>;

  watch.onOver = (why) => {
    over ??= why;
    reader.cancel().catch(ignore);
    // A consumer that takes nothing asks for nothing, so that no read tells of the end.
    if (!reading && !ended) void finish(endsOver[over]);
  };
  const start = (controller: typeof down) => void (down = controller);
  return new ReadableStream<Uint8Array>({ start, pull, cancel }, { highWaterMark: 0 });

  // Plain callbacks: this runs for each chunk, and a chain of async functions costs a third of it.
  function pull(): Promise<void> {
    return read().then(pass, fail);
  }

  function read(): ReturnType<ChunkReader["read"]> {
    if (idleMs > 0) watch.deadline = elapsed() + idleMs;
    reading = true;
    return reader.read();
  }

  function pass({ done, value }: Awaited<ReturnType<ChunkReader["read"]>>): Promise<void> | undefined {
    // A consumer that is slow to take what is here is no pause of the upstream's.
    watch.deadline = Number.POSITIVE_INFINITY;
    reading = false;
    if (draining && value) note(value);
    if (ended) return undefined;
    if (done || !value) return finish(over ? endsOver[over] : { kind: "complete" });
    note(value);
    const bytes = filter ? filter.push(value) : value;
    if (bytes.length === 0) return pull();
    begun = true;
    down.enqueue(bytes);
    return undefined;
  }

  function fail(error: unknown): Promise<void> | undefined {
    watch.deadline = Number.POSITIVE_INFINITY;
    reading = false;
    return ended ? undefined : finish(over ? endsOver[over] : { kind: "broken", error });
  }

  function note(value: Uint8Array): void {
    if (first && value.length > 0) {
      first = false;
      onFirstByte();
    }
    kept.add(value);
  }

  async function finish(end: TapEnd): Promise<void> {
    ended = true;
    const rest = filter?.end();
    if (rest && rest.length > 0) {
      begun = true;
      down.enqueue(rest);
    }
    const shown = (await onEnd(end)) ?? true;
    if (end.kind === "complete" && shown) return down.close();
    breakOff(down, begun);
  }

  async function cancel(): Promise<void> {
    if (ended) return;
    ended = true;
    if (drainMs > 0) await drain();
    else reader.cancel().catch(ignore);
    void onEnd({ kind: "left" });
  }

  /** Reads on without a reader below, to learn what the answer cost. */
  async function drain(): Promise<void> {
    const timer = setTimeout(() => void reader.cancel().catch(ignore), drainMs);
    // The chunk that is being waited for still goes to `pass`.
    draining = true;
    try {
      for (let chunk = await read(); !chunk.done && chunk.value; chunk = await read()) note(chunk.value);
    } catch {
      // As much as there was is recorded.
    }
    draining = false;
    watch.deadline = Number.POSITIVE_INFINITY;
    clearTimeout(timer);
  }
}

const endsOver: Readonly<Record<Over, TapEnd>> = { late: { kind: "idle" }, shutdown: { kind: "shutdown" } };

function ignore(): void {}
