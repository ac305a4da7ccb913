import { expect, test } from "bun:test";
import type { CacheEntry, CacheStore, EntryKey } from "./cache.ts";
import { readEntry, writeEntry } from "./entry-bytes.ts";
import { createMemoryCache } from "./memory-cache.ts";
import { isPurged } from "./purge.ts";
import { readVariant } from "./vary.ts";

const keyOf = (hash: string): EntryKey => ({ hash, place: { provider: "openai", method: "GET", path: `/v1/${hash}` } });
const entry = (text: string, vary: CacheEntry["vary"] = {}): CacheEntry => ({
  status: 200,
  headers: { "content-type": "text/plain" },
  body: Buffer.from(text),
  vary,
  spliced: false,
  receivedAt: 1,
});
const epochOf = (cache: CacheStore, key: EntryKey) => {
  const found = cache.find(key, {});
  return "epoch" in found ? found.epoch : "";
};
/** As one keeps what was just asked for. */
const keep = (cache: CacheStore, key: EntryKey, kept: CacheEntry, lifetimeMs: number) =>
  cache.keep(key, kept, lifetimeMs, epochOf(cache, key));

test("what was asked for least lately makes room, and what is larger than all of it is not kept", () => {
  const cache = createMemoryCache({ maxBytes: 10_000, elapsed: () => 0 });
  const text = "x".repeat(3_000);
  for (const hash of ["a", "b"]) expect(keep(cache, keyOf(hash), entry(text), 1000)).toBe(true);
  void cache.find(keyOf("a"), {});
  void keep(cache, keyOf("c"), entry(text), 1000);
  expect(["a", "b", "c"].map((hash) => cache.find(keyOf(hash), {}))).toMatchObject([
    { kind: "entry" },
    { kind: "none" },
    { kind: "entry" },
  ]);
  expect(keep(cache, keyOf("d"), entry("x".repeat(20_000)), 1000)).toBe(false);
  expect(cache.size()?.bytes).toBeLessThanOrEqual(10_000);
});

test("all that is kept of an answer counts: its path, what it varies by, and a stream's pieces", () => {
  const sizeOf = (path: string, more: Partial<CacheEntry> = {}) => {
    const cache = createMemoryCache({ maxBytes: 1_000_000, elapsed: () => 0 });
    const key = { hash: "a", place: { provider: "openai", method: "GET", path } };
    void keep(cache, key, { ...entry("text"), ...more }, 1000);
    return cache.size()?.bytes ?? 0;
  };
  const least = sizeOf("/");
  const thousand = Array.from({ length: 1000 }, () => 1);
  expect(sizeOf(`/${"x".repeat(4000)}`) - least).toBe(4000);
  expect(sizeOf("/", { vary: { "x-of": "x".repeat(4000) } }) - least).toBeGreaterThan(4000);
  expect(sizeOf("/", { pieces: thousand, pauses: thousand }) - least).toBe(16_000);
});

test("an answer goes when its time is over, and its variants stay", () => {
  const clock = { now: 0 };
  const cache = createMemoryCache({ maxBytes: 100_000, elapsed: () => clock.now });
  void keep(cache, keyOf("a"), entry("de", { "accept-language": "de" }), 1000);
  void keep(cache, keyOf("a"), entry("none", { "accept-language": null }), 5000);
  clock.now = 2000;
  expect(cache.find(keyOf("a"), { "accept-language": "de" })).toMatchObject({ kind: "none" });
  expect(cache.find(keyOf("a"), {})).toMatchObject({ kind: "entry", entry: { vary: { "accept-language": null } } });
  expect(cache.size()?.entries).toBe(1);
});

test("variants are bounded", () => {
  const cache = createMemoryCache({ maxBytes: 1_000_000, elapsed: () => 0 });
  for (let index = 0; index < 100; index += 1)
    void keep(cache, keyOf("a"), entry("x", { "x-of": String(index) }), 1000);
  expect(cache.size()?.entries).toBe(32);
  expect(cache.find(keyOf("a"), { "x-of": "99" })).toMatchObject({ kind: "entry" });
});

test("what was looked for before it was purged or forgotten isn't kept after that, and what was asked for later is", async () => {
  const cache = createMemoryCache({ maxBytes: 100_000, elapsed: () => 0 });
  const [one, other] = [keyOf("a"), keyOf("b")];
  const before = epochOf(cache, one);
  const ofOther = epochOf(cache, other);
  cache.forget(one);
  expect(cache.keep(one, entry("old"), 1000, before)).toBe(false);
  expect(cache.keep(other, entry("text"), 1000, ofOther)).toBe(true);
  const later = epochOf(cache, one);
  await cache.purge({ kind: "all" });
  expect(cache.keep(one, entry("old"), 1000, later)).toBe(false);
  expect(keep(cache, one, entry("new"), 1000)).toBe(true);
});

test("a packed answer varies by what its consumer can unpack, said or not", () => {
  const request = { "accept-encoding": "gzip , br", "x-b": "1" };
  expect(readVariant({ "content-encoding": "gzip" }, request)).toEqual({ "accept-encoding": "gzip,br" });
  expect(readVariant({ vary: "X-B, x-a, x-b" }, request)).toEqual({ "x-a": null, "x-b": "1" });
  expect(readVariant({ vary: "x-b, *" }, request)).toBeUndefined();
  expect(readVariant({ vary: "x-b" }, { "x-b": "x".repeat(5_000) })).toBeUndefined();
});

test("an entry is read as it was written, and what is none is nothing", () => {
  const written = { ...entry("text"), pieces: [1, 3], pauses: [0, 5], control: "public, max-age=5" };
  expect(readEntry(writeEntry(written))).toEqual(written);
  for (const bytes of ["", "{}", '{"status":200}', "\u0001\0\0\0\u0005{}"])
    expect(readEntry(Buffer.from(bytes))).toBeUndefined();
  const other = writeEntry(written);
  other[0] = 9;
  expect(readEntry(other)).toBeUndefined();
});

test("a purge concerns a URL with and without its provider's prefix", () => {
  const place = { project: "p", provider: "openai", method: "GET", path: "/v1/models?limit=1" };
  const url = (text: string, method = "GET") => isPurged({ kind: "url", method, url: text }, place);
  expect(url("/v1/models?limit=1")).toBe(true);
  expect(url("https://weir.example.com/openai/v1/models?limit=1#x")).toBe(true);
  expect(url("/v1/models?limit=1", "HEAD")).toBe(true);
  expect(url("/v1/models")).toBe(false);
  expect(url("/v1/models?limit=1", "POST")).toBe(false);
  expect(isPurged({ kind: "prefix", prefix: "/openai/v1/mod" }, place)).toBe(true);
  expect(isPurged({ kind: "prefix", prefix: "/v1/mod%" }, place)).toBe(false);
  expect(isPurged({ kind: "project", project: "q" }, place)).toBe(false);
});
