import { endOfString, type Member, readString, skipSpace } from "./json-scan.ts";
import { endOfJson } from "./json-text.ts";

/** How much of a JSON text is looked at. */
export type JsonBounds = {
  /** Values, at any depth. */
  readonly values: number;
  /** Members of the object itself. */
  readonly members: number;
  /** Characters of their names. */
  readonly name: number;
};

const openBrace = 0x7b;
const closeBrace = 0x7d;
const colon = 0x3a;
const comma = 0x2c;

/**
 * The members of the object that a JSON text is, duplicates included, as every parser finds them: "unreadable" where the bytes
 * aren't one object and nothing else, a BOM and white space apart; "excessive" where there is more than the bounds let it look at.
 */
export function readJsonObject(bytes: Uint8Array, bounds: JsonBounds): readonly Member[] | "unreadable" | "excessive" {
  const values = { left: bounds.values };
  const members: Member[] = [];
  let at = skipSpace(bytes, bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0);
  if (bytes[at] !== openBrace) return "unreadable";
  at = skipSpace(bytes, at + 1);
  while (members.length > 0 || bytes[at] !== closeBrace) {
    if (members.length === bounds.members) return "excessive";
    const keyEnd = endOfString(bytes, at);
    if (keyEnd === undefined) return "unreadable";
    // No character takes more than six bytes.
    if (keyEnd - at > bounds.name * 6 + 2) return "excessive";
    const key = readString(bytes, at, keyEnd);
    const afterKey = skipSpace(bytes, keyEnd);
    if (key === undefined || bytes[afterKey] !== colon) return "unreadable";
    if (key.length > bounds.name) return "excessive";
    const start = skipSpace(bytes, afterKey + 1);
    const end = endOfJson(bytes, start, values);
    if (end === undefined) return values.left < 0 ? "excessive" : "unreadable";
    members.push({ key, at, start, end });
    at = skipSpace(bytes, end);
    if (bytes[at] === closeBrace) break;
    if (bytes[at] !== comma) return "unreadable";
    at = skipSpace(bytes, at + 1);
  }
  return skipSpace(bytes, at + 1) === bytes.length ? members : "unreadable";
}
