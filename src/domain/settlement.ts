/** What an exchange really took, once its answer was read: it takes the place of what was reserved for it. */
export type Settlement = {
  /** The exchange's id. */
  readonly id: string;
  /** Absent where nobody knows, and what was reserved stands. LLM tokens. */
  readonly tokens?: { readonly input: number; readonly output: number };
  /** Nano-dollars as text; absent where there is no price for it. */
  readonly costNanoUsd?: string;
};
