/** What may be called, of a provider and narrower of a project; a rule that is absent allows everything. */
export type Policy = {
  /** In capitals. */
  readonly allowedMethods?: readonly string[];
  /** Path prefixes that end at a segment's end, as the provider knows its paths: `/v1/models` allows `/v1/models/gpt-4o`. */
  readonly allowedEndpoints?: readonly string[];
  /** Globs that each value of a top-level parameter must match one of. */
  readonly paramWhitelist?: Readonly<Record<string, readonly string[]>>;
  /** Origins that browsers may call from. */
  readonly allowedOrigins?: readonly string[];
  /** Names of headers that must be there, in lower case. */
  readonly requiredHeaders?: readonly string[];
};

/** Whether a policy says anything. */
export function isEmptyPolicy(policy: Policy): boolean {
  return Object.values(policy).every((rule) => rule === undefined);
}
