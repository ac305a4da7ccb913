import { hasBounds, type LimitRules } from "../domain/limits.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Estimate } from "./estimate.ts";
import { createFindDemands, type LimitSubject } from "./find-demands.ts";
import { createLimitRefusal, writeLimitHeaders } from "./limit-headers.ts";
import type { Cost, Demand, Hold, Limiter, Standing, Verdict } from "./limiter.ts";

/** What one call has taken. A hold that is never ended lapses with its process. */
export type LimitTicket = {
  /** `x-ratelimit-*` of the tightest scope, for the answer. */
  readonly headers: Readonly<Record<string, string>>;
  readonly hold: Hold;
};

/** Bounds how much is called. */
export type Limits = {
  /** Whether any call could be bounded by the configuration; tokens and projects bring figures of their own. */
  readonly any: boolean;
  /** Takes a place in every scope that has a figure, or none at all: throws a `Refusal` then. `undefined` where nothing bounds the call. */
  readonly take: (id: string, subject: LimitSubject) => LimitTicket | undefined | Promise<LimitTicket | undefined>;
  /** What of real counts a hold is settled with. */
  readonly countTokens: (real: Estimate) => number;
};

/** What limits are made of. */
export type LimitsParts = {
  readonly rules: LimitRules;
  readonly limiter: Limiter;
  /** Gets the figure that a call was refused by. */
  readonly onRefused: (by: Standing) => void;
};

/** Creates the limits that `rules` set; the limiter outlasts them, and with it what was counted. */
export function createLimits({ rules, limiter, onRefused }: LimitsParts): Limits {
  const findDemands = createFindDemands(rules);
  const countTokens = ({ input, output }: Estimate) =>
    Math.max(0, Math.ceil(rules.count === "input" ? input : input + output));

  return {
    any: hasBounds(rules),
    countTokens,
    take(id, subject) {
      const demands = findDemands(subject);
      if (demands.length === 0) return undefined;
      const cost = demands.some(countsTokens) ? price(subject.estimate()) : free;
      const verdict = limiter.reserve(id, demands, cost);
      return verdict instanceof Promise ? decideLater(verdict, cost) : decide(verdict, cost);
    },
  };

  async function decideLater(verdict: Promise<Verdict>, cost: Cost): Promise<LimitTicket | undefined> {
    return decide(await verdict, cost);
  }

  /** At least one, so that a window isn't untouched where there was a call. */
  function price(estimate: Estimate): Cost {
    const optimistic = rules.optimisticFirst && estimate.sampled === true;
    return { tokens: Math.max(1, countTokens(estimate)), optimistic };
  }

  function decide(verdict: Verdict, cost: Cost): LimitTicket | undefined {
    switch (verdict.kind) {
      case "refused":
        onRefused(verdict.by);
        throw createLimitRefusal(verdict.by, cost);
      case "unavailable":
        throw new Refusal("dependency_unavailable", { message: unavailable });
      case "uncounted":
        return undefined;
      case "passed": {
        const { hold, tightest } = verdict;
        return { headers: tightest === undefined ? {} : writeLimitHeaders(tightest), hold };
      }
    }
  }
}

const free: Cost = { tokens: 0, optimistic: false };

const unavailable =
  "Rate limits can't be checked now, and calls without a check are not let through. Send the request again after the time that the Retry-After header gives.";

function countsTokens({ figures }: Demand): boolean {
  return (figures.tokensPerMinute ?? 0) > 0 || (figures.tokensPerDay ?? 0) > 0;
}
