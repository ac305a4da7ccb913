import type { HeaderValues } from "./arrival.ts";
import { isHttpName } from "./http-name.ts";

/** Hop-by-hop (RFC 9110 section 7.6.1), what we set ourselves, and what tells of the consumer's network. */
const notUp = new Set([
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
  "content-length",
  "expect",
  "forwarded",
  "via",
  "x-real-ip",
  "x-user-id",
  "x-session-id",
  "cf-connecting-ip",
  "cf-connecting-ipv6",
  "true-client-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-original-forwarded-for",
  "x-envoy-external-address",
  "fly-client-ip",
]);

const notUpPrefixes = ["x-weir-", "x-langfuse-", "x-forwarded-", "proxy-"];

const notDown = new Set([
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "proxy-connection",
  "proxy-authenticate",
]);

/** The headers that go upstream: all but those that a denylist names, and but for `without`. */
export function readUpstreamHeaders(
  headers: HeaderValues,
  without: ReadonlySet<string> = none,
): Record<string, string> {
  const named = namedByConnection(headers["connection"]);
  const up: Record<string, string> = {};
  for (const name in headers) {
    if (notUp.has(name) || without.has(name) || named?.has(name) || hasPrefix(name)) continue;
    up[name] = headers[name] ?? "";
  }
  return up;
}

/** Whether `Connection` keeps headers here that would go up without it, so that the upstream answers another request than it seems. */
export function isThinned(headers: HeaderValues): boolean {
  const named = namedByConnection(headers["connection"]);
  return named !== undefined && [...named].some((name) => Object.hasOwn(headers, name) && !notUp.has(name));
}

const none: ReadonlySet<string> = new Set();

function hasPrefix(name: string): boolean {
  const first = name.charCodeAt(0);
  if (first !== 0x78 && first !== 0x70) return false;
  return notUpPrefixes.some((prefix) => name.startsWith(prefix));
}

/** The headers that go down: all but hop-by-hop ones, `set-cookie` apart; a body that is streamed has its own framing. */
export function readDownstreamHeaders(headers: Headers, framed: boolean): Headers {
  const down = new Headers(headers);
  for (const name of notDown) down.delete(name);
  const named = namedByConnection(headers.get("connection") ?? undefined);
  if (named) for (const name of named) down.delete(name);
  if (!framed) down.delete("content-length");
  return down;
}

/** The headers that `Connection` names as ones of a single hop (RFC 9110, section 7.6.1), lower case. Empty elements are legal (section 5.6.1.2), and what is no name names none. */
export function namedByConnection(value: string | undefined): ReadonlySet<string> | undefined {
  if (value === undefined || value === "keep-alive" || value === "close") return undefined;
  const names = value.split(",").map((name) => name.trim().toLowerCase());
  return new Set(names.filter(isHttpName));
}
