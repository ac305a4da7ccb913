import { expect, spyOn, test } from "bun:test";
import type { CacheEntry, HeaderValues } from "./cache.ts";
import { readCacheControl } from "./cache-control.ts";
import { findLifetime, isKnownTo, isStandIn, judge, refresh } from "./freshness.ts";

const at = 1_800_000_000_000;
const entry = (headers: HeaderValues, more: Partial<CacheEntry> = {}): CacheEntry => ({
  status: 200,
  headers,
  body: new Uint8Array(0),
  vary: {},
  spliced: false,
  receivedAt: at,
  ...more,
});
const saying = (control: string, more: HeaderValues = {}) => entry({ "cache-control": control, ...more });
const verdictOf = (kept: CacheEntry, request: HeaderValues, seconds: number) =>
  judge(kept, request, at + seconds * 1000).kind;

test("an answer holds for as long as it says, less the age that it came with", () => {
  const kept = saying("max-age=60", { age: "20" });
  expect(verdictOf(kept, {}, 39)).toBe("fresh");
  expect(verdictOf(kept, {}, 41)).toBe("stale");
  expect(judge(kept, {}, at + 10_000)).toMatchObject({ ageSeconds: 30, ttlSeconds: 30 });
});

test("the time is what the caller says it is, though the machine's clock goes on", () => {
  const dateNow = spyOn(Date, "now");
  let clock = at;
  dateNow.mockImplementation(() => (clock += 1500));
  const verdict = judge(saying("max-age=60", { age: "20" }), {}, at + 10_000);
  dateNow.mockRestore();
  expect(verdict).toEqual({ kind: "fresh", ageSeconds: 30, ttlSeconds: 30 });
});

test("an age is the first number that is said, and what is none is no reason to hold longer", () => {
  const ages = ["20, 90", "-7200", "abc"].map((age) => judge(saying("max-age=60", { age }), {}, at).ageSeconds);
  expect(ages).toEqual([20, 0, 0]);
});

test("an expiry is a date of HTTP's, in whatever zone this runs, and everything else is past", () => {
  const expiring = (expires: string) => verdictOf(entry({ expires, date: new Date(at).toUTCString() }), {}, 0);
  const lives = ["Thu, 18 Aug 2050 02:01:18 GMT", "Thursday, 18-Aug-50 02:01:18 GMT", "Thu Aug 18 02:01:18 2050"];
  for (const text of lives) expect([text, expiring(text)]).toEqual([text, "fresh"]);
  for (const text of ["0", "3600", "Thu, 18 Aug 2050 02:01:18 EST", "2050-08-18"])
    expect([text, expiring(text)]).toEqual([text, "stale"]);
});

test("an answer that is still true has what was said of it last, but for what its bytes depend on", () => {
  const kept = entry({ age: "9", "content-type": "text/plain", "content-encoding": "gzip", "x-a": "1", "x-b": "1" });
  const told = { "content-type": "text/plain;charset=utf-8", "content-encoding": "br", "x-b": "2" };
  expect(refresh(kept, told, at + 1)).toMatchObject({ receivedAt: at + 1 });
  expect(refresh(kept, told, at).headers).toEqual({ ...told, "content-encoding": "gzip", "x-a": "1" });
});

test("directives are read in any case, and what a shared cache is told comes first", () => {
  expect(verdictOf(saying("Max-Age=60"), {}, 30)).toBe("fresh");
  expect(verdictOf(saying("max-age=60, s-maxage=10"), {}, 30)).toBe("stale");
  expect(verdictOf(saying("max-age=600, max-age=10"), {}, 30)).toBe("stale");
  expect([...readCacheControl('private="set-cookie", MAX-AGE="5", no-cache')]).toEqual([
    ["private", "set-cookie"],
    ["max-age", "5"],
    ["no-cache", true],
  ]);
});

test("must-revalidate is about answers that don't hold any more", () => {
  const kept = saying("max-age=60, must-revalidate");
  expect(verdictOf(kept, {}, 30)).toBe("fresh");
  expect(verdictOf(kept, { "cache-control": "max-stale=100" }, 70)).toBe("stale");
  expect(verdictOf(saying("max-age=60"), { "cache-control": "max-stale=100" }, 70)).toBe("fresh");
});

test("a request may say how old an answer may be", () => {
  const kept = saying("max-age=60");
  expect(verdictOf(kept, { "cache-control": "max-age=10" }, 20)).toBe("stale");
  expect(verdictOf(kept, { "cache-control": "min-fresh=50" }, 20)).toBe("stale");
  const headers: readonly HeaderValues[] = [
    { "cache-control": "no-cache" },
    { "cache-control": "max-age=0" },
    { pragma: "no-cache" },
  ];
  for (const header of headers) expect(verdictOf(kept, header, 0)).toBe("stale");
});

test("only what says how long it holds is worth keeping, and nothing private", () => {
  const lives = (kept: CacheEntry, shared = false) => findLifetime(kept, shared, at) !== undefined;
  expect(lives(saying("max-age=60"))).toBe(true);
  expect(lives(entry({ expires: new Date(at + 60_000).toUTCString(), date: new Date(at).toUTCString() }))).toBe(true);
  expect(lives(saying("no-cache", { etag: '"1"' }))).toBe(true);
  for (const none of [entry({}), entry({ etag: '"1"' }), entry({ "last-modified": new Date(0).toUTCString() })])
    expect(lives(none)).toBe(false);
  for (const control of ["no-store, max-age=60", "private, max-age=60", "max-age=0", "no-cache"])
    expect([control, lives(saying(control))]).toEqual([control, false]);
});

test("what all may share must say that it is public", () => {
  expect(findLifetime(saying("max-age=60"), true, at)).toBeUndefined();
  expect(findLifetime(saying("public, max-age=60"), true, at)).toBeNumber();
  expect(findLifetime(saying("s-maxage=60"), true, at)).toBeNumber();
});

test("a stale answer stands in for so long as request or answer allow, and never where it must be asked about", () => {
  const stands = (kept: CacheEntry, control: string) => {
    const request = { "cache-control": control };
    return isStandIn(kept, request, judge(kept, request, at + 100_000));
  };
  expect(stands(saying("max-age=60"), "stale-if-error=60")).toBe(true);
  expect(stands(saying("max-age=60"), "stale-if-error=30")).toBe(false);
  expect(stands(saying("max-age=60, stale-if-error=60"), "")).toBe(true);
  expect(stands(saying("max-age=60"), "")).toBe(false);
  expect(stands(saying("max-age=60, must-revalidate"), "stale-if-error=60")).toBe(false);
});

test("a consumer has an answer already by its tag, and by its date only where it names no tag", () => {
  const kept = entry({ etag: 'W/"a,b"', "last-modified": "Tue, 01 Jan 2030 00:00:00 GMT" });
  expect(isKnownTo({ "if-none-match": '"x", "a,b"' }, kept)).toBe(true);
  expect(isKnownTo({ "if-none-match": "*" }, kept)).toBe(true);
  expect(isKnownTo({ "if-none-match": '"x"', "if-modified-since": "Wed, 02 Jan 2030 00:00:00 GMT" }, kept)).toBe(false);
  expect(isKnownTo({ "if-modified-since": "Wed, 02 Jan 2030 00:00:00 GMT" }, kept)).toBe(true);
  expect(isKnownTo({ "if-modified-since": "not a date" }, kept)).toBe(false);
  expect(isKnownTo({}, kept)).toBe(false);
  const undated = entry({ date: "Tue, 01 Jan 2030 00:00:00 GMT" });
  expect(isKnownTo({ "if-modified-since": "Tue Jan  1 00:00:00 2030" }, undated)).toBe(true);
  expect(isKnownTo({ "if-modified-since": "Mon, 31 Dec 2029 23:59:59 GMT" }, undated)).toBe(false);
  expect(isKnownTo({ "if-modified-since": new Date(at).toUTCString() }, entry({}))).toBe(true);
});
