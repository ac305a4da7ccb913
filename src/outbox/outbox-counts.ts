import { settledByAll } from "./ledger.ts";
import type { Outbox, SinkCounts } from "./outbox.ts";
import type { OutboxStore } from "./outbox-store.ts";
import { countBetween } from "./segment-index.ts";

const nothing: SinkCounts = {
  received: 0,
  delivered: 0,
  pending: 0,
  rejected: 0,
  dropped: {},
  sampledOut: 0,
  lagSeconds: 0,
};

/** One sink's books with what waits for it, which is counted from the segments and not from the books. */
export function readCounts({ ledger, index }: OutboxStore, sink: string, now: number): SinkCounts {
  const book = ledger().books.get(sink);
  if (book === undefined) return nothing;
  const { received, delivered, sampledOut, refused, dropped } = book;
  const letters = [...refused.values()].filter((letter) => letter !== undefined).length;
  const unkept = refused.size - letters;
  const pending = index.weigh(sink, book.cursor).records - refused.size;
  const oldest = pending > 0 ? index.next(sink, book.cursor) : undefined;
  return {
    received,
    delivered,
    pending,
    rejected: book.rejected + letters,
    dropped: unkept === 0 ? dropped : { ...dropped, dead_letters_full: (dropped.dead_letters_full ?? 0) + unkept },
    sampledOut,
    lagSeconds: oldest === undefined ? 0 : Math.max(0, now - oldest.at) / 1000,
  };
}

/** What waits for anybody, and what it takes on the disk. */
export function readSize({ ledger, index, file }: OutboxStore): ReturnType<Outbox["size"]> {
  const { bodiesShed } = ledger();
  const settled = settledByAll(ledger());
  const waiting = index.all().filter(({ lastSeq }) => lastSeq > settled);
  const [oldest] = waiting;
  return {
    bytes: file().fileBytes(),
    records: waiting.reduce((sum, segment) => sum + countBetween(segment, settled), 0),
    ...(oldest === undefined ? {} : { oldestAt: oldest.at }),
    bodiesShed,
  };
}
