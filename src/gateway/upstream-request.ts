import type { KeyPlace, Provider } from "../providers/provider.ts";
import type { HeaderValues } from "./arrival.ts";
import { type Grant, keySubprotocol } from "./credential.ts";
import { readUpstreamHeaders } from "./headers.ts";
import type { Route } from "./route.ts";

/** The head of a request as the upstream gets it. */
export type UpstreamHead = { readonly url: string; readonly headers: Record<string, string> };

/** What of an exchange its head is made of. */
export type HeadSource = { readonly route: Route; readonly headers: HeaderValues; readonly search: string };

/** What goes up beside what the consumer sent. */
export type HeadAdditions = {
  /** Sent where an Anthropic call has no version. */
  readonly anthropicVersion: string;
  /** Sent where the consumer sent none; absent where traces aren't propagated. */
  readonly traceparent?: string | undefined;
};

/** Makes the head of the upstream request: the consumer's, less what is ours, with the key that was granted. */
export function createUpstreamHead(
  { route, headers, search }: HeadSource,
  grant: Grant,
  { anthropicVersion, traceparent }: HeadAdditions,
): UpstreamHead {
  const { provider } = route;
  const up = readUpstreamHeaders(headers, grant.emptied);
  if (grant.emptied.has("subprotocol")) removeKeySubprotocol(up);
  if (provider.family === "anthropic" && !("anthropic-version" in up) && !route.probe)
    up["anthropic-version"] = anthropicVersion;
  if (traceparent !== undefined && !("traceparent" in up)) up["traceparent"] = traceparent;
  if (provider.forwardAttribution) forwardAttribution(headers, up);
  for (const name in provider.headers) up[name.toLowerCase()] = provider.headers[name] ?? "";
  if (grant.key !== undefined) placeKey(up, provider.keyIn, grant.key);
  return { url: route.url + readUpstreamSearch(search, provider, grant), headers: up };
}

function forwardAttribution(headers: HeaderValues, up: Record<string, string>): void {
  for (const name of ["x-user-id", "x-session-id"]) {
    const value = headers[name];
    if (value !== undefined) up[name] = value;
  }
}

function placeKey(up: Record<string, string>, place: KeyPlace, key: string): void {
  if (place === "bearer") up["authorization"] = `Bearer ${key}`;
  else if (place !== "query") up[place] = key;
}

/** The consumer's query byte for byte, without a `key` that is replaced, with what the provider's configuration adds. */
function readUpstreamSearch(search: string, provider: Provider, grant: Grant): string {
  const kept = grant.emptied.has("query") ? removeQueryKey(search) : search;
  if (!provider.query && provider.keyIn !== "query") return kept;
  const added = {
    ...provider.query,
    ...(grant.key !== undefined && provider.keyIn === "query" ? { key: grant.key } : {}),
  };
  const more = Object.entries(added).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  if (more.length === 0) return kept;
  return (kept.length > 1 ? `${kept}&` : "?") + more.join("&");
}

/** Takes every `key` out of a query and leaves the rest as it is. */
export function removeQueryKey(search: string): string {
  if (!search.includes("key=")) return search;
  const kept = search
    .slice(1)
    .split("&")
    .filter((part) => !part.startsWith("key="));
  return kept.length > 0 ? `?${kept.join("&")}` : "";
}

function removeKeySubprotocol(up: Record<string, string>): void {
  const offered = up["sec-websocket-protocol"];
  if (offered === undefined) return;
  const kept = offered
    .split(",")
    .map((name) => name.trim())
    .filter((name) => !name.startsWith(keySubprotocol));
  if (kept.length > 0) up["sec-websocket-protocol"] = kept.join(", ");
  else delete up["sec-websocket-protocol"];
}
