import { Refusal } from "../domain/refusal.ts";
import type { HeaderValues } from "./arrival.ts";
import { isHttpName } from "./http-name.ts";

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

/** Sixteen bytes in base64 (RFC 6455, section 4.1). */
const validKey = /^[+/\da-z]{22}==$/i;

/** Refuses the opening of a WebSocket that is none (RFC 6455, section 4.2.1), or one of another version (section 4.4). */
export function checkUpgrade(headers: HeaderValues): void {
  const version = headers["sec-websocket-version"] ?? "";
  if (version !== "13" && /^\d{1,3}$/.test(version)) throw new Refusal("upgrade_required", otherVersion);
  if (version !== "13") throw invalid("has no valid Sec-WebSocket-Version. Send 13");
  if (!validKey.test(headers["sec-websocket-key"] ?? ""))
    throw invalid("has no valid Sec-WebSocket-Key. Send 16 random bytes in base64");
  const offered = headers["sec-websocket-protocol"];
  if (offered !== undefined && !isListOfNames(offered))
    throw invalid("offers subprotocols that can't be read. Send each name once, with commas between them");
}

const otherVersion = {
  message: "This version of WebSocket is not known here. Send Sec-WebSocket-Version: 13.",
  headers: { "sec-websocket-version": "13" },
};

function invalid(what: string): Refusal {
  return new Refusal("head_invalid", { message: `This request for a WebSocket ${what}.` });
}

function isListOfNames(offered: string): boolean {
  const names = offered.split(",").map((name) => name.trim());
  return names.every(isHttpName) && new Set(names).size === names.length;
}
