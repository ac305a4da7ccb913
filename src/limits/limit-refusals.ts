import type { Standing } from "./limiter.ts";

/** The figure that refused calls, and how many since the start. */
export type LimitRefusal = Pick<Standing, "scope" | "metric" | "window"> & { readonly count: number };

/** Counts the calls that limits refused, by figure. */
export type LimitRefusals = {
  readonly count: (by: Standing) => void;
  readonly list: () => readonly LimitRefusal[];
};

/** Counts from nothing. */
export function createLimitRefusals(): LimitRefusals {
  const counted = new Map<string, LimitRefusal>();
  return {
    count({ scope, metric, window }) {
      const name = `${scope} ${metric} ${window}`;
      counted.set(name, { scope, metric, window, count: (counted.get(name)?.count ?? 0) + 1 });
    },
    list: () => [...counted.values()],
  };
}
