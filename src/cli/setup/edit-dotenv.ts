import { isDeepStrictEqual } from "node:util";
import { readDotenv } from "../../config/dotenv.ts";

/**
 * Sets variables in the text of a `.env` file and leaves all else as it is: the last line that sets one is changed, or one
 * comes after the comment that shows it, or at the end. Values stand without quotes, which Docker would take for a part
 * of them. Throws where a value can't stand so, and where another variable would be read in another way.
 */
export function editDotenv(text: string, values: Readonly<Record<string, string>>): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  let edited = text;
  for (const [name, value] of Object.entries(values)) {
    if (readDotenv(`${name}=${value}`).variables[name] !== value)
      throw new Error(
        `${name} can't stand in a .env file without quotes: it must be one line that begins with no quote and no #, and has no # after a space`,
      );
    const wanted = { ...readDotenv(edited).variables, [name]: value };
    edited = set(edited, name, value, eol);
    if (!isDeepStrictEqual(readDotenv(edited).variables, wanted))
      throw new Error(
        `${name} can't be set beside a value whose quote never ends, as other values would change: end that quote, or take its line away`,
      );
  }
  return edited;
}

function set(text: string, name: string, value: string, eol: string): string {
  const entries = splitEntries(text);
  const at = entries.findLastIndex((entry) => nameOf(entry) === name);
  if (at !== -1) return entries.with(at, rewrite(entries[at] ?? "", name, value, eol)).join("");
  const shown = entries.findLastIndex((entry) => showsVariable(entry, name));
  const before = shown === -1 ? entries : entries.slice(0, shown + 1);
  return `${endLine(before.join(""), eol)}${name}=${value}${eol}${entries.slice(before.length).join("")}`;
}

/** The lines, those of one value together; all of them joined are the text. */
function splitEntries(text: string): readonly string[] {
  const lines = text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? [];
  const entries: string[] = [];
  for (let at = 0; at < lines.length;) {
    const length = countLines(lines.slice(at));
    entries.push(lines.slice(at, at + length).join(""));
    at += length;
  }
  return entries;
}

/** How many lines the first value takes: as many as its reader wants before it finds nothing wrong with the first. */
function countLines(lines: readonly string[]): number {
  for (let count = 1; count <= lines.length; count += 1)
    if (!readDotenv(lines.slice(0, count).join("")).badLines.includes(1)) return count;
  return 1;
}

function nameOf(entry: string): string | undefined {
  return Object.keys(readDotenv(entry).variables)[0];
}

function showsVariable(entry: string, name: string): boolean {
  return /^\s*#\s*([A-Za-z_]\w*)=/.exec(entry)?.[1] === name;
}

/** A comment behind the value would be a part of it for Docker, so that it comes to stand before. */
function rewrite(entry: string, name: string, value: string, eol: string): string {
  const [, prefix = "", written = ""] = /^(\s*(?:export\s+)?)[^=]*=\s*([^]*)$/.exec(entry.replace(/^\uFEFF/, "")) ?? [];
  const comment = commentOf(written);
  return `${comment === undefined ? "" : `${comment.trimEnd()}${eol}`}${prefix}${name}=${value}${eol}`;
}

function commentOf(written: string): string | undefined {
  if (!/^["']/.test(written)) return /(?:^|\s)(#.*)/.exec(written)?.[1];
  return /^(?:"(?:[^"\\]|\\[^])*"|'[^']*')\s*(#.*)/.exec(written)?.[1];
}

function endLine(text: string, eol: string): string {
  return text === "" || /[\r\n]$/.test(text) ? text : text + eol;
}
