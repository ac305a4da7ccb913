import type { CacheEntry, HeaderValues } from "./cache.ts";

/** Characters of what is kept beside an answer to tell whose it is. */
const longestVariant = 4_096;

/** What a request says in the headers that its answer varies by; `undefined` where it varies by what no header tells, or by too much. */
export function readVariant(answer: HeaderValues, request: HeaderValues): CacheEntry["vary"] | undefined {
  const names = readVaryNames(answer);
  const values = names && readValues(names, request);
  return JSON.stringify(values ?? {}).length > longestVariant ? undefined : values;
}

/** The headers that an answer varies by, lower case and sorted. An encoding was chosen for its consumer, said or not. */
function readVaryNames(answer: HeaderValues): readonly string[] | undefined {
  const names = (answer["vary"] ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names.includes("*")) return undefined;
  if ("content-encoding" in answer) names.push("accept-encoding");
  return [...new Set(names)].toSorted();
}

/** What a request says in these headers, spaces apart. */
export function readValues(names: Iterable<string>, request: HeaderValues): CacheEntry["vary"] {
  return Object.fromEntries([...names].map((name) => [name, request[name]?.trim().replace(/\s*,\s*/g, ",") ?? null]));
}

/** Whether a request would have been given this answer. */
export function matchesVariant({ vary }: Pick<CacheEntry, "vary">, request: HeaderValues): boolean {
  const values = readValues(Object.keys(vary), request);
  return Object.keys(vary).every((name) => vary[name] === values[name]);
}
