import { ManageFault } from "./fault.ts";

/** Reads `name=text` options; nothing where there are none. Throws a `ManageFault`. */
export function readMetadata(pairs: readonly string[] | undefined): { readonly metadata?: Record<string, string> } {
  if (pairs === undefined) return {};
  // An empty one alone takes all away.
  const entries = pairs.filter((pair) => pair !== "").map(readPair);
  return { metadata: Object.fromEntries(entries) };
}

function readPair(pair: string): readonly [string, string] {
  const at = pair.indexOf("=");
  if (at <= 0) throw new ManageFault(2, `--metadata must be name=text, such as team=search, not "${pair}"`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}
