import { isEmptyPolicy, type Policy } from "../domain/policy.ts";
import { Refusal } from "../domain/refusal.ts";
import { type CompiledGlobs, compileGlobs } from "../lib/glob.ts";
import type { Arrival, HeaderValues } from "./arrival.ts";
import { isBelow, readSegments } from "./policy-path.ts";

/** A policy that calls can be checked against; a rule that is absent allows everything. */
export type CompiledPolicy = {
  readonly methods?: ReadonlySet<string>;
  /** Each as its segments. */
  readonly endpoints?: readonly (readonly string[])[];
  readonly params?: readonly ParamRule[];
  readonly origins?: ReadonlySet<string>;
  readonly requiredHeaders?: readonly string[];
};

/** What the values of a parameter must match. */
export type ParamRule = { readonly name: string; readonly globs: CompiledGlobs };

/** All that one call has to keep to: its provider's policy and its project's, and the models of its token. */
export type CallRules = {
  readonly policies: readonly CompiledPolicy[];
  readonly allowedModels?: CompiledGlobs | undefined;
  /** Whether any of them is about what stands in a body. */
  readonly needBody: boolean;
};

/** Makes a policy ready to be checked; `undefined` for one that says nothing. */
export function compilePolicy(policy: Policy): CompiledPolicy | undefined {
  if (isEmptyPolicy(policy)) return undefined;
  const { allowedMethods, allowedEndpoints, paramWhitelist, allowedOrigins, requiredHeaders } = policy;
  return {
    ...(allowedMethods && { methods: new Set(allowedMethods.map((method) => method.toUpperCase())) }),
    ...(allowedEndpoints && { endpoints: allowedEndpoints.map(readPrefix) }),
    ...(paramWhitelist && { params: Object.entries(paramWhitelist).map(readParam) }),
    ...(allowedOrigins && { origins: new Set(allowedOrigins) }),
    ...(requiredHeaders && { requiredHeaders: requiredHeaders.map((name) => name.toLowerCase()) }),
  };
}

function readPrefix(endpoint: string): readonly string[] {
  return endpoint.split("/").filter((segment) => segment !== "");
}

function readParam([name, patterns]: [string, readonly string[]]): ParamRule {
  return { name, globs: compileGlobs(patterns) };
}

/** Who may bring rules: a route those of its provider, a grant those of its project and its token. */
export type RuleSource = { readonly policy?: CompiledPolicy; readonly allowedModels?: CompiledGlobs };

/** The rules of a call; `undefined` where there are none, which costs nothing. A client's probe of its base URL keeps to none. */
export function findRules(
  { policy, probe }: Pick<RuleSource, "policy"> & { readonly probe: boolean },
  grant: RuleSource,
): CallRules | undefined {
  if ((!policy && !grant.policy && !grant.allowedModels) || probe) return undefined;
  const policies = [policy, grant.policy].filter((one) => one !== undefined);
  const { allowedModels } = grant;
  const needBody = allowedModels !== undefined || policies.some(({ params = [] }) => params.length > 0);
  return { policies, allowedModels, needBody };
}

/** What of a head the rules are about. */
type Head = Pick<Arrival, "method" | "headers" | "search">;

/** Checks a call's method, origin and headers, and its path as the provider knows it; throws a `Refusal`. */
export function checkPolicyHead({ policies }: CallRules, head: Head, path: string): void {
  for (const policy of policies) {
    checkMethod(policy, head);
    checkEndpoint(policy, path);
    checkRequired(policy, head);
    checkOrigin(policy, head);
  }
}

/** Headers by which some servers, Google's too, take a request for one of another method. */
const overrides = ["x-http-method-override", "x-http-method", "x-method-override"];

/** Parameters of a query that do the same (https://cloud.google.com/apis/docs/system-parameters); the last brings headers. */
const queryOverrides: ReadonlySet<string> = new Set(["$httpmethod", "_method", "$httpheaders"]);

function checkMethod({ methods }: CompiledPolicy, { method, headers, search }: Head): void {
  if (!methods) return;
  const meant = overrides.flatMap((name) => headers[name] ?? []);
  const inQuery = search === "" ? [] : readQueryOverrides(search);
  if ([method, ...meant, ...inQuery].every((one) => methods.has(one.trim().toUpperCase()))) return;
  throw new Refusal("method_not_allowed", { headers: { allow: [...methods].join(", ") } });
}

function readQueryOverrides(search: string): readonly string[] {
  const pairs = [...new URLSearchParams(search)];
  return pairs.filter(([name]) => queryOverrides.has(name.toLowerCase())).map(([, value]) => value);
}

function checkEndpoint({ endpoints }: CompiledPolicy, path: string): void {
  if (!endpoints) return;
  const segments = readSegments(path);
  if (!segments || !isBelow(segments, endpoints)) throw new Refusal("endpoint_not_allowed");
}

function checkRequired({ requiredHeaders = [] }: CompiledPolicy, { headers }: Head): void {
  const missing = requiredHeaders.find((name) => !isPresent(headers, name));
  if (missing === undefined) return;
  throw new Refusal("header_required", { message: `The header ${missing} is required here, and is missing. Send it.` });
}

function isPresent(headers: HeaderValues, name: string): boolean {
  return Object.hasOwn(headers, name) && headers[name]?.trim() !== "";
}

function checkOrigin({ origins }: CompiledPolicy, { headers }: Head): void {
  const origin = headers["origin"];
  if (!origins || origin === undefined || origins.has("*") || origins.has(origin)) return;
  throw new Refusal("origin_not_allowed");
}
