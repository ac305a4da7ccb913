import { expect, test } from "bun:test";
import { Command } from "commander";
import { addExpiryOptions, type ExpiryOptions, readExpiry } from "./expiry-options.ts";

function read(...args: readonly string[]) {
  const command = addExpiryOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return readExpiry(command.parse(args, { from: "user" }).opts<ExpiryOptions>());
}

test("a bare number is hours, and units are as they are", () => {
  expect(read("--duration", "24")).toEqual({ duration: "24h" });
  expect(read("--duration", "1h30m")).toEqual({ duration: "1h30m" });
  expect(read("--duration-minutes", "90")).toEqual({ duration_minutes: 90 });
  expect(read("--expires-at", "2026-12-31")).toEqual({ expires_at: "2026-12-31T00:00:00.000Z" });
  expect(read("--expires-at", "2026-12-31T10:00:00+02:00")).toEqual({ expires_at: "2026-12-31T08:00:00.000Z" });
  expect(read("--never-expires")).toEqual({ never_expires: true });
  expect(read()).toEqual({});
});

test("what is no time, and two ways at once, are mistakes", () => {
  for (const args of [
    ["--duration", "1.5"],
    ["--duration", "0"],
    ["--duration", "soon"],
    ["--duration-minutes", "1h"],
    ["--expires-at", "tomorrow"],
    ["--expires-at", "2026-11-31"],
    ["--expires-at", "2026-02-30T10:00:00Z"],
    ["--duration", "24", "--never-expires"],
    ["--expires-at", "2026-12-31", "--duration-minutes", "1"],
  ])
    expect(() => read(...args)).toThrow();
});
