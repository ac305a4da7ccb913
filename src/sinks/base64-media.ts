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
 * OpenAI's `input_audio` and `file_data`, Anthropic's `source` and Gemini's `inlineData` and `data`.
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
  if ("type" in value && typeof value.type === "string") {
    const replaced = replaceBare(byType.get(value.type), value, replace);
    if (replaced) return replaced;
  }
  const members = Object.entries(value).map(([name, member]) => [
    name,
    replaceBare(byName.get(name), member, replace) ?? walk(member, replace, depth - 1),
  ]);
  return Object.fromEntries(members);
}

const dataUri =
  /data:([a-z]{1,20}\/[a-z0-9.+-]{1,80})(?:;[a-z0-9._-]{1,40}=[^;,\s"]{0,80}){0,4};base64,([a-z0-9+/_-]+={0,2})/gi;

function replaceDataUris(text: string, replace: Replace): string {
  if (!text.includes(";base64,")) return text;
  return text.replace(dataUri, (_, type: string, data: string) => replace({ type: type.toLowerCase(), data }));
}

/** Where an object holds base64, and how its type is read. */
type Bare = { readonly member: string; readonly typeOf: (holder: Members) => string | undefined };

const audioType = (holder: Members) => audioTypes.get(String(holder["format"]).toLowerCase());
const ownType = (holder: Members) => mimeType(holder["mime_type"] ?? holder["mimeType"]);
/** Without a data URI its name says what a file is. https://platform.openai.com/docs/guides/pdf-files */
const fileType = (holder: Members) => (/\.pdf$/i.test(String(holder["filename"])) ? "application/pdf" : undefined);

/** Objects that hold base64, by the name of the member where they stand. */
const byName = new Map<string, Bare>([
  ["input_audio", { member: "data", typeOf: audioType }],
  ["file", { member: "file_data", typeOf: fileType }],
  [
    "source",
    {
      member: "data",
      typeOf: (holder) => (holder["type"] === "base64" ? mimeType(holder["media_type"]) : undefined),
    },
  ],
  ["inlineData", { member: "data", typeOf: ownType }],
  ["inline_data", { member: "data", typeOf: ownType }],
]);

/** And by their own `type`. https://ai.google.dev/gemini-api/docs/interactions */
const byType = new Map<string, Bare>([
  ...["image", "audio", "video", "document"].map((type) => [type, { member: "data", typeOf: ownType }] as const),
  ["input_audio", { member: "audio", typeOf: audioType }],
  ["input_file", { member: "file_data", typeOf: fileType }],
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

function replaceBare(bare: Bare | undefined, holder: unknown, replace: Replace): Members | undefined {
  if (bare === undefined || !isMembers(holder)) return undefined;
  const data = holder[bare.member];
  const type = bare.typeOf(holder);
  if (type === undefined || typeof data !== "string" || !/^[\w+/-][\w+/=\s-]*$/.test(data)) return undefined;
  return { ...holder, [bare.member]: replace({ type, data }) };
}

function mimeType(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  return /^([a-z]{1,20}\/[a-z0-9.+-]{1,80})\s*(?:;|$)/i.exec(value)?.[1]?.toLowerCase();
}
