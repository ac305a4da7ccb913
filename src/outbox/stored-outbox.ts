import type { SinkRecord } from "../sinks/sink.ts";
import type { DeadLetters } from "./dead-letters.ts";
import { forget, leaveBehind, lose, pass, receive } from "./ledger.ts";
import type { Outbox } from "./outbox.ts";
import { readCounts, readSize } from "./outbox-counts.ts";
import type { OutboxRoom } from "./outbox-room.ts";
import type { OutboxStore } from "./outbox-store.ts";
import { packRecords } from "./segment.ts";

/** Acknowledgements are written with the next append, after so long, or after so many characters of records. */
const settleAfterMs = 100;
const settleAfterCharacters = 4 * 1_048_576;

const settleAgainAfterMs = 1000;
const mostTriesToMakeRoom = 8;

type ReadLimit = Parameters<Outbox["read"]>[1];

/** The queue itself, over a store that is open; whoever calls `close` has the store closed with it. */
export function createStoredOutbox({
  store,
  room,
  dead,
  now,
}: {
  readonly store: OutboxStore;
  readonly room: OutboxRoom;
  readonly dead: DeadLetters;
  readonly now: () => number;
}): Outbox {
  const { index } = store;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let unsettledSize = 0;

  function upkeep(): void {
    if (room.upkeep()) store.attempt(() => dead.revive());
  }

  /** Writes what is only in memory. */
  function settle(): void {
    clearTimeout(timer);
    timer = undefined;
    unsettledSize = 0;
    if (store.isWritten()) return;
    const fault = store.attempt(() => store.commit(store.ledger()));
    if (fault !== undefined) settleSoon(settleAgainAfterMs);
  }

  function settleSoon(afterMs = settleAfterMs): void {
    if (timer !== undefined) return;
    timer = setTimeout(() => {
      upkeep();
      settle();
    }, afterMs);
    timer.unref();
  }

  /** Runs a write, and where there is no room for it makes some; says whether it was done. */
  function writeInRoom(bytes: number, write: () => void): boolean {
    for (let tries = 0; tries < mostTriesToMakeRoom; tries += 1) {
      const fault = store.attempt(write);
      if (fault === undefined) return true;
      if (fault === "unwritable" || (fault === "no_room" && !room.gain(bytes * (tries + 1)))) return false;
    }
    return false;
  }

  function readAfterCursor(sink: string, { count, bytes }: ReadLimit): readonly SinkRecord[] {
    const batch: SinkRecord[] = [];
    const book = store.ledger().books.get(sink);
    if (book === undefined) return batch;
    let size = 0;
    let after = book.cursor;
    for (let segment = index.next(sink, after); segment !== undefined; segment = index.next(sink, after)) {
      const records = store.read(segment);
      if (records === undefined) {
        store.commit(forget(store.ledger(), [segment], "outbox_corrupt"), { remove: [segment] });
        continue;
      }
      for (const record of records) {
        if (record.seq <= book.cursor || book.refused.has(record.seq)) continue;
        size += Buffer.byteLength(record.json);
        if (batch.length > 0 && (batch.length >= count || size > bytes)) return batch;
        batch.push(record);
      }
      after = segment.lastSeq;
    }
    return batch;
  }

  upkeep();
  return {
    append(records) {
      if (records.length === 0 || store.inUse.size === 0) return;
      upkeep();
      const packed = packRecords(records, store.ledger().nextSeq, now());
      const bytes = packed.reduce((sum, { segment }) => sum + segment.bytes, 0);
      const done = writeInRoom(bytes, () => {
        const ledger = leaveBehind(store.ledger(), index.all());
        store.commit(receive(ledger, records.length), { put: packed });
      });
      if (!done) {
        store.note(lose(store.ledger(), "disk_full", records.length));
        settleSoon(settleAgainAfterMs);
        return;
      }
      for (const { segment, lines } of packed) store.keep(segment, lines);
      store.attempt(() => room.enforce(bytes));
    },
    countLost(reason, count) {
      if (count <= 0) return;
      store.note(lose(store.ledger(), reason, count));
      settleSoon();
    },
    read(sink, limit) {
      upkeep();
      let batch: readonly SinkRecord[] = [];
      store.attempt(() => {
        batch = readAfterCursor(sink, limit);
      });
      return batch;
    },
    ack(sink, upTo, sampledOut = 0) {
      const ledger = store.ledger();
      const book = ledger.books.get(sink);
      const last = Math.min(upTo, ledger.nextSeq - 1);
      if (book === undefined || last <= book.cursor) return;
      const { records, rawSize } = index.weigh(sink, book.cursor, last);
      store.note(pass(ledger, sink, last, records, sampledOut));
      unsettledSize += rawSize;
      if (unsettledSize >= settleAfterCharacters) settle();
      else settleSoon();
    },
    reject: (sink, record, reason) => dead.add(sink, record, reason),
    counts: (sink) => readCounts(store, sink, now()),
    size: () => readSize(store),
    deadLetters(sink, limit) {
      settle();
      let letters: ReturnType<Outbox["deadLetters"]> = [];
      store.attempt(() => {
        letters = dead.list(sink, limit);
      });
      return letters;
    },
    retryDead(sink) {
      settle();
      let asked = 0;
      store.attempt(() => {
        asked = dead.retry(sink);
        dead.revive();
      });
      return asked;
    },
    purgeDead(sink) {
      settle();
      let purged = 0;
      store.attempt(() => {
        purged = dead.purge(sink);
      });
      return purged;
    },
    close() {
      settle();
      clearTimeout(timer);
      store.attempt(() => store.file().checkpoint("TRUNCATE"));
      store.close();
    },
  };
}
