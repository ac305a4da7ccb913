import { createCompaction } from "./compaction.ts";
import { forget } from "./ledger.ts";
import type { OutboxLog } from "./log.ts";
import type { DropReason } from "./outbox.ts";
import type { Fault } from "./outbox-database.ts";
import type { OutboxStore } from "./outbox-store.ts";
import type { Reserve } from "./reserve.ts";
import type { Segment } from "./segment.ts";
import { nextToShed, stripSegment, take } from "./shedding.ts";

const upkeepEveryMs = 1000;
const reportEveryMs = 60_000;
const leastGain = 262_144;

/** What an append may take beyond its records: pages that hold them in part, and the log of the database. */
const mostOverhead = 262_144;

/** What keeps an outbox within its bounds and its disk. */
export type OutboxRoom = ReturnType<typeof createOutboxRoom>;

/** Bounds a store; 0 switches a bound off. Everything that goes is counted in the ledger and reported. */
export function createOutboxRoom({
  store,
  reserve,
  maxBytes,
  maxAgeMs,
  now,
  log,
}: {
  readonly store: OutboxStore;
  readonly reserve: Reserve;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly now: () => number;
  readonly log: OutboxLog;
}) {
  const { index } = store;
  const compaction = createCompaction({ store, now });
  // Gaining a little more than is needed spares doing it again for each append.
  const slack = Math.min(maxBytes / 16, 524_288);
  let nextUpkeepAt = 0;
  /** When each phrase may be said again. */
  const sayAgainAt = new Map<string, number>();
  let mayGrow = true;
  /** What may be appended before the size of the file has to be looked at again. */
  let room = 0;

  function dropSegments(segments: readonly Segment[], reason: DropReason): Fault | undefined {
    return store.attempt(() => store.commit(forget(store.ledger(), segments, reason), { remove: segments }));
  }

  function stripSegments(segments: readonly Segment[]): Fault | undefined {
    return store.attempt(() => {
      for (const segment of segments) stripSegment(store, segment);
    });
  }

  /** Gives up about `bytes` of what is missed least; says whether anything went. */
  function shed(bytes: number, reason: "outbox_full" | "disk_full"): boolean {
    const next = nextToShed(index.all(), bytes);
    if (next === undefined) return false;
    report({ reason, giving_up: next.kind === "strip" ? "bodies" : "records" }, "the outbox has no room left");
    const fault = next.kind === "drop" ? dropSegments(next.segments, reason) : stripSegments(next.segments);
    if (fault === undefined || fault === "corrupt") return true;
    // Rewriting takes room of its own; deleting takes less.
    if (next.kind === "drop") return false;
    const oldest = take(index.all(), bytes, () => true);
    return dropSegments(oldest, reason) === undefined;
  }

  function report(about: Readonly<Record<string, unknown>>, phrase: string): void {
    if (now() < (sayAgainAt.get(phrase) ?? 0)) return;
    sayAgainAt.set(phrase, now() + reportEveryMs);
    log.warn(about, phrase);
  }

  function expire(): void {
    if (maxAgeMs === 0) return;
    const oldest = now() - maxAgeMs;
    const fresh = index.all().findIndex((segment) => segment.at >= oldest);
    const expired = index.all().slice(0, fresh === -1 ? undefined : fresh);
    if (expired.length > 0) dropSegments(expired, "outbox_age");
  }

  /** The file grows only while the reserve is held: on a full disk what is in its log could not get into it any more. */
  function holdReserve(): void {
    const held = reserve.hold();
    if (held && !mayGrow) report({}, "the disk has room again");
    mayGrow = held;
    store.attempt(() => store.file().allowGrowth(held));
  }

  holdReserve();
  return {
    /** Does what has to be done now and then, at most once a second; says whether it was time for it. */
    upkeep(): boolean {
      if (now() < nextUpkeepAt) return false;
      nextUpkeepAt = now() + upkeepEveryMs;
      room = 0;
      holdReserve();
      expire();
      store.attempt(() => compaction.run());
      store.attempt(() => store.file().shrink());
      return true;
    },
    /** Sheds until the file is within its bound again, once `bytes` were appended. */
    enforce(bytes: number): void {
      room -= 2 * bytes + mostOverhead;
      if (maxBytes === 0 || room > 0) return;
      const file = store.file();
      room = maxBytes - file.usedBytes() - file.walBytes();
      if (room >= 0) return;
      store.attempt(() => file.checkpoint("TRUNCATE"));
      if (file.usedBytes() <= maxBytes) return;
      const goal = maxBytes - slack;
      const excess = () => store.file().usedBytes() - goal;
      while (excess() > 0 && shed(excess(), "outbox_full"));
      store.attempt(() => store.file().checkpoint("TRUNCATE"));
    },
    /** Gains room on a full disk for about `bytes`; says whether trying again is worth it. */
    gain(bytes: number): boolean {
      const given = reserve.giveUp();
      if (given) report({}, "the disk is full: the reserve of the outbox is given up");
      mayGrow = false;
      store.attempt(() => {
        // What is in the log has to get into the file before either of them has room to be used again.
        store.file().checkpoint("RESTART");
        store.file().allowGrowth(false);
      });
      return given || shed(Math.max(bytes, leastGain), "disk_full");
    },
  };
}
