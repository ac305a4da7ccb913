import { isAscii } from "node:buffer";
import { skipSpace } from "../lib/json-scan.ts";
import { countString, findBackslash, findStringEnd, type StringScan } from "./count-string.ts";
import { unescapeWord } from "./json-string.ts";
import {
  contentMembers,
  type Members,
  openMembers,
  type Reading,
  requestMembers,
  settingMembers,
} from "./request-words.ts";
import type { Word } from "./word-table.ts";

/** What a request's JSON holds of what is looked at: a member, or an element of a list that holds others. */
export type RequestNode = {
  /** Its key; an element has its list's. */
  readonly name: string;
  readonly reading: Reading;
  /** Where its value stands; the end is exclusive. */
  readonly start: number;
  readonly end: number;
  /** Code points of its own text and of the strings right in it. */
  readonly characters: number;
  /** Numbers right in it, where it is a list. */
  readonly numbers: number;
  /** Those of its members that are looked at, each once; of a list the elements that are lists and objects. */
  readonly children: readonly RequestNode[];
};

/** A request's JSON, as far as it is looked at. */
export type RequestTree = {
  readonly root: RequestNode;
  /** Whether all contents are in it; `false` where there are too many to hold. */
  readonly full: boolean;
};

type Growing = { -readonly [K in keyof RequestNode]: RequestNode[K] } & { children: Growing[] };

/** Where the scanner stands, and what it is to do. */
type Scan = StringScan & {
  /** Whether text is counted, or only passed over. */
  readonly counts: boolean;
  at: number;
  nodesLeft: number;
};

const quote = 0x22;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const colon = 0x3a;
const comma = 0x2c;

/** What lies deeper counts as the JSON that it is. */
const maxDepth = 32;
/** Lists and objects and members that are held; a request of some 20,000 bytes has fewer. */
const maxNodes = 20_000;
/**
 * Reads a JSON object in one pass, in linear time, with a bounded depth and size; `undefined` where the bytes aren't one whole object.
 * Of equal keys the last one counts, as in every common parser; in what is text as it stands (a tool's arguments) all do.
 */
export function readRequestTree(bytes: Uint8Array, counts: boolean): RequestTree | undefined {
  const scan: Scan = {
    bytes,
    counts,
    ascii: counts && isAscii(bytes),
    at: bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0,
    backslash: -1,
    nodesLeft: maxNodes,
    characters: 0,
  };
  scan.at = skipSpace(bytes, scan.at);
  if (bytes[scan.at] !== openBrace) return undefined;
  const root = createNode("", "text", scan.at);
  if (!readObject(scan, root, requestMembers, 0)) return undefined;
  return { root, full: scan.nodesLeft > 0 };
}

/** Nothing is ever put into it. */
const none: Growing[] = [];

function createNode(name: string, reading: Reading, start: number): Growing {
  return { name, reading, start, end: start, characters: 0, numbers: 0, children: none };
}

function readObject(scan: Scan, node: Growing, members: Members, depth: number): boolean {
  const { bytes } = scan;
  scan.at = skipSpace(bytes, scan.at + 1);
  if (bytes[scan.at] === closeBrace) return close(scan, node);
  for (;;) {
    const keyAt = scan.at;
    const keyEnd = bytes[keyAt] === quote ? findStringEnd(bytes, keyAt) : undefined;
    if (keyEnd === undefined) return false;
    const colonAt = skipSpace(bytes, keyEnd);
    if (bytes[colonAt] !== colon) return false;
    scan.at = skipSpace(bytes, colonAt + 1);
    if (!readMember(scan, node, members, keyAt + 1, keyEnd - 1, depth)) return false;
    scan.at = skipSpace(bytes, scan.at);
    if (bytes[scan.at] === closeBrace) return close(scan, node);
    if (bytes[scan.at] !== comma) return false;
    scan.at = skipSpace(bytes, scan.at + 1);
  }
}

function readMember(
  scan: Scan,
  parent: Growing,
  members: Members,
  keyAt: number,
  keyEnd: number,
  depth: number,
): boolean {
  const word = findKey(scan, members, keyAt, keyEnd);
  const reading = word?.meaning ?? members.others;
  if (reading === undefined || isTooMuch(scan, depth)) return pass(scan, false);
  const node = createNode(word?.name ?? "", reading, scan.at);
  if (!readValue(scan, node, depth)) return false;
  addMember(parent, node);
  return true;
}

/** Where a key that is known stands twice, the later one takes the place of the earlier. */
function addMember(parent: Growing, node: Growing): void {
  const { children } = parent;
  // Keys of the consumer's own are no names here, and there may be many of them.
  const at = node.name === "" ? -1 : placeOf(children, node.name);
  if (at === -1) addChild(parent, node);
  else children[at] = node;
}

/** No `findIndex`: a closure for each member of each request is what a call would notice. */
function placeOf(nodes: readonly Growing[], name: string): number {
  for (let at = 0; at < nodes.length; at += 1) if (nodes[at]?.name === name) return at;
  return -1;
}

/** Most have no children: only those that do get a list of their own. */
function addChild(parent: Growing, node: Growing): void {
  if (parent.children === none) parent.children = [node];
  else parent.children.push(node);
}

/** A key with escapes (`"\u006dodel"`) means the same key. */
function findKey(scan: Scan, { known }: Members, start: number, stop: number): Word<Reading> | undefined {
  const { bytes } = scan;
  if (findBackslash(scan, start) >= stop) return known.find(bytes, start, stop);
  const plain = unescapeWord(bytes, { start, end: stop });
  return plain && known.find(plain, 0, plain.length);
}

/** A request's own members are always read: there are but a few. */
function isTooMuch(scan: Scan, depth: number): boolean {
  if (depth === 0) return false;
  scan.nodesLeft -= 1;
  return scan.nodesLeft <= 0;
}

/** Reads the value that begins where the scanner stands. */
function readValue(scan: Scan, node: Growing, depth: number): boolean {
  const { reading } = node;
  const first = scan.bytes[scan.at];
  if (first === quote) return readString(scan, node);
  const isObject = first === openBrace;
  const isPlain = !isObject && first !== openBracket;
  if (isPlain || reading === "value" || (reading === "settings" && !isObject))
    return pass(scan, false) && end(scan, node);
  if (reading === "json" || (reading === "either" && isObject) || depth >= maxDepth) {
    if (!pass(scan, scan.counts)) return false;
    node.characters = scan.characters;
    return end(scan, node);
  }
  return isObject ? readObject(scan, node, membersOf(reading), depth + 1) : readList(scan, node, depth + 1);
}

function membersOf(reading: Reading): Members {
  if (reading === "settings") return settingMembers;
  return reading === "open" ? openMembers : contentMembers;
}

function end(scan: Scan, node: Growing): boolean {
  node.end = scan.at;
  return true;
}

function readString(scan: Scan, node: Growing): boolean {
  const isText = scan.counts && node.reading !== "value" && node.reading !== "settings";
  const stop = isText ? countString(scan, scan.at) : findStringEnd(scan.bytes, scan.at);
  if (stop === undefined) return false;
  if (isText) node.characters = scan.characters;
  scan.at = stop;
  return end(scan, node);
}

function readList(scan: Scan, node: Growing, depth: number): boolean {
  const { bytes } = scan;
  scan.at = skipSpace(bytes, scan.at + 1);
  if (bytes[scan.at] === closeBracket) return close(scan, node);
  for (;;) {
    if (!readElement(scan, node, depth)) return false;
    scan.at = skipSpace(bytes, scan.at);
    if (bytes[scan.at] === closeBracket) return close(scan, node);
    if (bytes[scan.at] !== comma) return false;
    scan.at = skipSpace(bytes, scan.at + 1);
  }
}

function close(scan: Scan, node: Growing): boolean {
  scan.at += 1;
  return end(scan, node);
}

function readElement(scan: Scan, list: Growing, depth: number): boolean {
  const first = scan.bytes[scan.at];
  if (first === openBrace || first === openBracket) {
    if (isTooMuch(scan, depth)) return pass(scan, false);
    const node = createNode(list.name, "text", scan.at);
    addChild(list, node);
    return readValue(scan, node, depth);
  }
  if (!pass(scan, scan.counts)) return false;
  if (first === quote) list.characters += scan.characters;
  else if (isNumber(first)) list.numbers += 1;
  return true;
}

function isNumber(first: number | undefined): boolean {
  return first !== undefined && (first === 0x2d || (first >= 0x30 && first <= 0x39));
}

/** Goes past one value, counting the characters of its strings, its keys and its numbers where that is asked. */
function pass(scan: Scan, counts: boolean): boolean {
  const { bytes } = scan;
  let { at } = scan;
  let depth = 0;
  let characters = 0;
  do {
    const byte = bytes[at];
    if (byte === undefined) return false;
    if (byte === quote) {
      const stop = counts ? countString(scan, at) : findStringEnd(bytes, at);
      if (stop === undefined) return false;
      if (counts) characters += scan.characters;
      at = stop;
    } else if (byte === openBrace || byte === openBracket) {
      depth += 1;
      at += 1;
    } else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1;
      at += 1;
    } else if (isBetween(byte)) {
      at += 1;
      if (depth === 0) return false;
    } else {
      const start = at;
      while (isScalar(bytes[at])) at += 1;
      characters += at - start;
    }
  } while (depth > 0);
  scan.at = at;
  scan.characters = characters;
  return depth === 0;
}

/** White space, commas and colons. */
function isBetween(byte: number): boolean {
  return byte <= 0x20 || byte === comma || byte === colon;
}

/** Letters, digits, signs and points: what numbers, `true`, `false` and `null` are made of. */
function isScalar(byte: number | undefined): boolean {
  if (byte === undefined || isBetween(byte)) return false;
  return byte !== quote && byte !== closeBrace && byte !== closeBracket && byte !== openBrace && byte !== openBracket;
}
