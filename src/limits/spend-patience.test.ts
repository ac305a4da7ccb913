import { expect, test } from "bun:test";
import { createSpendPatience } from "./spend-patience.ts";

test("a call is woken when something is given back, and is patient once", async () => {
  const account = { sleepers: new Set<() => void>() };
  const patience = createSpendPatience(20);
  const waited = patience.wait(account);
  for (const wake of account.sleepers) wake();
  expect(await waited).toBe(true);
  expect(account.sleepers.size).toBe(0);
  // Nobody wakes it, so its time ends.
  expect(await patience.wait(account)).toBe(true);
  expect(await patience.wait(account)).toBe(false);
  patience.end();
});

test("a crowd doesn't wait", async () => {
  const account = { sleepers: new Set<() => void>() };
  const patiences = Array.from({ length: 70 }, () => createSpendPatience(20));
  const waited = await Promise.all(patiences.map(({ wait }) => wait(account)));
  expect(waited.filter((has) => has)).toHaveLength(64);
  for (const { end } of patiences) end();
});
