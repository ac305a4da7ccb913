/** What an exchange really took, once its answer was read: it takes the place of what was reserved for it. */
export type Settlement = {
  /** Under which the exchange waits for it: its capture's `metered`. */
  readonly number: number;
  /** Absent where nobody knows, and what was reserved stands. LLM tokens. */
  readonly tokens?: { readonly input: number; readonly output: number } | undefined;
  /** Absent where there is no price for it. To the nearest up to 2^53. */
  readonly costNanoUsd?: number | undefined;
};
