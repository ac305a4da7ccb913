/** How much may be called; a figure that is absent or 0 bounds nothing. LLM tokens are those of a request and its answer together, unless only the input is counted. */
export type LimitFigures = {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  /** Days are those of UTC. */
  readonly requestsPerDay?: number;
  readonly tokensPerDay?: number;
  /** Calls that are under way at once. */
  readonly concurrent?: number;
};

/** What calls are counted by. */
export const limitScopes = ["global", "address", "provider", "model", "project", "token", "user", "key"] as const;

/** One of the things that calls are counted by. */
export type LimitScope = (typeof limitScopes)[number];

/** What an operator allows. */
export type LimitRules = {
  /** Of each token; of each consumer key, or else of each address, where there is none. */
  readonly base: LimitFigures;
  readonly global: LimitFigures;
  readonly perAddress: LimitFigures;
  /** By scope, and there by a value or a glob: they take the place of figures of the same name, 0 bounding nothing. */
  readonly overrides: Readonly<Partial<Record<LimitScope, Readonly<Record<string, LimitFigures>>>>>;
  /** Which LLM tokens count: those of the request and the answer, or the request's alone. */
  readonly count: "total" | "input";
  /** Whether a request that alone is more than a whole window may pass where nothing else was in it. */
  readonly optimisticFirst: boolean;
};

/** Whether these figures bound anything. */
export function boundsAnything(figures: LimitFigures): boolean {
  const { requestsPerMinute = 0, tokensPerMinute = 0, requestsPerDay = 0, tokensPerDay = 0, concurrent = 0 } = figures;
  return requestsPerMinute > 0 || tokensPerMinute > 0 || requestsPerDay > 0 || tokensPerDay > 0 || concurrent > 0;
}

/** Whether an operator's rules bound anything, whatever tokens and projects bring. */
export function hasBounds({ base, global, perAddress, overrides }: LimitRules): boolean {
  const named = Object.values(overrides).flatMap((those) => Object.values(those));
  return [base, global, perAddress, ...named].some(boundsAnything);
}
