import type { Provider } from "../providers/provider.ts";
import type { Grant } from "./credential.ts";

/** Where an answer may repeat the URL that it was asked by. */
const repeating = ["location", "content-location", "link", "refresh"];

/** A shorter value is no secret, and stands in URLs by chance. */
const shortestSecret = 8;

/** Takes what was put into the query upstream out of an answer's headers; tells whether any of it was there. */
export function removeAddedQuery(headers: Headers, { query, keyIn }: Provider, { key }: Grant): boolean {
  if (!query && keyIn !== "query") return false;
  const added = { ...query, ...(key !== undefined && keyIn === "query" ? { key } : {}) };
  const names = Object.keys(added).map(writePattern).join("|");
  let removed = false;
  for (const header of names === "" ? [] : repeating) {
    const value = headers.get(header);
    if (value === null) continue;
    const kept = removeParameters(value, names);
    if (kept !== value) headers.set(header, kept);
    // It stands there in another way, and which part of the URL that is nobody knows.
    const holds = Object.values(added).some((text) => text.length >= shortestSecret && matches(kept, text));
    if (holds) headers.delete(header);
    removed ||= holds || kept !== value;
  }
  return removed;
}

/** By name, since a server may change a value or add to it; in a URL that is a parameter of another too. */
function removeParameters(value: string, names: string): string {
  const plain = new RegExp(`([?&#])(?:(?:${names})=[^&#<>\\s"]*&?)+`, "gi");
  const nested = new RegExp(
    `([?&#]|%(?:25)*(?:3f|26|23))(?:(?:${names})%((?:25)*)3d(?:(?!%\\2(?:26|23))[^&#<>\\s"])*(?:%\\2(?:26))?)+`,
    "gi",
  );
  const keepMark = (all: string, mark: string) => (/(?:&|%(?:25)*26)$/i.test(all) ? mark : "");
  return value.replaceAll(plain, keepMark).replaceAll(nested, keepMark);
}

function matches(value: string, text: string): boolean {
  return new RegExp(writePattern(text), "i").test(value);
}

/** A text in a URL, each character as it is or percent-encoded, once or more often. */
function writePattern(text: string): string {
  return Array.from(text, (char) => {
    const bytes = [...Buffer.from(char)].map((byte) => `%(?:25)*${byte.toString(16).padStart(2, "0")}`);
    return `(?:${char.replace(/\W/, "\\$&")}|${bytes.join("")}${char === " " ? "|\\+" : ""})`;
  }).join("");
}
