import { type Cost, type Demand, isOver, type Standing } from "./limiter.ts";
import { meters } from "./meters.ts";

/** What is known of a call while Redis is late: there is room, there is none, or only Redis can say. */
export type Outlook = { readonly kind: "room" | "unknown" } | { readonly kind: "full"; readonly by: Standing };

/** Keeps what Redis told last. */
export type ToldFigures = {
  /** Takes what stands in the counters now, in the order of `meters` for each demand, and how many processes count there. */
  readonly hear: (demands: readonly Demand[], used: readonly number[], processes: number) => void;
  /** Takes what Redis refused, to a call of so many tokens. */
  readonly refused: (demands: readonly Demand[], which: number, what: number, tokens: number, by: Standing) => void;
  readonly look: (demands: readonly Demand[], cost: Cost) => Outlook;
  /** Counts a call that Redis has still to hear of; gives what is said when it has. */
  readonly take: (demands: readonly Demand[], cost: Cost) => () => void;
  /** A call is no longer under way. */
  readonly leave: (demands: readonly Demand[]) => void;
};

/** What is made of. */
export type ToldFiguresParts = {
  /** The monotonic clock in milliseconds. */
  readonly elapsed: () => number;
  /** Beyond so many counters the oldest goes. */
  readonly most?: number;
};

type Told = {
  at: number;
  used: number[];
  /** What passed here and Redis hasn't counted yet. */
  readonly pending: number[];
  /** What it refused last, by figure. */
  readonly refusals: (Refused | undefined)[];
};
type Refused = { readonly amount: number; readonly at: number; readonly by: Standing };

/** A refusal holds for so long where Redis is late: what is settled or given back may end it sooner than it said. */
const refusalMs = 1000;
const minuteMs = 61_000;
const concurrent = meters.findIndex(({ metric }) => metric === "concurrent");

/**
 * Creates it. A process takes no more than its part of what was left, because the others do the same, and refuses only what
 * Redis refused a moment ago.
 */
export function createToldFigures({ elapsed, most = 20_000 }: ToldFiguresParts): ToldFigures {
  const known = new Map<string, Told>();
  let processes = 1;

  return {
    hear(demands, used, count) {
      processes = Math.max(1, count);
      for (const [at, { key }] of demands.entries()) {
        const told = find(key);
        told.at = elapsed();
        told.used = used.slice(at * meters.length, (at + 1) * meters.length);
      }
    },
    refused(demands, which, what, tokens, by) {
      const demand = demands[which];
      if (demand === undefined) return;
      find(demand.key).refusals[what] = { amount: amountOf(what, tokens), at: elapsed(), by };
    },
    look(demands, cost) {
      let kind: "room" | "unknown" = "room";
      for (const demand of demands) {
        const told = known.get(demand.key);
        for (const [what, { limitOf }] of meters.entries()) {
          const limit = limitOf(demand.figures) ?? 0;
          if (limit <= 0) continue;
          const by = findRefusal(told, what, cost.tokens, limit);
          if (by !== undefined) return { kind: "full", by };
          if (!hasRoom(told, what, cost.tokens, limit)) kind = "unknown";
        }
      }
      return { kind };
    },
    take(demands, { tokens }) {
      const all = demands.map(({ key }) => find(key));
      change(1);
      return () => change(-1);

      function change(times: number): void {
        for (const { pending } of all)
          for (const what of meters.keys()) pending[what] = (pending[what] ?? 0) + times * amountOf(what, tokens);
      }
    },
    leave(demands) {
      for (const { key, figures } of demands) {
        const told = (figures.concurrent ?? 0) > 0 ? known.get(key) : undefined;
        if (told !== undefined) told.used[concurrent] = Math.max(0, (told.used[concurrent] ?? 0) - 1);
      }
    },
  };

  function find(key: string): Told {
    const told = known.get(key);
    if (told !== undefined) return told;
    const [oldest] = known.size >= most ? known.keys() : [];
    if (oldest !== undefined) known.delete(oldest);
    const made: Told = { at: Number.NEGATIVE_INFINITY, used: [], pending: meters.map(() => 0), refusals: [] };
    known.set(key, made);
    return made;
  }

  /** Another limit, as after a reload, is another question. */
  function findRefusal(told: Told | undefined, what: number, tokens: number, limit: number): Standing | undefined {
    const last = told?.refusals[what];
    if (last === undefined || last.by.limit !== limit || last.amount > amountOf(what, tokens)) return undefined;
    const age = elapsed() - last.at;
    if (age >= Math.min(refusalMs, last.by.resetMs)) return undefined;
    return { ...last.by, resetMs: last.by.resetMs - age };
  }

  function hasRoom(told: Told | undefined, what: number, tokens: number, limit: number): boolean {
    const isOld = told === undefined || (meters[what]?.window === "minute" && elapsed() - told.at > minuteMs);
    const left = limit - (isOld ? 0 : (told.used[what] ?? 0));
    return !isOver(Math.ceil(left / processes), told?.pending[what] ?? 0, amountOf(what, tokens), false);
  }
}

function amountOf(what: number, tokens: number): number {
  return meters[what]?.metric === "tokens" ? tokens : 1;
}
