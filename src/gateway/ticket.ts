/** What was taken of limits and budgets for one exchange. */
export type Ticket = {
  /** The exchange's id. */
  readonly id: string;
  /** `x-ratelimit-*`, for the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Called once, at the exchange's end: `spared` where nothing was taken of the upstream after all. Else it gives the number
   * under which what was really taken is awaited.
   */
  readonly end: (how: "answered" | "spared") => number | undefined;
};
