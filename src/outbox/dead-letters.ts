import type { SinkRecord } from "../sinks/sink.ts";
import { receive, refuse } from "./ledger.ts";
import type { DeadRecord } from "./ledger.ts";
import type { DeadLetter } from "./outbox.ts";
import type { OutboxStore } from "./outbox-store.ts";
import { packSegment, splitLines } from "./segment.ts";
import type { Line } from "./segment.ts";

const mostReasonCharacters = 2000;
const revivedAtOnce = 100;

/** What sinks refused for good, within bounds. */
export type DeadLetters = ReturnType<typeof createDeadLetters>;

/** Keeps the dead letters of a store: at most `maxCount` of them and `maxBytes` of their records. */
export function createDeadLetters({
  store,
  maxCount,
  maxBytes,
  now,
}: {
  readonly store: OutboxStore;
  readonly maxCount: number;
  readonly maxBytes: number;
  readonly now: () => number;
}) {
  // What an earlier process marked is done first.
  let asked = true;

  /** Those that are in memory only: settled and not written, or refused and not settled. */
  function unwritten(): readonly DeadRecord[] {
    const { books, deadRecords } = store.ledger();
    const refused = [...books.values()].flatMap((book) => [...book.refused.values()]);
    return [...deadRecords, ...refused.filter((dead) => dead !== undefined)];
  }

  function hasRoomFor(dead: DeadRecord): boolean {
    const waiting = unwritten();
    const { count, bytes } = store.deadTotals();
    const size = waiting.reduce((sum, { json }) => sum + json.length, dead.json.length);
    return count + waiting.length < maxCount && bytes + size <= maxBytes;
  }

  /** Appends some of those that are marked anew, for their sink alone; says whether there may be more. */
  function reviveSome(sink: string): boolean {
    const letters = store.file().deadLetters.marked(sink, revivedAtOnce);
    const lines = letters.flatMap(({ id, json }): readonly Line[] => (json === undefined ? [] : [{ id, json }]));
    let { nextSeq } = store.ledger();
    const put = splitLines(lines).map((run) => {
      const packed = packSegment({ firstSeq: nextSeq, at: now(), kind: "exchange", sink, bodiesShed: false }, run);
      nextSeq += run.length;
      return packed;
    });
    store.commit(receive(store.ledger(), lines.length, sink), { put, revived: letters });
    return letters.length === revivedAtOnce;
  }

  return {
    /** Notes that a sink refused a record that waits for it. */
    add(sink: string, { seq, id, json }: SinkRecord, reason: string): void {
      const ledger = store.ledger();
      const book = ledger.books.get(sink);
      const segment = store.index.next(sink, seq - 1);
      const waits = book !== undefined && seq > book.cursor && segment !== undefined && segment.firstSeq <= seq;
      if (!waits || book.refused.has(seq)) return;
      const dead = { sink, seq, id, json, at: now(), reason: reason.slice(0, mostReasonCharacters) };
      store.note(refuse(ledger, sink, seq, hasRoomFor(dead) ? dead : undefined));
    },
    list(sink: string | undefined, limit: number): readonly DeadLetter[] {
      const fresh = unwritten()
        .filter((dead) => sink === undefined || dead.sink === sink)
        .map(({ seq, id, reason, at, ...dead }) => ({ sink: dead.sink, seq, id, reason, at }))
        .toReversed();
      return [...fresh, ...store.file().deadLetters.list(sink, limit)].slice(0, limit);
    },
    /** Marks them to be given to their sink again; `revive` does it. */
    retry(sink: string | undefined): number {
      asked = true;
      return store.file().deadLetters.markForRetry(sink);
    },
    /** Does what was asked for, by another process too. */
    revive(): void {
      if (store.file().changedElsewhere()) asked = true;
      if (!asked) return;
      for (const sink of store.inUse) while (reviveSome(sink));
      store.recountDeadLetters();
      asked = false;
    },
    purge(sink: string | undefined): number {
      const purged = store.file().deadLetters.purge(sink);
      store.recountDeadLetters();
      return purged;
    },
  };
}
