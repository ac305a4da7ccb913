import { isUtf8 } from "node:buffer";
import { decodeBytes } from "../lib/bytes.ts";
import { decodeWhole } from "../lib/decode.ts";
import { type FormField, listFormFields } from "../lib/form-fields.ts";
import { readJsonObject } from "../lib/json-object.ts";
import type { Member } from "../lib/json-scan.ts";
import type { HeaderValues } from "./arrival.ts";
import { type CallBody, isJson } from "./call.ts";
import { namedByConnection } from "./headers.ts";
import { hasManyMarks, jsonBounds, longestName, longestText, mostParameters } from "./policy-bounds.ts";

/** A parameter as rules see it. */
export type Parameter = {
  /** Its name, folded. */
  readonly key: string;
  /** A text, or the JSON text of another scalar; none of objects, lists, files and what is too long to be compared. */
  readonly readText: () => string | undefined;
};

/** Why nobody can be sure of the parameters: they can't be read, or be read in one way only; there is too much to look at; or others may take their place. */
export type Unsure = "unreadable" | "excessive" | "replaceable";

/** Names are compared without case and underscores, and up to a NUL, since some servers read them so. */
export function foldName(name: string): string {
  const [read = ""] = name.split("\0", 1);
  return read.replaceAll("_", "").toUpperCase().toLowerCase();
}

/** A parameter whose text is at hand. */
export function createParameter(name: string, text: string | undefined): Parameter {
  // Some servers end a text at a NUL, so nobody can be sure of it.
  const sure = text === undefined || text.length > longestText || text.includes("\0") ? undefined : text;
  return { key: foldName(name), readText: () => sure };
}

/** The parameters of a body that is held, up to `maxBytes` once it is unpacked. */
export function readBodyParameters(
  body: CallBody,
  headers: HeaderValues,
  maxBytes: number,
): readonly Parameter[] | Unsure {
  if (body.kind === "none") return [];
  if (body.kind === "stream") return "unreadable";
  if (body.bytes.length === 0) return [];
  const type = headers["content-type"] ?? "";
  // Equal names come joined by commas, and nobody knows which of two types the provider takes.
  if (type.includes(",") || losesItsType(headers)) return "unreadable";
  const packed = body.bytes;
  const bytes = unpack(packed, headers["content-encoding"], maxBytes);
  if (bytes === undefined) return "unreadable";
  // A provider that doesn't unpack a form may find another one in what it is packed in.
  if (formType.test(type) && bytes !== packed) return "unreadable";
  if (/^\s*multipart\//i.test(type)) return readFormParameters(type, bytes);
  const inPairs = formType.test(type) ? readPairs(bytes) : [];
  if (typeof inPairs === "string") return inPairs;
  // Some servers read JSON whatever its type says.
  if (isJson(type) || looksLikeJson(bytes)) {
    const inJson = isReadableCharset(type) ? readJsonParameters(bytes) : "unreadable";
    return typeof inJson === "string" ? inJson : [...inJson, ...inPairs];
  }
  return isKnown.test(type) ? inPairs : "unreadable";
}

/** Types of forms, with files and without. */
const formType = /^\s*(?:multipart\/|application\/x-www-form-urlencoded\b)/i;

/** Whether what says how a body is to be read doesn't go up with it. */
function losesItsType({ connection }: HeaderValues): boolean {
  const named = namedByConnection(connection);
  return named !== undefined && (named.has("content-type") || named.has("content-encoding"));
}

/** What has no parameters, or those that were read already. */
const isKnown = /^\s*(?:(?:audio|image|text|video)\/|application\/(?:octet-stream|pdf|sdp|x-www-form-urlencoded)\b)/i;

/** The top-level members of a JSON object; "unreadable" where the bytes aren't one and nothing else. */
export function readJsonMembers(bytes: Uint8Array): readonly Member[] | Unsure {
  return isUtf8(bytes) ? readJsonObject(bytes, jsonBounds) : "unreadable";
}

/** A member of a JSON object as a parameter. */
export function readMember(bytes: Uint8Array, { key, start, end }: Member): Parameter {
  return { key: foldName(key), readText: () => createParameter(key, readScalar(bytes, start, end)).readText() };
}

/** The parameters of a query, with or without its question mark. */
export function readQueryParameters(search: string): readonly Parameter[] {
  return [...new URLSearchParams(search)].map(([name, text]) => createParameter(name, text));
}

function readJsonParameters(bytes: Uint8Array): readonly Parameter[] | Unsure {
  const members = readJsonMembers(bytes);
  return typeof members === "string" ? members : members.map((member) => readMember(bytes, member));
}

const ampersand = Buffer.from("&");

function readPairs(bytes: Uint8Array): readonly Parameter[] | Unsure {
  if (hasManyMarks(bytes, ampersand, mostParameters - 1)) return "excessive";
  const pairs = withinNames([...new URLSearchParams(decodeBytes(bytes, "utf8"))], ([name]) => name);
  return typeof pairs === "string" ? pairs : pairs.map(([name, text]) => createParameter(name, text));
}

/** The fields of a form, files too, by its content type. */
export function readFormFields(type: string, body: Uint8Array): readonly FormField[] | Unsure {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  // A form's first line is its delimiter, which stands at its end too.
  if (hasManyMarks(bytes, bytes.subarray(0, bytes.indexOf("\r\n", 2)), mostParameters + 1)) return "excessive";
  const listed = listFormFields(type, bytes);
  return listed ? withinNames(listed, ({ name }) => name) : "unreadable";
}

function readFormParameters(type: string, bytes: Uint8Array): readonly Parameter[] | Unsure {
  const fields = readFormFields(type, bytes);
  return typeof fields === "string" ? fields : fields.map(({ name, text }) => createParameter(name, text));
}

/** What is named so that names can be compared in no time. */
function withinNames<T>(all: readonly T[], nameOf: (one: T) => string): readonly T[] | Unsure {
  return all.every((one) => nameOf(one).length <= longestName) ? all : "excessive";
}

function readScalar(bytes: Uint8Array, start: number, end: number): string | undefined {
  const first = bytes[start];
  // No character takes more than six bytes.
  if (end - start > longestText * 6 + 2) return undefined;
  const text = first === 0x7b || first === 0x5b ? undefined : decodeBytes(bytes, "utf8", start, end);
  if (text === undefined || first !== 0x22) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function unpack(packed: Uint8Array, encoding: string | undefined, maxBytes: number): Uint8Array | undefined {
  if (encoding === undefined || /^\s*(?:identity\s*)?$/i.test(encoding)) return packed;
  const plain = decodeWhole(packed, encoding, maxBytes);
  // What could be JSON before it is unpacked too says one thing to us, and perhaps another to a provider that unpacks nothing.
  return plain && !looksLikeJson(packed) ? plain : undefined;
}

/** Whether the first byte is a brace, but for white space, BOMs and the zeros of wider characters. */
function looksLikeJson(bytes: Uint8Array): boolean {
  let at = 0;
  while (skipped[bytes[at] ?? 0x7b]) at += 1;
  return bytes[at] === 0x7b;
}

const skipped: readonly boolean[] = Array.from({ length: 256 }, (_, byte) =>
  [0x00, 0x09, 0x0a, 0x0d, 0x20, 0xef, 0xbb, 0xbf, 0xfe, 0xff].includes(byte),
);

/** In these a byte below 128 is the same character; in others it may be a part of one, and a quote none. */
const readable = /^(?:|utf-?8|(?:us-)?ascii|iso-?8859-\d+|latin-?\d+|windows-125\d)$/i;

function isReadableCharset(type: string): boolean {
  return [...type.matchAll(/;\s*charset\s*=\s*["']?([^"';\s]*)/gi)].every(([, charset = ""]) => readable.test(charset));
}
