import type { FormField } from "../lib/form-fields.ts";
import { countMediaTokens, type Media } from "./media-tokens.ts";
import { familyOf, type RequestNote } from "./read-request.ts";

/** A form's body: its fields, how long it is, and where it is sent. */
export type Form = { readonly fields: readonly FormField[]; readonly bytes: number; readonly path: string };

/**
 * Reads what a form says, as transcriptions and edits of images are asked for, by the dialect's name. What isn't its texts is
 * taken for its files: nobody looks into them.
 */
export function readFormNote(dialect: string, { fields, bytes, path }: Form): RequestNote {
  const model = readName(fields, "model");
  const user = readName(fields, "user") ?? readName(fields, "safety_identifier");
  const choices = Number(readName(fields, "n"));
  const files = fields.filter(({ text }) => text === undefined).length;
  const texts = fields.reduce((sum, { text = "" }) => sum + text.length, 0);
  const read = fields.reduce((sum, { name, text = "" }) => (contents.has(name) ? sum + text.length : sum), 0);
  const kind = kindOf(path);
  const media: Media = { kind, low: false, base64Bytes: ((bytes - texts) * 4) / 3 };
  const tokens = files === 0 ? 0 : countMediaTokens(familyOf(dialect), media) * (kind === "image" ? files : 1);
  return {
    ...(model === undefined ? {} : { model }),
    ...(user === undefined ? {} : { user }),
    ...(choices >= 1 && Number.isFinite(choices) ? { choices } : {}),
    bytes,
    characters: read,
    tokens,
  };
}

/** Texts that a model is given. */
const contents: ReadonlySet<string> = new Set(["prompt", "input", "instructions"]);

/** A longer one is no name of anything. */
const longestName = 1_024;

/** Of a field that stands there twice the last one, as of a member in JSON. */
function readName(fields: readonly FormField[], name: string): string | undefined {
  const text = fields.findLast((field) => field.name === name)?.text;
  return text !== undefined && text !== "" && text.length <= longestName ? text : undefined;
}

function kindOf(path: string): Media["kind"] {
  if (path.includes("/audio/")) return "audio";
  return path.includes("/images/") || path.includes("/videos") ? "image" : "document";
}
