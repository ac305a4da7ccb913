import { existsSync } from "node:fs";
import type { SinkCounts } from "./outbox.ts";
import { openOutboxFile } from "./outbox-file.ts";
import { createSegmentIndex } from "./segment-index.ts";

/** What lies in an outbox file. */
export type StoredStatus = {
  /** On the disk. */
  readonly bytes: number;
  readonly deadLetters: number;
  readonly bodiesShed: number;
  /** Every sink that was ever in use. */
  readonly sinks: readonly { readonly name: string; readonly counts: SinkCounts }[];
};

/**
 * Reads the books of an outbox file beside its owner, who may be some hundred milliseconds ahead of it. Throws where the
 * file isn't there or can't be read.
 */
export function readStoredStatus({
  path,
  now = Date.now,
}: {
  readonly path: string;
  readonly now?: () => number;
}): StoredStatus {
  if (!existsSync(path)) throw new Error(`${path} isn't there: check DATA_DIR, or start the server once`);
  const file = openOutboxFile(path, { create: false, fsync: "off" });
  try {
    const { ledger, segments } = file.load(new Set());
    const index = createSegmentIndex(segments);
    const sinks = [...ledger.books.values()].map(
      ({ sink: name, cursor, received, delivered, rejected, sampledOut, dropped }) => {
        const pending = index.weigh(name, cursor).records;
        const oldest = pending > 0 ? index.next(name, cursor) : undefined;
        const lagSeconds = oldest === undefined ? 0 : Math.max(0, now() - oldest.at) / 1000;
        return { name, counts: { received, delivered, pending, rejected, dropped, sampledOut, lagSeconds } };
      },
    );
    return {
      bytes: file.fileBytes(),
      deadLetters: file.deadLetters.totals().count,
      bodiesShed: ledger.bodiesShed,
      sinks,
    };
  } finally {
    file.close();
  }
}
