import { forget } from "./ledger.ts";
import type { OutboxStore } from "./outbox-store.ts";
import { shedBodies } from "./redact.ts";
import { packSegment } from "./segment.ts";
import type { Segment } from "./segment.ts";

/** The next thing to give up for room: whole segments, or what the exchanges in them held. */
export type Shedding = { readonly kind: "drop" | "strip"; readonly segments: readonly Segment[] };

/** Rewriting decompresses and parses, so it is done a little at a time. */
const mostToStrip = 1_048_576;

/**
 * Chooses what to give up to gain about `bytes`: refusals first, then bodies, then whole records, each from the oldest
 * on; `undefined` where nothing is left.
 */
export function nextToShed(segments: readonly Segment[], bytes: number): Shedding | undefined {
  const refusals = take(segments, bytes, (segment) => segment.kind === "refusal");
  if (refusals.length > 0) return { kind: "drop", segments: refusals };
  const whole = take(segments, Math.min(bytes, mostToStrip), (segment) => !segment.bodiesShed);
  if (whole.length > 0) return { kind: "strip", segments: whole };
  const oldest = take(segments, bytes, () => true);
  return oldest.length > 0 ? { kind: "drop", segments: oldest } : undefined;
}

/** The oldest segments of a sort that hold `bytes` together, or all of that sort. */
export function take(
  segments: readonly Segment[],
  bytes: number,
  sort: (segment: Segment) => boolean,
): readonly Segment[] {
  const taken: Segment[] = [];
  let sum = 0;
  for (const segment of segments) {
    if (sum >= bytes && taken.length > 0) break;
    if (!sort(segment)) continue;
    taken.push(segment);
    sum += segment.bytes;
  }
  return taken;
}

/** Rewrites a segment without what its exchanges held; throws `SQLiteError`. */
export function stripSegment(store: OutboxStore, segment: Segment): void {
  const records = store.read(segment);
  const ledger = store.ledger();
  if (records === undefined) {
    store.commit(forget(ledger, [segment], "outbox_corrupt"), { remove: [segment] });
    return;
  }
  const lines = records.map(({ id, json }) => ({ id, json: shedBodies(json) ?? json }));
  const stripped = lines.filter(({ json }, place) => json !== records[place]?.json).length;
  const packed = packSegment({ ...segment, bodiesShed: true }, lines);
  store.commit({ ...ledger, bodiesShed: ledger.bodiesShed + stripped }, { put: [packed] });
}
