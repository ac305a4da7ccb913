/** What a webhook is told of a budget: the same bytes under the same id however often. */
export type BudgetNotice = { readonly id: string; readonly body: string };

/** Notices that are not delivered yet, of all processes. */
export type NoticeStore = {
  /** Takes some that are due, which nobody else then sends for half a minute; `tries` counts this one. */
  readonly lease: (most: number) => Promise<readonly (BudgetNotice & { readonly tries: number })[]>;
  readonly delivered: (id: string) => Promise<void>;
  /** It is due again after so many milliseconds. */
  readonly failed: (id: string, pauseMs: number) => Promise<void>;
  /** Makes due what would wait for longer than a lease. */
  readonly hurry: () => Promise<void>;
  /** Gives up what is too old or too much; gives how many these were. */
  readonly forget: () => Promise<number>;
  /** Milliseconds until the next is due; `undefined` where there is none. */
  readonly dueIn: () => Promise<number | undefined>;
};
