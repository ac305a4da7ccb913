import { decodeBytes } from "../lib/bytes.ts";
import { countCharacters, readText, type Span } from "./json-string.ts";
import { countMediaTokens, type Family, type Media } from "./media-tokens.ts";
import { createNameTable } from "./name-table.ts";
import { readRequestTree, type RequestNode, type RequestTree } from "./request-tree.ts";
import { createWordTable } from "./word-table.ts";

/** What a request says that limits and budgets need; each is absent where it says nothing of the kind, or can't be read. */
export type RequestNote = {
  readonly model?: string;
  readonly user?: string;
  /** The most LLM tokens that one choice of the answer may have. */
  readonly maxOutput?: number;
  /** Answers that are made at once. */
  readonly choices?: number;
  /** How long the JSON body is that was read. */
  readonly bytes?: number;
  /** Code points of the text that the model is given; absent too where the body is too large for its text to be counted. */
  readonly characters?: number;
  /** LLM tokens beside the text: those that came as numbers, and those of images and other media. */
  readonly tokens?: number;
  /** Bytes of the body that are media in base64, and no text. */
  readonly mediaBytes?: number;
};

type GrowingNote = { -readonly [K in keyof RequestNote]: RequestNote[K] };

/**
 * Reads what a request's plain body says, by the dialect's name and the path where it is sent. Linear in time; takes any bytes and
 * never throws. Text is counted up to `maxSampleBytes`; names and the output's bounds are found in any whole JSON object.
 */
export function readRequestNote(
  dialect: string,
  bytes: Uint8Array | undefined,
  path: string,
  maxSampleBytes: number,
): RequestNote {
  const body = bytes ?? nothing;
  const family = familyOf(dialect);
  const counts = body.length <= maxSampleBytes;
  const tree = readRequestTree(body, counts);
  const note: GrowingNote = {};
  const model = readModel({ family, dialect, path }, body, tree?.root);
  if (model !== undefined) note.model = model;
  if (tree === undefined) return note;
  note.bytes = body.length;
  addUser(note, family, body, tree.root);
  addOutput(note, family, body, tree.root);
  addInput(note, family, body, tree, counts);
  return note;
}

const nothing = new Uint8Array();

/** Dialects are named after their vendor; what nobody knows is mostly made after OpenAI's. */
export function familyOf(dialect: string): Family {
  if (dialect.startsWith("anthropic")) return "anthropic";
  return dialect.startsWith("gemini") ? "gemini" : "openai";
}

/** Where a request is sent. */
type Place = { readonly family: Family; readonly dialect: string; readonly path: string };

/** Gemini's model is in the path, and so is Azure's deployment. */
function readModel(
  { family, dialect, path }: Place,
  body: Uint8Array,
  root: RequestNode | undefined,
): string | undefined {
  const said = readModelName(body, stringOf(body, find(root, "model")));
  switch (family) {
    case "anthropic":
      return said;
    case "openai":
      return said ?? decode(/\/deployments\/([^/]+)\//.exec(path)?.[1]);
    case "gemini":
      return (
        modelOfPath(path) ??
        withoutPrefix(said) ??
        (dialect === "gemini-interactions" ? readName(body, root, "agent") : undefined)
      );
  }
}

/** `models/gemini-2.5-pro`, as Gemini names it in a body. */
function withoutPrefix(model: string | undefined): string | undefined {
  const name = model?.replace(/^(?:.*\/)?models\//, "");
  return name === "" ? undefined : name;
}

function modelOfPath(path: string): string | undefined {
  const [, tuned, name] = /\/(?:models|(tunedModels))\/([^/:]+)/.exec(path) ?? [];
  const model = decode(name);
  return tuned === undefined || model === undefined ? model : `${tuned}/${model}`;
}

function decode(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function addUser(note: GrowingNote, family: Family, body: Uint8Array, root: RequestNode): void {
  const user =
    family === "openai"
      ? (readName(body, root, "user") ?? readName(body, root, "safety_identifier"))
      : family === "anthropic"
        ? readName(body, find(root, "metadata"), "user_id")
        : undefined;
  if (user !== undefined) note.user = user;
}

/** Where each family says how long an answer may be, and how many are asked for; the largest figure counts. */
const outputMembers = {
  openai: { most: ["max_tokens", "max_completion_tokens", "max_output_tokens"], choices: ["n", "best_of"] },
  anthropic: { most: ["max_tokens", "max_tokens_to_sample"], choices: [] },
  gemini: {
    most: ["maxOutputTokens", "max_output_tokens"],
    choices: ["candidateCount", "candidate_count"],
  },
} as const;

function addOutput(note: GrowingNote, family: Family, body: Uint8Array, root: RequestNode): void {
  const { most, choices } = outputMembers[family];
  const places = family === "gemini" ? [find(root, "generationConfig"), find(root, "generation_config")] : [root];
  const maxOutput = findLargest(body, places, most);
  const made = findLargest(body, places, choices);
  if (maxOutput !== undefined) note.maxOutput = maxOutput;
  if (made !== undefined && made >= 1) note.choices = made;
}

function findLargest(
  body: Uint8Array,
  places: readonly (RequestNode | undefined)[],
  names: readonly string[],
): number | undefined {
  let largest: number | undefined;
  for (const place of places) {
    for (const name of names) {
      const figure = readNumber(body, find(place, name));
      if (figure !== undefined) largest = Math.max(largest ?? 0, figure);
    }
  }
  return largest;
}

type Tally = { characters: number; tokens: number; mediaBytes: number };

function addInput(
  note: GrowingNote,
  family: Family,
  body: Uint8Array,
  { root, full }: RequestTree,
  counts: boolean,
): void {
  const tally: Tally = { characters: 0, tokens: 0, mediaBytes: 0 };
  let hasContents = false;
  for (const child of root.children) {
    if (child.reading === "value" || child.reading === "settings") continue;
    hasContents = true;
    addContent(tally, family, body, child);
  }
  if (!full || !hasContents) return;
  if (counts) note.characters = tally.characters;
  if (tally.tokens > 0) note.tokens = tally.tokens;
  if (tally.mediaBytes > 0) note.mediaBytes = tally.mediaBytes;
}

function addContent(tally: Tally, family: Family, body: Uint8Array, node: RequestNode): void {
  tally.characters += node.characters;
  if (node.name === "input" || node.name === "prompt") tally.tokens += node.numbers;
  let hasValues = false;
  for (const child of node.children) {
    if (child.reading === "value" || child.reading === "settings") hasValues = true;
    else addContent(tally, family, body, child);
  }
  // What isn't text has a type, or says where its bytes are.
  if (hasValues) addMedia(tally, family, body, node);
}

function addMedia(tally: Tally, family: Family, body: Uint8Array, node: RequestNode): void {
  if (node.name === "source") tally.characters += countPlainData(body, node);
  const media = readMedia(body, node);
  if (media === undefined) return;
  tally.tokens += countMediaTokens(family, media);
  tally.mediaBytes += media.base64Bytes;
}

/** Types of content that is no text, in all dialects. */
const mediaTypes = createWordTable<Media["kind"]>([
  ["image_url", "image"],
  ["image", "image"],
  ["input_image", "image"],
  ["computer_screenshot", "image"],
  ["input_audio", "audio"],
  ["audio", "audio"],
  ["video_url", "video"],
  ["video", "video"],
  ["file", "document"],
  ["input_file", "document"],
  ["document", "document"],
]);

function readMedia(body: Uint8Array, node: RequestNode): Media | undefined {
  const type = stringOf(body, find(node, "type"));
  const kind = type ? mediaTypes.find(body, type.start, type.end)?.meaning : readInlineKind(body, node);
  if (kind === undefined || (kind === "document" && holdsText(body, find(node, "source")))) return undefined;
  const detail = find(node, "detail") ?? find(find(node, "image_url"), "detail");
  return { kind, low: says(body, detail, "low"), base64Bytes: countMediaBytes(body, node) };
}

/** Gemini's parts have a media type instead. */
function readInlineKind(body: Uint8Array, node: RequestNode): Media["kind"] | undefined {
  const blob =
    find(node, "inlineData") ?? find(node, "inline_data") ?? find(node, "fileData") ?? find(node, "file_data");
  if (blob === undefined) return undefined;
  const type = stringOf(body, find(blob, "mimeType") ?? find(blob, "mime_type"));
  const [vendor] = type
    ? decodeBytes(body, "latin1", type.start, Math.min(type.end, type.start + 6)).split("/", 1)
    : [];
  return vendor === "image" || vendor === "audio" || vendor === "video" ? vendor : "document";
}

/** Anthropic's documents may be plain text, or contents of their own. */
function holdsText(body: Uint8Array, source: RequestNode | undefined): boolean {
  const type = find(source, "type");
  return says(body, type, "text") || says(body, type, "content");
}

function countPlainData(body: Uint8Array, source: RequestNode): number {
  const data = says(body, find(source, "type"), "text") ? stringOf(body, find(source, "data")) : undefined;
  return data ? countCharacters(body, data) : 0;
}

/** Strings of an object of media, and of what it holds, that are base64 or say where it lies. */
function countMediaBytes(body: Uint8Array, node: RequestNode): number {
  let bytes = 0;
  for (const child of node.children) {
    const text = stringOf(body, child);
    if (text && (child.reading === "settings" || isMediaMember(child.name))) bytes += text.end - text.start;
    else if (child.reading === "settings" || child.name === "source") bytes += countMediaBytes(body, child);
  }
  return bytes;
}

function isMediaMember(name: string): boolean {
  return name === "data" || name === "url" || name === "file_data";
}

function find(node: RequestNode | undefined, name: string): RequestNode | undefined {
  if (node === undefined) return undefined;
  for (const child of node.children) if (child.name === name) return child;
  return undefined;
}

/** A longer one is no name of anything. */
const longestName = 1_024;

/** The same few models are named again and again. */
const models = createNameTable();

function readModelName(body: Uint8Array, place: Span | undefined): string | undefined {
  return place && place.end - place.start <= longestName ? models.read(body, place) : undefined;
}

/** The text of a string member that says something. */
function readName(body: Uint8Array, node: RequestNode | undefined, name: string): string | undefined {
  const place = stringOf(body, find(node, name));
  return place && place.end - place.start <= longestName ? readText(body, place) : undefined;
}

/** A number that can be counted with. */
function readNumber(body: Uint8Array, node: RequestNode | undefined): number | undefined {
  const first = node && body[node.start];
  if (node === undefined || first === undefined || first < 0x30 || first > 0x39) return undefined;
  const figure = Number(decodeBytes(body, "latin1", node.start, node.end));
  return Number.isFinite(figure) ? figure : undefined;
}

function says(body: Uint8Array, node: RequestNode | undefined, word: string): boolean {
  const place = stringOf(body, node);
  if (place === undefined || place.end - place.start !== word.length) return false;
  return decodeBytes(body, "latin1", place.start, place.end) === word;
}

/** Where the text of a string stands; `undefined` for what is none. */
function stringOf(body: Uint8Array, node: RequestNode | undefined): Span | undefined {
  return node && body[node.start] === 0x22 ? { start: node.start + 1, end: node.end - 1 } : undefined;
}
