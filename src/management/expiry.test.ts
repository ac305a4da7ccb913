import { describe, expect, test } from "bun:test";
import { z } from "@hono/zod-openapi";
import { expiryFields, readExpiry } from "./expiry.ts";

const now = Date.parse("2026-03-01T12:00:00Z");
const hour = 3_600_000;
const schema = z.strictObject(expiryFields);
const read = (body: unknown) => readExpiry(schema.parse(body), now);

test.each([
  [{ duration_minutes: 60 }, now + hour],
  [{ duration_minutes: 525_600 }, now + 365 * 24 * hour],
  [{ duration: "24h" }, now + 24 * hour],
  [{ duration: "30m" }, now + hour / 2],
  [{ duration: "7d" }, now + 7 * 24 * hour],
  [{ duration: "1h30m" }, now + 1.5 * hour],
  [{ duration: "52w" }, now + 52 * 7 * 24 * hour],
  [{ expires_at: "2026-03-01T14:00:00+01:00" }, now + hour],
  [{ expires_at: "2020-01-01T00:00:00Z" }, Date.parse("2020-01-01T00:00:00Z")],
  [{ never_expires: true }, null],
  [{ never_expires: false, duration: "1h" }, now + hour],
  [{}, undefined],
])("%p is understood", (body, expected) => {
  expect(read(body)).toBe(expected);
});

describe("is refused:", () => {
  test.each([
    [{ duration_minutes: 0 }],
    [{ duration_minutes: -5 }],
    [{ duration_minutes: 525_601 }],
    [{ duration_minutes: 1.5 }],
    [{ duration_minutes: "60" }],
    [{ duration: "60" }],
    [{ duration: "soon" }],
    [{ duration: "0h" }],
    [{ duration: "366d" }],
    [{ duration: "8761h" }],
    [{ duration: "999999999w" }],
    [{ duration: "" }],
    [{ expires_at: "tomorrow" }],
    [{ expires_at: "2026-02-30T00:00:00Z" }],
    [{ expires_at: "2026-04-01T00:00:00" }],
    [{ expires_at: "2027-03-01T12:00:01Z" }],
    [{ expires_at: null }],
    [{ never_expires: false }],
    [{ duration: "1h", duration_minutes: 60 }],
    [{ expires_at: "2026-04-01T00:00:00Z", never_expires: true }],
  ])("%p", (body) => {
    expect(() => read(body)).toThrow();
  });
});
