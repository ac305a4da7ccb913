import { parseJson } from "./parse-json.ts";

/** What stands whole at the end of a JSON object whose beginning is missing. */
export type JsonEnd = {
  /** Its last members. */
  readonly members: Readonly<Record<string, unknown>>;
  /** The last elements of the array in which the text begins, where that array is one of its members. */
  readonly elements: readonly unknown[];
};

/**
 * Reads the end of a JSON object. Its last byte stands outside of every string, so going backward it is known what each
 * bracket is; `undefined` where the text doesn't end with a whole object's end.
 */
export function readJsonEnd(text: string): JsonEnd | undefined {
  const scanned = scanBackward(text);
  if (scanned === undefined) return undefined;
  const { membersFrom, elements } = scanned;
  const members = membersFrom === undefined ? {} : parseJson(`{${text.slice(membersFrom)}`);
  const found = elements === undefined ? [] : parseJson(`[${text.slice(elements.from, elements.to)}]`);
  return isObject(members) && Array.isArray(found) ? { members, elements: found } : undefined;
}

type Span = { readonly from: number; readonly to: number };

/** A bracket that is open, seen from behind: where it closes, and the first comma in it that was met last. */
type Open = { readonly closes: "}" | "]"; readonly at: number; firstComma?: number };

function scanBackward(text: string): { readonly membersFrom?: number; readonly elements?: Span } | undefined {
  const open: Open[] = [];
  for (let at = text.length - 1; at >= 0; at -= 1) {
    const char = text[at];
    if (char === '"') {
      const opening = startOfString(text, at);
      if (opening === undefined) break;
      at = opening;
    } else if (char === "}" || char === "]") open.push({ closes: char, at });
    else if (char === "{" || char === "[") open.pop();
    else if (char === ",") noteComma(open.at(-1), at);
    if (open[0]?.closes === "]" || (open.length === 0 && !isSpace(char))) return undefined;
  }
  const [object, member] = open;
  if (object === undefined) return undefined;
  return {
    ...(object.firstComma === undefined ? {} : { membersFrom: object.firstComma + 1 }),
    ...(member?.closes === "]" && member.firstComma !== undefined
      ? { elements: { from: member.firstComma + 1, to: member.at } }
      : {}),
  };
}

function noteComma(open: Open | undefined, at: number): void {
  if (open !== undefined) open.firstComma = at;
}

/** Where the string begins that ends at `end`; `undefined` where its beginning is missing. */
function startOfString(text: string, end: number): number | undefined {
  for (let at = end - 1; at >= 0; at -= 1) {
    at = text.lastIndexOf('"', at);
    if (at === -1) return undefined;
    let escapes = 0;
    while (text[at - 1 - escapes] === "\\") escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return undefined;
}

function isSpace(char: string | undefined): boolean {
  return char === " " || char === "\n" || char === "\r" || char === "\t";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
