import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { z } from "zod";
import {
  cidr,
  count,
  credential,
  duration,
  flag,
  list,
  oneOf,
  pairs,
  port,
  share,
  size,
  text,
  url,
  webOrigin,
  withDefault,
} from "./setting-schema.ts";

const schemas = { text, credential, flag, count, port, share, size, duration, url, webOrigin, cidr, list, pairs };

function read(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  return result.success ? result.data : `must be ${result.error.issues[0]?.message}`;
}

const right: readonly [z.ZodType, unknown, unknown][] = [
  [text(), " abc ", "abc"],
  [text(), 12, "12"],
  [text(), true, "true"],
  [credential(), "sk-1_2.3\n", "sk-1_2.3"],
  [oneOf(["json", "pretty"], { console: "pretty" }), "CONSOLE", "pretty"],
  [oneOf(["json", "pretty"]), "Json", "json"],
  [flag(), "yes", true],
  [flag(), "ON", true],
  [flag(), 1, true],
  [flag(), "0", false],
  [flag(), "off", false],
  [flag(), false, false],
  [count(), "007", 7],
  [count({ min: 1, max: 3 }), 3, 3],
  [port(), "0", 0],
  [port(), " 65535 ", 65_535],
  [share(), "0.25", 0.25],
  [share(), ".5", 0.5],
  [share(), 1, 1],
  [size(), "1048576", 1_048_576],
  [size(), "10MB", 10_485_760],
  [size(), "512 kb", 524_288],
  [size(), "1.5GiB", 1_610_612_736],
  [size(), "64m", 67_108_864],
  [size(), "100B", 100],
  [duration(), "30s", 30_000],
  [duration(), "1h30m", 5_400_000],
  [duration(), "1.5s", 1500],
  [duration(), "500ms", 500],
  [duration(), "7d", 604_800_000],
  [duration(), "0", 0],
  [duration(), 250, 250],
  [count(), "1000", 1000],
  [count(), "1e3", 1000],
  [count(), "2E+6", 2_000_000],
  [url(), "HTTPS://API.example.com:443/v1/", "https://api.example.com/v1"],
  [url(), "http://[::1]:8080//", "http://[::1]:8080"],
  [webOrigin(), "https://App.example.com:443/", "https://app.example.com"],
  [webOrigin(), "tauri://localhost", "tauri://localhost"],
  [webOrigin(), "*", "*"],
  [cidr(), "10.0.0.0/8", "10.0.0.0/8"],
  [cidr(), "10.0.0.1", "10.0.0.1/32"],
  [cidr(), "fd00::1", "fd00::1/128"],
  [list(), "a, b ,,c", ["a", "b", "c"]],
  [list(), ["a", " b "], ["a", "b"]],
  [list(flag()), "yes,no", [true, false]],
  [pairs(), "a=1, b = x%20y ,c=d=e,f=100%", { a: "1", b: "x y", c: "d=e", f: "100%" }],
  [pairs(), { a: 1, b: true }, { a: "1", b: "true" }],
];

test.each(right.map(([schema, ...pair]) => [...pair, schema] as const))("%j is read as %j", (given, value, schema) => {
  expect(read(schema, given)).toEqual(value);
});

const wrong: readonly [z.ZodType, unknown, string][] = [
  [credential(), "two words", "printable ASCII characters without spaces"],
  [credential(), "schlüssel", "printable ASCII characters without spaces"],
  [oneOf(["a", "b"]), "c", "one of a, b"],
  [flag(), "maybe", "true or false"],
  [count(), "-1", "a whole number of at least 0"],
  [count(), "1.5", "a whole number of at least 0"],
  [count(), "1e-3", "a whole number of at least 0"],
  [count(), "1e16", "a whole number of at least 0"],
  [count(), "1_000", 'a whole number of at least 0, without "_" between its digits'],
  [count({ min: 1, max: 3 }), "1,000", 'a whole number from 1 to 3, without "," between its digits'],
  [count({ min: 1, max: 3 }), "4", "a whole number from 1 to 3"],
  [port(), "abc", "a number from 1 to 65535, or 0 for any that is free"],
  [port(), "65536", "a number from 1 to 65535, or 0 for any that is free"],
  [share(), "1.1", "a number from 0 to 1"],
  [share(), "-0.1", "a number from 0 to 1"],
  [size(), "10 elephants", "a size such as 512KB, 10MB or a number of bytes"],
  [size({ min: 1024 }), "1023", "a size of at least 1024 bytes such as 512KB, 10MB or a number of bytes"],
  [size(), "9999999TB", "a size such as 512KB, 10MB or a number of bytes"],
  [duration(), "-1", "milliseconds or a duration such as 30s or 1h, and at most 24 days"],
  [duration(), "30d", "milliseconds or a duration such as 30s or 1h, and at most 24 days"],
  [duration({ min: 1 }), "0", "milliseconds, at least 1, or a duration such as 30s or 1h, and at most 24 days"],
  [url(), "api.example.com", "an http:// or https:// URL without credentials, query and fragment"],
  [url(), "ftp://example.com", "an http:// or https:// URL without credentials, query and fragment"],
  [url(), "https://me:secret@example.com", "an http:// or https:// URL without credentials, query and fragment"],
  [url(), "https://example.com/?key=1", "an http:// or https:// URL without credentials, query and fragment"],
  [webOrigin(), "app.example.com", "* or an origin such as https://app.example.com"],
  [webOrigin(), "https://app.example.com/x", "* or an origin such as https://app.example.com"],
  [cidr(), "10.0.0.0/33", "an address or a network such as 10.0.0.0/8"],
  [cidr(), "10.0.0.0/8/8", "an address or a network such as 10.0.0.0/8"],
  [list(port()), "1,x", "a list with commas between, each a number from 1 to 65535, or 0 for any that is free"],
  [list(), { a: 1 }, "a list with commas between its values"],
  [pairs(), "a", "a list such as name=value,name=value"],
  [pairs(), { a: { b: 1 } }, "a list such as name=value,name=value"],
];

test.each(wrong.map(([schema, ...pair]) => [...pair, schema] as const))("%j must be %s", (given, expected, schema) => {
  expect(read(schema, given)).toBe(`must be ${expected}`);
});

describe.each(Object.entries(schemas))("%s()", (_, create) => {
  test("never throws, whatever is given", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        create().safeParse(value);
      }),
    );
  });

  test("reads nothing as nothing where it is optional", () => {
    expect(read(create().optional(), undefined)).toBeUndefined();
  });
});

test("a whole number of milliseconds is read back from any duration that Go would write of it", () => {
  fc.assert(
    fc.property(fc.nat(23), fc.nat(59), fc.nat(59), fc.nat(999), (h, m, s, ms) => {
      expect(read(duration(), `${h}h${m}m${s}s${ms}ms`)).toBe(((h * 60 + m) * 60 + s) * 1000 + ms);
    }),
  );
});

test("a default is read as its text would be", () => {
  const { schema, default: written } = withDefault(size(), "8MB");
  expect(read(schema, undefined)).toBe(8_388_608);
  expect(written).toBe("8MB");
});
