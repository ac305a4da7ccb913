import { boundsAnything, type LimitFigures, type LimitRules, type LimitScope, limitScopes } from "../domain/limits.ts";
import { networkOf } from "../lib/client-address.ts";
import { compileGlobs } from "../lib/glob.ts";
import type { Estimate } from "./estimate.ts";
import type { Demand } from "./limiter.ts";

/** Whom a call counts for: a scope that is absent bounds nothing for it. */
export type LimitSubject = {
  /** Looked up only where addresses are bounded. */
  readonly address: () => string;
  readonly provider: string;
  readonly model?: string | undefined;
  readonly projectId?: string | undefined;
  readonly tokenId?: string | undefined;
  readonly user?: string | undefined;
  /** A consumer's own key, by a hash that tells nothing of it. */
  readonly keyHash?: string | undefined;
  readonly projectLimits?: LimitFigures | undefined;
  readonly tokenLimits?: LimitFigures | undefined;
  /** Asked for only where tokens are bounded. */
  readonly estimate: () => Estimate;
};

/** Finds the counters that a call must pass, those that bound something alone. */
export type FindDemands = (subject: LimitSubject) => readonly Demand[];

/** The figures of a scope's value: what the operator said of it over what holds for all. */
type FindFigures = (scope: LimitScope, value: string, general: LimitFigures | undefined) => LimitFigures | undefined;

/** Creates the search. */
export function createFindDemands({ base, global, perAddress, overrides }: LimitRules): FindDemands {
  const figuresOf = createFindFigures(overrides);
  /** Most figures are one token's or one project's: what was demanded last is demanded again with the next call. */
  const lastDemands = new WeakMap<LimitFigures, { readonly value: string; readonly demand: Demand }>();
  const mergeFigures = createMergeFigures();
  const globalBounded = boundsAnything(global) || overrides.global !== undefined;
  const addressesBounded = boundsAnything(perAddress) || overrides.address !== undefined;

  return (subject) => {
    const demands: Demand[] = [];
    const { provider, model, projectId, tokenId, user, keyHash } = subject;
    if (globalBounded) add(demands, "global", "", global);
    if (addressesBounded) add(demands, "address", subject.address(), perAddress);
    // What no figure is said of isn't looked up for each call.
    if (overrides.provider) add(demands, "provider", provider, undefined);
    if (overrides.model && model !== undefined) add(demands, "model", model, undefined);
    if (projectId !== undefined) add(demands, "project", projectId, subject.projectLimits);
    if (overrides.user && user !== undefined) add(demands, "user", user, undefined);
    if (keyHash !== undefined) add(demands, "key", keyHash, tokenId === undefined ? base : undefined);
    if (tokenId !== undefined) add(demands, "token", tokenId, mergeFigures(base, subject.tokenLimits));
    // Calls without a token and a key are counted apart from all those of their address.
    if (tokenId === undefined && keyHash === undefined) add(demands, "address", subject.address(), base, "nobody");
    return demands;
  };

  function add(
    demands: Demand[],
    scope: LimitScope,
    value: string,
    general: LimitFigures | undefined,
    kind: string = scope,
  ): void {
    const figures = figuresOf(scope, value, general);
    if (figures === undefined || !boundsAnything(figures)) return;
    const last = lastDemands.get(figures);
    if (last?.value === value && last.demand.scope === scope) return void demands.push(last.demand);
    const demand = { scope, key: `${kind}:${scope === "address" ? networkOf(value) : value}`, figures };
    if (scope !== "address") lastDemands.set(figures, { value, demand });
    demands.push(demand);
  }
}

function createFindFigures(overrides: LimitRules["overrides"]): FindFigures {
  const byScope = new Map(
    limitScopes.flatMap((scope) => {
      const named = Object.entries(overrides[scope] ?? {});
      return named.length === 0 ? [] : [[scope, createFindOverride(named)] as const];
    }),
  );
  const mergeFigures = createMergeFigures();
  return (scope, value, general) => {
    const override = byScope.get(scope)?.(value, scope === "address" ? networkOf(value) : value);
    return override === undefined ? general : mergeFigures(general, override);
  };
}

/** Puts figures in the place of others; those that go together again and again are put together once. */
function createMergeFigures() {
  const merged = new WeakMap<LimitFigures, { readonly general: LimitFigures; readonly all: LimitFigures }>();
  return (general: LimitFigures = none, own?: LimitFigures): LimitFigures => {
    if (own === undefined) return general;
    const known = merged.get(own);
    if (known?.general === general) return known.all;
    const all = { ...general, ...own };
    merged.set(own, { general, all });
    return all;
  };
}

const none: LimitFigures = {};

/** An exact name, which may be that of the network, wins over a pattern, and of patterns the first. */
function createFindOverride(named: readonly (readonly [string, LimitFigures])[]) {
  const exact = new Map(named);
  const patterns = named
    .filter(([name]) => name.includes("*"))
    .map(([name, figures]) => ({ figures, ...compileGlobs([name]) }));
  return (value: string, network: string): LimitFigures | undefined =>
    exact.get(value) ?? exact.get(network) ?? patterns.find(({ matches }) => matches(value))?.figures;
}
