import type { OutboxStore } from "./outbox-store.ts";
import { packSegment } from "./segment.ts";
import type { Segment } from "./segment.ts";

const mergeAfterMs = 5000;
const mergeFromSegments = 512;
const mostMergesAtOnce = 16;

const fullRecords = 256;
const fullRawSize = 262_144;

/** A segment ages as its oldest record does, so those of one shall be of nearly the same age. */
const longestSpanMs = 60_000;

/** Beyond so many segments, refusals are merged with exchanges too: the index stays small, and they are shed later. */
const tooMany = 20_000;

/** What keeps the segments of a backlog few: single exchanges would otherwise grow an index of millions. */
export function createCompaction({ store, now }: { readonly store: OutboxStore; readonly now: () => number }) {
  let from = 0;

  function merge(run: readonly Segment[]): void {
    const [first] = run;
    const records = run.map((segment) => store.read(segment));
    if (first === undefined || records.includes(undefined)) return;
    const kind = run.every((segment) => segment.kind === "refusal") ? "refusal" : "exchange";
    const bodiesShed = run.every((segment) => segment.bodiesShed);
    const lines = records.flatMap((some) => some ?? []);
    store.commit(store.ledger(), {
      put: [packSegment({ ...first, kind, bodiesShed }, lines)],
      remove: run.slice(1),
    });
  }

  return {
    /** Merges some small neighbours, where there are many segments. */
    run(): void {
      if (store.index.all().length < mergeFromSegments) return;
      for (let merges = 0; merges < mostMergesAtOnce; merges += 1) {
        const { run, next } = findMerge(store.index.all(), { from, before: now() - mergeAfterMs });
        from = next;
        if (run.length === 0) return;
        merge(run);
      }
    },
  };
}

/**
 * Finds neighbours, of which none was appended after `before`, that fill one segment together. Looks from
 * number `from` on, and tells where to look next.
 */
export function findMerge(
  segments: readonly Segment[],
  { from, before }: { readonly from: number; readonly before: number },
): { readonly run: readonly Segment[]; readonly next: number } {
  const mixed = segments.length > tooMany;
  let run: Segment[] = [];
  let size = { records: 0, rawSize: 0 };
  for (const segment of segments) {
    if (segment.firstSeq < from) continue;
    if (segment.at > before) break;
    const records = segment.lastSeq - segment.firstSeq + 1;
    const fits = size.records + records <= fullRecords && size.rawSize + segment.rawSize <= fullRawSize;
    const near = segment.at - (run[0]?.at ?? segment.at) <= longestSpanMs;
    if (fits && near && areAlike(run.at(-1), segment, mixed)) {
      run.push(segment);
      size = { records: size.records + records, rawSize: size.rawSize + segment.rawSize };
      continue;
    }
    if (run.length > 1) return { run, next: segment.firstSeq };
    run = [segment];
    size = { records, rawSize: segment.rawSize };
  }
  // The last run may still grow.
  return { run: [], next: mixed ? 0 : (run[0]?.firstSeq ?? from) };
}

function areAlike(left: Segment | undefined, right: Segment, mixed: boolean): boolean {
  if (left === undefined) return true;
  if (left.lastSeq + 1 !== right.firstSeq || left.sink !== right.sink) return false;
  if (mixed) return true;
  return left.kind === right.kind && left.bodiesShed === right.bodiesShed;
}
