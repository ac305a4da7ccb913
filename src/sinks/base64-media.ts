import { isMembers, type Members } from "./members.ts";

/** Bytes that a request carries as base64 text. */
export type Base64Media = {
  /** `image/png`, without parameters. */
  readonly type: string;
  readonly data: string;
};

type Replace = (media: Base64Media) => string;

/** Nothing that a provider understands is nested deeper. */
const deepest = 64;

/** Every piece of media in a request's input, in order, repetitions included. */
export function findMedia(input: unknown): readonly Base64Media[] {
  const found: Base64Media[] = [];
  replaceMedia(input, (media) => {
    found.push(media);
    return "";
  });
  return found;
}

/**
 * A copy of a request's input with text in place of its base64: data URIs wherever they stand, and the bare base64 of
 * OpenAI's `input_audio`, Anthropic's `source` and Gemini's `inlineData`.
 */
export function replaceMedia(input: unknown, replace: Replace): unknown {
  return walk(input, replace, deepest);
}

/** What stands in for bytes that are not sent: what they were, and how many. */
export function mediaPlaceholder({ type, data }: Base64Media): string {
  return `[${type}, ${decodedBytes(data)} bytes]`;
}

/** How many bytes base64 text stands for. */
function decodedBytes(data: string): number {
  const padding = data.endsWith("==") ? 2 : Number(data.endsWith("="));
  return Math.floor((data.length * 3) / 4) - padding;
}

function walk(value: unknown, replace: Replace, depth: number): unknown {
  if (typeof value === "string") return replaceDataUris(value, replace);
  if (typeof value !== "object" || value === null || depth === 0) return value;
  if (Array.isArray(value)) return value.map((item) => walk(item, replace, depth - 1));
  const members = Object.entries(value).map(([name, member]) => [
    name,
    replaceBare(name, member, replace) ?? walk(member, replace, depth - 1),
  ]);
  return Object.fromEntries(members);
}

const dataUri =
  /data:([a-z]{1,20}\/[a-z0-9.+-]{1,80})(?:;[a-z0-9._-]{1,40}=[^;,\s"]{0,80}){0,4};base64,([a-z0-9+/_-]+={0,2})/gi;

function replaceDataUris(text: string, replace: Replace): string {
  if (!text.includes(";base64,")) return text;
  return text.replace(dataUri, (_, type: string, data: string) => replace({ type: type.toLowerCase(), data }));
}

/** How to read the type of base64 that stands in a member of this name, beside its `data`. */
const bareTypes = new Map<string, (holder: Members) => string | undefined>([
  ["input_audio", (holder) => audioTypes.get(String(holder["format"]).toLowerCase())],
  ["source", (holder) => (holder["type"] === "base64" ? mimeType(holder["media_type"]) : undefined)],
  ["inlineData", (holder) => mimeType(holder["mimeType"])],
  ["inline_data", (holder) => mimeType(holder["mime_type"] ?? holder["mimeType"])],
]);

const audioTypes = new Map([
  ["wav", "audio/wav"],
  ["mp3", "audio/mpeg"],
  ["flac", "audio/flac"],
  ["ogg", "audio/ogg"],
  ["opus", "audio/opus"],
  ["aac", "audio/aac"],
  ["m4a", "audio/mp4"],
  ["webm", "audio/webm"],
  ["pcm16", "audio/pcm"],
]);

function replaceBare(name: string, holder: unknown, replace: Replace): Members | undefined {
  const typeOf = bareTypes.get(name);
  if (typeOf === undefined || !isMembers(holder)) return undefined;
  const { data } = holder;
  const type = typeOf(holder);
  if (type === undefined || typeof data !== "string" || !/^[\w+/-][\w+/=\s-]*$/.test(data)) return undefined;
  return { ...holder, data: replace({ type, data }) };
}

function mimeType(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  return /^([a-z]{1,20}\/[a-z0-9.+-]{1,80})\s*(?:;|$)/i.exec(value)?.[1]?.toLowerCase();
}
