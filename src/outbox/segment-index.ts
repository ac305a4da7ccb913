import type { Segment } from "./segment.ts";

/** Records and their size before compression. */
export type Weight = { readonly records: number; readonly rawSize: number };

/** Knows what lies in the outbox, without the records: what waits for whom is told from memory. Takes segments in the order of their numbers. */
export function createSegmentIndex(loaded: readonly Segment[] = []) {
  let segments = [...loaded];

  /** The place of the first segment that holds something after `seq`. */
  function placeAfter(seq: number): number {
    let low = 0;
    let high = segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((segments[middle]?.lastSeq ?? Infinity) > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  return {
    all: (): readonly Segment[] => segments,
    /** Adds a segment at the end, or puts it in the place of the one with the same first number. */
    put(segment: Segment): void {
      const place = placeAfter(segment.firstSeq - 1);
      segments.splice(place, segments[place]?.firstSeq === segment.firstSeq ? 1 : 0, segment);
    },
    remove(gone: readonly Segment[]): void {
      if (gone.length === 0) return;
      // What goes is nearly always the oldest, in order.
      if (segments[gone.length - 1]?.firstSeq === gone.at(-1)?.firstSeq) {
        segments.splice(0, gone.length);
        return;
      }
      const firsts = new Set(gone.map((segment) => segment.firstSeq));
      segments = segments.filter((segment) => !firsts.has(segment.firstSeq));
    },
    /** The first segment for `sink` that holds something after `seq`. */
    next(sink: string, seq: number): Segment | undefined {
      for (let place = placeAfter(seq); place < segments.length; place += 1) {
        const segment = segments[place];
        if (segment !== undefined && isFor(segment, sink)) return segment;
      }
      return undefined;
    },
    /** What `sink` has to get after `seq`, up to and with `upTo`. */
    weigh(sink: string, seq: number, upTo = Infinity): Weight {
      let records = 0;
      let rawSize = 0;
      for (let place = placeAfter(seq); place < segments.length; place += 1) {
        const segment = segments[place];
        if (segment === undefined || segment.firstSeq > upTo) break;
        if (!isFor(segment, sink)) continue;
        const share = countBetween(segment, seq, upTo);
        records += share;
        rawSize += (segment.rawSize * share) / (segment.lastSeq - segment.firstSeq + 1);
      }
      return { records, rawSize };
    },
    /** The segments of which nothing comes after `seq`. */
    passed: (seq: number): readonly Segment[] => segments.slice(0, placeAfter(seq)),
  };
}

/** Whether a sink gets what is in a segment. */
export function isFor(segment: Segment, sink: string): boolean {
  return segment.sink === undefined || segment.sink === sink;
}

/** How many records of a segment come after `seq`, up to and with `upTo`. */
export function countBetween(segment: Segment, seq: number, upTo = Infinity): number {
  return Math.max(0, Math.min(segment.lastSeq, upTo) - Math.max(segment.firstSeq - 1, seq));
}
