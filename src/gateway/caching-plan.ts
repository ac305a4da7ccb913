import { type CacheControl, readCacheControl, readSeconds } from "../cache/cache-control.ts";
import type { EntryKey } from "../cache/cache.ts";
import type { CacheRule, CacheSettings } from "../config/config.ts";
import { Refusal } from "../domain/refusal.ts";
import type { CompiledGlobs } from "../lib/glob.ts";
import type { Call } from "./call.ts";
import { createKey, readTenant } from "./caching-key.ts";
import { isThinned } from "./headers.ts";

/** What the cache may do for a call. */
export type CachePlan =
  | {
      readonly kind: "pass";
      /** As RFC 9211 names it. */
      readonly forward: "bypass" | "method";
      readonly detail: string;
      /** What isn't true any more once it has succeeded. */
      readonly forgets?: EntryKey;
    }
  | {
      readonly kind: "use";
      readonly key: EntryKey;
      /** Its answer may be kept. */
      readonly keeps: boolean;
      /** How long an answer holds that doesn't say so itself; absent where it must say so. Seconds. */
      readonly ttlSeconds?: number;
      readonly shared: boolean;
      /** Any answer that holds will do, so it may wait for that of an equal request. */
      readonly patient: boolean;
      readonly onlyIfCached: boolean;
    };

/** A rule whose path is ready to be matched. */
export type CompiledRule = Omit<CacheRule, "path"> & { readonly path: CompiledGlobs };

/** Decides what the cache may do for a call; throws a `Refusal` where it would pass one by that may have a kept answer only. */
export function planCaching(
  call: Call,
  rules: readonly CompiledRule[],
  { defaultTtlSeconds }: Pick<CacheSettings, "defaultTtlSeconds">,
): CachePlan {
  const control = readCacheControl(call.headers["cache-control"]);
  const plan = findPlan(call, control, rules, defaultTtlSeconds);
  if (plan.kind === "pass" && control.has("only-if-cached")) throw new Refusal("not_cached");
  return plan;
}

function findPlan(
  call: Call,
  control: CacheControl,
  rules: readonly CompiledRule[],
  defaultTtlSeconds: number,
): CachePlan {
  const { method, headers, route, grant } = call;
  const wanted = grant.pass?.project.settings.cache;
  const tenant = route.probe ? undefined : readTenant(call);
  if (tenant === undefined) return pass("no-tenant");
  if (wanted === "off") return pass("project");
  const isRead = method === "GET" || method === "HEAD";
  const rule = rules.find((each) => isRuleFor(each, method, route.path));
  const optedIn = isRead
    ? rule && (rule.ttlSeconds ?? defaultTtlSeconds)
    : readOptIn(call, control, rule, defaultTtlSeconds);
  // Who brings a key of their own must never get what another key was given.
  const shared = rule?.shared === true && grant.key !== undefined;
  const keyOf = (keyed: string) => createKey(call, keyed, shared ? undefined : tenant);
  // Who wants a kept answer or none has nothing kept by that, so nobody needs to opt in.
  const onlyIfCached = control.has("only-if-cached");
  if (!isRead && optedIn === undefined && !(onlyIfCached && method === "POST"))
    return {
      kind: "pass",
      forward: "method",
      detail: method === "POST" ? "not-opted-in" : "unsafe",
      forgets: keyOf("GET"),
    };
  if (control.has("no-store")) return pass("no-store");
  const special = Object.keys(headers).find((name) => partial.has(name));
  if (special !== undefined) return pass(special);
  // Nothing could be kept under what it says it sent and what it did.
  if (isThinned(headers)) return pass("connection");
  if (route.path.length + call.search.length > longestTarget) return pass("target");
  if (isRead ? !isEmpty(call) : call.body.kind === "stream") return pass("body");
  return {
    kind: "use",
    key: keyOf(isRead ? "GET" : method),
    keeps: method !== "HEAD",
    ...(optedIn === undefined ? {} : { ttlSeconds: optedIn }),
    shared,
    patient: method !== "HEAD" && !isImpatient(control, headers),
    onlyIfCached,
  };
}

/** Headers that ask for something else than the whole answer. */
const partial: ReadonlySet<string> = new Set(["range", "if-range", "if-match", "if-unmodified-since", "upgrade"]);

/** Characters of a path and its query, which are kept beside an answer. */
const longestTarget = 4_096;

function pass(detail: string): CachePlan {
  return { kind: "pass", forward: "bypass", detail };
}

function isRuleFor({ path, methods }: CompiledRule, method: string, wanted: string): boolean {
  return methods.includes(method === "HEAD" ? "GET" : method) && path.matches(wanted);
}

/** A POST is kept where somebody says so: its consumer, a rule, or its project for what models do. */
function readOptIn(
  { method, route, grant }: Call,
  control: CacheControl,
  rule: CompiledRule | undefined,
  defaultTtlSeconds: number,
): number | undefined {
  if (method !== "POST") return undefined;
  const asked = readSeconds(control.get("s-maxage")) || readSeconds(control.get("max-age"));
  if (control.has("public")) {
    if (asked > 0) return asked;
    if (!control.has("max-age") && !control.has("s-maxage")) return defaultTtlSeconds;
  }
  if (rule) return rule.ttlSeconds ?? defaultTtlSeconds;
  const wanted = grant.pass?.project.settings.cache;
  const isWork = route.dialect.kindOf({ method, path: route.path }) !== "other";
  return typeof wanted === "number" && wanted > 0 && isWork ? wanted : undefined;
}

function isEmpty({ body }: Call): boolean {
  return body.kind === "none" || (body.kind === "whole" && body.bytes.length === 0);
}

function isImpatient(control: CacheControl, { pragma }: Call["headers"]): boolean {
  return control.has("no-cache") || control.get("max-age") === "0" || (control.size === 0 && pragma === "no-cache");
}
