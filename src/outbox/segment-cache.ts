import type { SinkRecord } from "../sinks/sink.ts";
import type { Segment } from "./segment.ts";

type Entry = { records: readonly SinkRecord[]; readonly size: number };

/** Holds the records of the segments that were used last, so that several sinks read and parse them once. */
export function createSegmentCache({ maxCharacters = 8 * 1_048_576 }: { readonly maxCharacters?: number } = {}) {
  // A map keeps the order in which its keys were set: the first is the one that was not used for longest.
  const entries = new Map<number, Entry>();
  let total = 0;

  function forget(firstSeq: number): void {
    const entry = entries.get(firstSeq);
    if (entry === undefined) return;
    total -= entry.size;
    // A map with much coming and going holds what it once held until a full collection, so that has to be little.
    entry.records = [];
    entries.delete(firstSeq);
  }

  return {
    find({ firstSeq }: Segment): readonly SinkRecord[] | undefined {
      const entry = entries.get(firstSeq);
      if (entry === undefined) return undefined;
      entries.delete(firstSeq);
      entries.set(firstSeq, entry);
      return entry.records;
    },
    put({ firstSeq, rawSize }: Segment, records: readonly SinkRecord[]): void {
      forget(firstSeq);
      entries.set(firstSeq, { records, size: rawSize });
      total += rawSize;
      for (const oldest of entries.keys()) {
        if (total <= maxCharacters) break;
        forget(oldest);
      }
    },
    forget: (segments: readonly Segment[]): void => {
      for (const { firstSeq } of segments) forget(firstSeq);
    },
    clear(): void {
      entries.clear();
      total = 0;
    },
  };
}
