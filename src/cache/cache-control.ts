/** The directives of a `cache-control`, by lower-case name; `true` for one without a value. */
export type CacheControl = ReadonlyMap<string, string | true>;

/** Reads a `cache-control` (RFC 9111 section 5.2); of a directive that comes twice the first counts, of an age the least. */
export function readCacheControl(value: string | undefined): CacheControl {
  const found = new Map<string, string | true>();
  if (value === undefined) return found;
  for (const [, name = "", quoted, plain] of value.matchAll(
    /([^\s,;="]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;]*)))?/g,
  )) {
    const key = name.toLowerCase();
    const said = quoted ?? plain ?? true;
    const before = found.get(key);
    if (before === undefined || (isAge(key) && readSeconds(said) < readSeconds(before))) found.set(key, said);
  }
  return found;
}

/** Writes directives as one header. */
export function writeCacheControl(control: CacheControl): string {
  return [...control].map(([name, value]) => (value === true ? name : `${name}=${value}`)).join(", ");
}

/** A number of seconds; what is none is 0, so that it holds for nothing. */
export function readSeconds(value: string | true | undefined): number {
  return typeof value === "string" && /^\d+$/.test(value) ? Math.min(Number(value), longest) : 0;
}

/** What RFC 9111 section 1.2.2 takes for ever. */
const longest = 2_147_483_648;

function isAge(name: string): boolean {
  return name === "max-age" || name === "s-maxage";
}
