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
  /** Breaks the consumer's connection without an end; gets the last words, if any, out before. */
  readonly breakOff: (controller: ReadableStreamDefaultController<Uint8Array>) => void;
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

  watch.onOver = (why) => {
    over ??= why;
    reader.cancel().catch(ignore);
  };
  return new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 });

  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (;;) {
      const chunk = await readNext();
      if (ended) return;
      if ("end" in chunk) return finish(controller, chunk.end);
      const down = filter ? filter.push(chunk.value) : chunk.value;
      if (down.length > 0) return controller.enqueue(down);
    }
  }

  async function readNext(): Promise<{ readonly value: Uint8Array } | { readonly end: TapEnd }> {
    if (idleMs > 0) watch.deadline = elapsed() + idleMs;
    try {
      const { done, value } = await reader.read();
      if (done || !value) return { end: over ? endsOver[over] : { kind: "complete" } };
      if (first && value.length > 0) {
        first = false;
        onFirstByte();
      }
      kept.add(value);
      return { value };
    } catch (error) {
      return { end: over ? endsOver[over] : { kind: "broken", error } };
    } finally {
      // A consumer that is slow to take what is here is no pause of the upstream's.
      watch.deadline = Number.POSITIVE_INFINITY;
    }
  }

  async function finish(controller: ReadableStreamDefaultController<Uint8Array>, end: TapEnd): Promise<void> {
    ended = true;
    const rest = filter?.end();
    if (rest && rest.length > 0) controller.enqueue(rest);
    const shown = (await onEnd(end)) ?? true;
    if (end.kind === "complete" && shown) return controller.close();
    breakOff(controller);
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
    while (!("end" in (await readNext())));
    clearTimeout(timer);
  }
}

const endsOver: Readonly<Record<Over, TapEnd>> = { late: { kind: "idle" }, shutdown: { kind: "shutdown" } };

function ignore(): void {}
