import { Refusal } from "../domain/refusal.ts";
import type { HeaderValues } from "./arrival.ts";

/** What the names and values of a head may add up to. Bytes. */
const maxHeadBytes = 65_536;

/** A name, an IPv4 or an IPv6 address, with a port or without (RFC 9110, section 7.2). */
const validHost = /^(?:[\w.~-]+|\[[\da-f:.]+\])(?::\d*)?$/i;

/**
 * Refuses a head that is too large, or of which two readers could believe two things: equal names come joined by commas,
 * which neither a host nor a length has (RFC 9112, sections 3.2 and 6.3), and without a host that is one the path's
 * beginning is taken for it.
 */
export function checkHead(headers: HeaderValues): void {
  let size = 0;
  for (const name in headers) size += name.length + (headers[name]?.length ?? 0);
  if (size > maxHeadBytes) throw new Refusal("headers_too_large");
  if (!validHost.test(headers["host"] ?? "") || headers["content-length"]?.includes(","))
    throw new Refusal("head_invalid");
}
