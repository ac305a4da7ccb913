/** What was taken of limits and budgets for one exchange. */
export type Ticket = {
  /** The exchange's id. */
  readonly id: string;
  /** `x-ratelimit-*`, for the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Called once, at the exchange's end: `spared` where nothing was taken of the upstream after all. */
  readonly end: (how: "answered" | "spared") => void;
};
