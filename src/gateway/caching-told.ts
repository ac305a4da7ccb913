import type { Answer } from "./forward.ts";

/** What an answer tells of the cache's part in it. */
export type CacheTold = {
  readonly word: "hit" | "miss" | "bypass";
  /** As the replaced system had it. */
  readonly oldWord: "hit" | "conditional-hit" | "stored" | "miss" | "bypass";
  /** The key's hash; absent where there was none. */
  readonly key?: string;
  /** Why it went upstream, as RFC 9211 section 2.2 names it; absent where it didn't. */
  readonly forward?: "bypass" | "method" | "uri-miss" | "stale" | "request";
  readonly forwardStatus?: number;
  readonly ttlSeconds?: number;
  readonly stored?: boolean;
  readonly detail?: string;
};

/** Adds it to an answer's headers, after what other caches said. */
export function tellCache(headers: Headers, told: CacheTold): void {
  headers.set("x-weir-cache", told.word);
  headers.append("cache-status", writeStatus(told));
  headers.set("x-proxy-cache", told.oldWord);
  if (told.key === undefined) headers.delete("x-proxy-cache-key");
  else headers.set("x-proxy-cache-key", told.key.slice(0, 32));
}

/** https://www.rfc-editor.org/rfc/rfc9211#section-2 */
function writeStatus({ forward, forwardStatus, ttlSeconds, stored, detail }: CacheTold): string {
  return [
    "weir",
    forward === undefined ? "hit" : `fwd=${forward}`,
    ...(forwardStatus === undefined ? [] : [`fwd-status=${forwardStatus}`]),
    ...(ttlSeconds === undefined ? [] : [`ttl=${Math.floor(ttlSeconds)}`]),
    ...(stored ? ["stored"] : []),
    ...(detail === undefined ? [] : [`detail=${detail}`]),
  ].join("; ");
}

/** Whether an upstream answered that it can't answer. */
export function isOutage({ status }: Pick<Answer, "status">): boolean {
  return status === 500 || (status >= 502 && status <= 504);
}
