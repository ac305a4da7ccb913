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
