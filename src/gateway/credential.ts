import { hash, timingSafeEqual } from "node:crypto";
import { Refusal } from "../domain/refusal.ts";
import { tokenPrefix } from "../domain/token.ts";
import type { CompiledGlobs } from "../lib/glob.ts";
import type { Provider } from "../providers/provider.ts";
import type { HeaderValues } from "./arrival.ts";
import type { CompiledPolicy } from "./policy.ts";
import type { Route } from "./route.ts";
import { type Pass, subjectOf, type TokenBook } from "./token-book.ts";

/** Where a consumer may put a credential. */
export type CredentialPlace =
  | "authorization"
  | "x-api-key"
  | "x-goog-api-key"
  | "api-key"
  | "query"
  | "x-weir-key"
  | "subprotocol";

/** One credential as it was found. */
export type Credential = { readonly place: CredentialPlace; readonly value: string };

/** What a consumer is let go upstream with. */
export type Grant = {
  /** The key that takes the place of every credential; absent where the consumer's own go as they came. */
  readonly key?: string;
  /** Places that are emptied though no key takes theirs. */
  readonly emptied: ReadonlySet<CredentialPlace>;
  /** The token that it was given for. */
  readonly pass?: Pass;
  /** The project's; absent where it has none. */
  readonly policy?: CompiledPolicy;
  /** The token's; absent where it may use any. */
  readonly allowedModels?: CompiledGlobs;
};

/** What is asked at the door, before a byte of the body is read; only a token that isn't known yet has to be waited for. */
export type Admission = (route: Route, headers: HeaderValues, search: string) => Grant | Promise<Grant>;

/** Who is let in, and with which key. */
export type AdmissionConfig = {
  readonly authMode: readonly ("open" | "gate" | "token")[];
  readonly gateKey?: string;
  readonly managementToken?: string;
  readonly allowOpenRelay: boolean;
  readonly corsAllowedOrigins: readonly string[];
  /** Names that a browser may call us by when the operator's money is at stake: the listener's own. */
  readonly ownHosts: readonly string[];
  readonly tokens: Pick<TokenBook, "find">;
};

const nowhere: ReadonlySet<CredentialPlace> = new Set();
const everywhere: ReadonlySet<CredentialPlace> = new Set([
  "authorization",
  "x-api-key",
  "x-goog-api-key",
  "api-key",
  "query",
  "x-weir-key",
  "subprotocol",
]);

/** Creates the check of credentials; it throws a `Refusal`. */
export function createAdmission(config: AdmissionConfig): Admission {
  const isGateKey = createSecretTest(config.gateKey);
  const { managementToken, tokens } = config;
  const isSecretOfManagement = createSecretTest(managementToken);
  // It is long and made by chance, so its length tells nothing, and spares nearly everybody the comparison.
  const isManagementToken = (text: string) => text.length === managementToken?.length && isSecretOfManagement(text);
  const open = config.authMode.includes("open");

  return (route, headers, search) => {
    if (route.probe) return { emptied: everywhere };
    const credentials = listCredentials(headers, search);
    if (credentials.some(({ value }) => isManagementToken(value))) {
      throw new Refusal("invalid_api_key", {
        message: "The management token opens no provider. Send the gateway's key or a token of a project.",
      });
    }
    for (const { value } of credentials) checkParts(value);
    // What begins like a token of ours is never anything else, least of all a key that goes upstream.
    const shown = credentials.filter(({ value }) => value.startsWith(tokenPrefix));
    if (shown.length > 0) return passToken(route, credentials, shown);
    if (open && config.gateKey === undefined) return passOpen(route, headers);
    const gates = credentials.filter(({ value }) => isGateKey(value));
    if (gates.length > 0) return passGate(route, credentials, gates);
    if (open) return passOpen(route, headers);
    throw new Refusal(credentials.length === 0 ? "credential_missing" : "invalid_api_key");
  };

  /** Headers of one name come joined, and go up so where they aren't emptied: nothing of ours may stand among others there. */
  function checkParts(value: string): void {
    if (!/[\s,;]/.test(value) || isGateKey(value)) return;
    const parts = value.split(/[\s,;]+/, mostParts + 1);
    if (parts.some((part) => part.startsWith(tokenPrefix))) throw new Refusal("token_invalid");
    if (parts.length > mostParts || parts.some((part) => isGateKey(part) || isManagementToken(part)))
      throw new Refusal("invalid_api_key", { message: "A credential came beside another one. Send each once, alone." });
  }

  function passToken(
    route: Route,
    credentials: readonly Credential[],
    shown: readonly Credential[],
  ): Grant | Promise<Grant> {
    const text = shown[0]?.value ?? "";
    if (shown.some(({ value }) => value !== text)) throw new Refusal("token_invalid");
    const ours = credentials.filter(({ value }) => value === text || isGateKey(value));
    const own = shown.some(({ place }) => place === "x-weir-key") ? listApart(credentials, ours) : [];
    const found = tokens.find(text);
    return found instanceof Promise
      ? found.then((pass) => createTokenGrant(route, pass, own))
      : createTokenGrant(route, found, own);
  }

  function passGate(route: Route, credentials: readonly Credential[], gates: readonly Credential[]): Grant {
    const { key, name } = route.provider;
    if (key !== undefined) return { key, emptied: everywhere };
    const own = listApart(credentials, gates);
    if (own.length === 0 || !gates.some(({ place }) => place === "x-weir-key"))
      throw new Refusal("provider_key_missing", { message: describeMissing(name, true) });
    return { emptied: new Set(gates.map(({ place }) => place)) };
  }

  function passOpen(route: Route, headers: HeaderValues): Grant {
    const { key } = route.provider;
    if (key === undefined) return { emptied: nowhere };
    if (!isTrustedPage(headers)) throw new Refusal("origin_not_allowed");
    return { key, emptied: everywhere };
  }

  /** No web page spends the operator's money, not even one that names this machine by a name of its own (DNS rebinding). */
  function isTrustedPage(headers: HeaderValues): boolean {
    const origin = headers["origin"];
    const named = origin !== undefined && config.corsAllowedOrigins.includes(origin);
    if (!named && (origin !== undefined || headers["sec-fetch-site"] === "cross-site")) return false;
    return config.allowOpenRelay || isOwnHost(headers["host"] ?? "", config.ownHosts);
  }
}

/** More than any scheme has; each of them is compared, which nobody may make us do without end. */
const mostParts = 32;

/** Credentials in places where none of ours stands. */
function listApart(credentials: readonly Credential[], ours: readonly Credential[]): readonly Credential[] {
  const places = new Set(ours.map(({ place }) => place));
  return credentials.filter(({ place }) => !places.has(place));
}

/** The project's key for that provider, the operator's where the project has none at all or says so, or the consumer's own. */
function createTokenGrant({ provider }: Route, pass: Pass, own: readonly Credential[]): Grant {
  const { project, keys, policy, allowedModels } = pass;
  const grant = { pass, ...(policy && { policy }), ...(allowedModels && { allowedModels }) };
  if (own.length > 0) {
    if (project.settings.allowOwnKeys !== true) throw new Refusal("own_key_not_allowed", { subject: subjectOf(pass) });
    const kept = new Set(own.map(({ place }) => place));
    return { ...grant, emptied: new Set([...everywhere].filter((place) => !kept.has(place))) };
  }
  const key = keys.has(provider.name) ? keys.get(provider.name) : findOperatorKey(provider, pass);
  if (key !== undefined) return { ...grant, key, emptied: everywhere };
  const missing = describeMissing(provider.name, project.settings.allowOwnKeys === true);
  const message = keys.has(provider.name) ? describeUnreadable(provider.name) : missing;
  throw new Refusal("provider_key_missing", { message, subject: subjectOf(pass) });
}

function findOperatorKey({ key }: Provider, { project, keys }: Pass): string | undefined {
  return (project.settings.useOperatorKeys ?? keys.size === 0) ? key : undefined;
}

function describeMissing(provider: string, ownWelcome: boolean): string {
  const what = `There is no key to call the provider ${provider} with.`;
  return ownWelcome
    ? `${what} Send one of your own, with what lets you in here in the X-Weir-Key header, or ask the operator to configure one.`
    : `${what} Ask the operator to configure one.`;
}

function describeUnreadable(provider: string): string {
  return `This project's key for the provider ${provider} can't be read. Ask the operator to set it again, or to give back the ENCRYPTION_KEY that it was sealed with.`;
}

function isOwnHost(host: string, ownHosts: readonly string[]): boolean {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  return (
    /^(?:.+\.)?localhost$/.test(name) ||
    name === "[::1]" ||
    /^127(?:\.\d{1,3}){3}$/.test(name) ||
    ownHosts.includes(name)
  );
}

/** Every credential that a request carries. */
export function listCredentials(headers: HeaderValues, search: string): readonly Credential[] {
  const found: Credential[] = [];
  const add = (place: CredentialPlace, value: string | undefined) => {
    if (value) found.push({ place, value });
  };
  const authorization = headers["authorization"];
  add("authorization", authorization && authorization.replace(/^bearer(?:\s+|$)/i, "").trim());
  add("x-api-key", headers["x-api-key"]);
  add("x-goog-api-key", headers["x-goog-api-key"]);
  add("api-key", headers["api-key"]);
  add("x-weir-key", headers["x-weir-key"]);
  if (search.includes("key=")) for (const key of readQueryKeys(search)) add("query", key);
  if ("sec-websocket-protocol" in headers)
    for (const key of readSubprotocolKeys(headers["sec-websocket-protocol"] ?? "")) add("subprotocol", key);
  return found;
}

function readQueryKeys(search: string): readonly string[] {
  // Read as it is taken out again: a question mark further on is a part of a name or a value.
  const written = search
    .slice(1)
    .split("&")
    .filter((part) => part.startsWith("key="));
  return written.map((part) => {
    const raw = part.slice("key=".length);
    try {
      return decodeURIComponent(raw.replaceAll("+", " "));
    } catch {
      return raw;
    }
  });
}

/** Browsers can't set headers on a WebSocket, so OpenAI's SDK puts the key into a subprotocol. */
export const keySubprotocol = "openai-insecure-api-key.";

function readSubprotocolKeys(protocols: string): readonly string[] {
  return protocols
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name.startsWith(keySubprotocol))
    .map((name) => name.slice(keySubprotocol.length));
}

/** A comparison that takes the same time whatever is wrong with the text. */
function createSecretTest(secret: string | undefined): (text: string) => boolean {
  if (secret === undefined) return () => false;
  const expected = digest(secret);
  return (text) => timingSafeEqual(digest(text), expected);
}

function digest(text: string): Buffer {
  return hash("sha256", text, "buffer");
}
