import { isIP } from "node:net";
import type { LimitScope } from "../domain/limits.ts";
import { networkOf } from "../lib/client-address.ts";
import { nameOneOf } from "./name-one-of.ts";

/** A name under an override's scope, as calls are looked up by it, or the end of the sentence that says what must stand there. */
export type OverrideName =
  | { readonly kind: "name"; readonly name: string; readonly warning?: string }
  | { readonly kind: "fault"; readonly expected: string };

/** Reads a value, or a glob, that limits are overridden for; what could be a secret is never in the answer. */
export function readOverrideName(scope: LimitScope, written: string, providers: readonly string[]): OverrideName {
  switch (scope) {
    case "address":
      return readAddress(written.trim().toLowerCase());
    case "provider":
      return readProvider(written, providers);
    case "project":
      return readProject(written);
    case "token":
      return readToken(written);
    case "key":
      return readKey(written);
    case "model":
    case "user":
    case "global":
      return { kind: "name", name: written };
  }
}

function readAddress(written: string): OverrideName {
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/.exec(written)?.[1] ?? written;
  if (isIP(mapped) === 4) return { kind: "name", name: mapped };
  const [address = "", bits] = mapped.split("/");
  // Addresses of one network are one client's, and are counted as one.
  if (isIP(address) === 6 && (bits === undefined || bits === "64")) return { kind: "name", name: networkOf(address) };
  if (/^[\d.*]*\*[\d.*]*$|^[\da-f:.*]*\*[\da-f:.*]*$/.test(mapped)) return { kind: "name", name: mapped };
  const glob = isIP(address) === 4 ? toGlob(address, bits) : undefined;
  const advice = glob === undefined ? "or a glob such as 10.0.*" : `or a glob: ${glob}`;
  return fault(
    `have no "${written.slice(0, 80)}"; write an IP address, an IPv6 network of 64 bits such as 2001:db8:0:1::/64, ${advice}`,
  );
}

/** A network whose bits are whole groups of digits, as a glob. */
function toGlob(address: string, bits = ""): string | undefined {
  const groups = { "8": 1, "16": 2, "24": 3 }[bits];
  return groups === undefined ? undefined : `${address.split(".").slice(0, groups).join(".")}.*`;
}

function readProvider(written: string, providers: readonly string[]): OverrideName {
  if (written.includes("*") || providers.includes(written)) return { kind: "name", name: written };
  return { kind: "name", name: written, warning: nameOneOf(providers, written) };
}

function readProject(written: string): OverrideName {
  if (isId(written)) return { kind: "name", name: written.toLowerCase() };
  const found = looksSecret(written) ? "what stands there isn't shown" : `not "${written.slice(0, 80)}"`;
  return fault(`have projects by their ids, which weir manage project list shows, or globs of them; ${found}`);
}

function readToken(written: string): OverrideName {
  if (isId(written)) return { kind: "name", name: written.toLowerCase() };
  const found = written.startsWith("sk-weir-")
    ? "a token's text stands there: take it out, as this file is no place for it"
    : "what stands there isn't shown";
  return fault(`have tokens by their ids, which weir manage token list shows, or globs of them; ${found}`);
}

function readKey(written: string): OverrideName {
  if (/^[\da-f]{64}$/i.test(written) || isGlobOf(written, /^[\da-f*]*$/i))
    return { kind: "name", name: written.toLowerCase() };
  return fault(
    `have keys by their SHA-256 in 64 hex digits, such as printf %s "$KEY" | sha256sum shows, or globs of it; what stands there isn't shown`,
  );
}

function isId(written: string): boolean {
  return /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(written) || isGlobOf(written, /^[\da-f*-]*$/i);
}

function isGlobOf(written: string, letters: RegExp): boolean {
  return written.includes("*") && letters.test(written);
}

function looksSecret(written: string): boolean {
  return /^(?:sk-|aiza)/i.test(written);
}

function fault(expected: string): OverrideName {
  return { kind: "fault", expected };
}
