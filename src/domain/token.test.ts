import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { createTokenText, isTokenText, maskToken, tokenPrefix } from "./token.ts";

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Bytes that any generator could give. */
const bytes = fc.uint8Array({ minLength: 4096, maxLength: 4096 });

function createFrom(source: Uint8Array): string {
  let at = 0;
  // When these are used up, more of the ordinary follows, or bytes that are passed over could go on for ever.
  return createTokenText((count) => {
    at += count;
    return at <= source.length ? source.subarray(at - count, at) : randomBytes(count);
  }, crc32);
}

test("a token is its prefix, 32 letters of chance, and 6 of the checksum of both", () => {
  const text = createTokenText((count) => new Uint8Array(count), crc32);
  expect(text.slice(0, -6)).toBe(`sk-weir-${"0".repeat(32)}`);
  expect(text).toHaveLength(46);
  expect(readBase62(text.slice(-6))).toBe(crc32(`sk-weir-${"0".repeat(32)}`));
  expect(createTokenText(randomBytes, crc32)).toMatch(/^sk-weir-[0-9A-Za-z]{38}$/);
  expect(createTokenText(randomBytes, crc32)).not.toBe(createTokenText(randomBytes, crc32));
});

function readBase62(text: string): number {
  let value = 0;
  for (const letter of text) value = value * 62 + alphabet.indexOf(letter);
  return value;
}

function writeBase62(value: number): string {
  let written = "";
  for (let rest = value; written.length < 6; rest = Math.floor(rest / 62))
    written = alphabet.charAt(rest % 62) + written;
  return written;
}

test("the smallest and the largest checksum have six letters too", () => {
  for (const [crc, written] of [
    [0, "000000"],
    [61, "00000z"],
    [62, "000010"],
    [4_294_967_295, "4gfFC3"],
    [-1, "4gfFC3"],
  ] as const) {
    if (crc >= 0) expect(writeBase62(crc)).toBe(written);
    const text = createTokenText(randomBytes, () => crc);
    expect(text.slice(-6)).toBe(written);
    expect(isTokenText(text, () => crc)).toBe(true);
  }
});

test("every token that is made is one, whatever chance gives", () => {
  fc.assert(
    fc.property(bytes, (source) => {
      const text = createFrom(source);
      expect(text).toHaveLength(46);
      expect(isTokenText(text, crc32)).toBe(true);
    }),
  );
});

test("a mistyped letter, two that changed places, a missing and an added one are all found", () => {
  fc.assert(
    fc.property(
      bytes,
      fc.nat({ max: 37 }),
      fc.nat({ max: 61 }),
      fc.constantFrom("change", "swap", "drop", "add"),
      (source, place, letter, fault) => {
        const text = createFrom(source);
        const at = tokenPrefix.length + place;
        const [before, after] = [text.slice(0, at), text.slice(at + 1)];
        const other = alphabet[letter] ?? "0";
        const wrong = {
          change: before + other + after,
          swap: before + after.slice(0, 1) + text.slice(at, at + 1) + after.slice(1),
          drop: before + after,
          add: before + other + text.slice(at),
        }[fault];
        fc.pre(wrong !== text);
        expect(isTokenText(wrong, crc32)).toBe(false);
      },
    ),
    { numRuns: 500 },
  );
});

test("nothing else is a token", () => {
  const text = createTokenText(randomBytes, crc32);
  const others = [
    "",
    tokenPrefix,
    text.slice(tokenPrefix.length),
    ` ${text}`,
    `${text}\n`,
    text.replace("sk-weir-", "sk-WEIR-"),
    text.replace("sk-weir-", "sk-proj-"),
    `${text.slice(0, -1)}é`,
    `sk-${"a".repeat(22)}`,
  ];
  // Whose checksum fits.
  for (const start of [
    "",
    "x",
    "sk-weir-",
    `sk-weir-${"a".repeat(31)}`,
    `sk-weir-${"a".repeat(31)}-`,
    `sk-proj-${"a".repeat(32)}`,
  ])
    others.push(start + writeBase62(crc32(start)));
  for (const other of others) expect([other, isTokenText(other, crc32)]).toEqual([other, false]);
  fc.assert(fc.property(fc.string(), (other) => !isTokenText(tokenPrefix + other, crc32)));
});

test("every letter is as likely as any other, in every place", () => {
  const tokens = 6200;
  const counts = new Map<string, number>();
  const places = Array.from({ length: 32 }, () => new Map<string, number>());
  for (let made = 0; made < tokens; made += 1) {
    const random = createTokenText(randomBytes, crc32).slice(tokenPrefix.length, -6);
    for (const [place, letter] of random.split("").entries()) {
      counts.set(letter, (counts.get(letter) ?? 0) + 1);
      places[place]?.set(letter, (places[place].get(letter) ?? 0) + 1);
    }
  }
  expect([...counts.keys()].toSorted().join("")).toBe(alphabet);
  // Chi squared with 61 degrees of freedom: one in a billion is above 150. A byte modulo 62 would be at about 1,300 here.
  expect(chiSquared(counts, (tokens * 32) / 62)).toBeLessThan(150);
  for (const place of places) expect(chiSquared(place, tokens / 62)).toBeLessThan(170);
});

function chiSquared(counts: ReadonlyMap<string, number>, expected: number): number {
  const sum = alphabet.split("").map((letter) => ((counts.get(letter) ?? 0) - expected) ** 2 / expected);
  return sum.reduce((total, one) => total + one, 0);
}

test("what is shown of a token is its prefix and its end", () => {
  const text = createTokenText(randomBytes, crc32);
  expect(maskToken(text)).toBe(`sk-weir-...${text.slice(-4)}`);
  expect(isTokenText(maskToken(text), crc32)).toBe(false);
});
