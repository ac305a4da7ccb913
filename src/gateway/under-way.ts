/** An exchange between its arrival and its record. */
export type Watch = {
  readonly request: Request;
  /** When it came; monotonic milliseconds. */
  readonly since: number;
  /** When `onOver` is called unless it was moved; monotonic milliseconds. */
  deadline: number;
  /** What ends it: it took too long, or the operator's patience with a shutdown is over. */
  onOver: (why: Over) => void;
  /** Called once, when it has lasted a moment: what only long exchanges need costs the short ones nothing. */
  onLasting: (() => void) | undefined;
  /** Its connection is kept open however long nothing passes. */
  held: boolean;
  /** Its place among those that are under way; below zero once it has ended. */
  place: number;
};

/** Why an exchange is ended by us. */
export type Over = "late" | "shutdown";

/** All exchanges that are under way, watched by one clock: a timer of its own for each would cost as much as forwarding it. */
export type UnderWay = {
  readonly begin: (request: Request) => Watch;
  readonly end: (watch: Watch) => void;
  readonly count: () => number;
  /** Waits until none is left; false where some still are after `withinMs` (0 waits for the last). */
  readonly idle: (withinMs: number) => Promise<boolean>;
  readonly stopAll: () => void;
};

/** What watching is made of. */
export type UnderWayParts = {
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
  /** The listener's own idea of idle connections, which knows nothing of models that think. */
  readonly connection: { readonly hold: (request: Request) => void; readonly rest: (request: Request) => void };
};

/** Deadlines are kept to this; milliseconds. */
const tickMs = 20;

/** A connection is held once its exchange has lasted this long, well before the listener would close it; milliseconds. */
const holdAfterMs = 20_000;

/** Creates an empty watch; its clock runs only while something is under way. */
export function createUnderWay({ elapsed, connection }: UnderWayParts): UnderWay {
  // No `Set`: one with much coming and going keeps what it once held until a full collection.
  const watches: Watch[] = [];
  const waiting = new Set<() => void>();
  let clock: ReturnType<typeof setTimeout> | undefined;

  return {
    begin(request) {
      const watch: Watch = {
        request,
        since: elapsed(),
        deadline: Number.POSITIVE_INFINITY,
        onOver: nothing,
        onLasting: undefined,
        held: false,
        place: watches.length,
      };
      watches.push(watch);
      clock ??= setTimeout(tick, tickMs);
      return watch;
    },
    end(watch) {
      if (!remove(watch)) return;
      if (watch.held) connection.rest(watch.request);
      if (watches.length === 0) for (const settle of waiting) settle();
    },
    count: () => watches.length,
    idle,
    stopAll() {
      for (const watch of watches.slice()) watch.onOver("shutdown");
    },
  };

  /** The last one takes the place that becomes free. */
  function remove(watch: Watch): boolean {
    const { place } = watch;
    const last = place >= 0 ? watches.pop() : undefined;
    if (!last) return false;
    if (last !== watch) {
      watches[place] = last;
      last.place = place;
    }
    watch.place = -1;
    return true;
  }

  function tick(): void {
    const now = elapsed();
    for (const watch of watches.slice()) look(watch, now);
    clock = watches.length > 0 ? setTimeout(tick, tickMs) : undefined;
  }

  function look(watch: Watch, now: number): void {
    const { onLasting } = watch;
    watch.onLasting = undefined;
    onLasting?.();
    if (now >= watch.deadline) {
      watch.deadline = Number.POSITIVE_INFINITY;
      watch.onOver("late");
    }
    if (watch.held || now - watch.since < holdAfterMs) return;
    watch.held = true;
    connection.hold(watch.request);
  }

  async function idle(withinMs: number): Promise<boolean> {
    if (watches.length === 0) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const settle = () => resolve(watches.length === 0);
    waiting.add(settle);
    const timer = withinMs > 0 ? setTimeout(settle, withinMs) : undefined;
    const empty = await promise;
    clearTimeout(timer);
    waiting.delete(settle);
    return empty;
  }
}

function nothing(): void {}
