import { expect, test } from "bun:test";
import type { Settlement } from "../domain/settlement.ts";
import { createSettling } from "./settling.ts";

const real: Settlement = { id: "a", tokens: { input: 1, output: 2 }, costNanoUsd: "3" };

test("what an exchange took reaches whoever waits for it, once", () => {
  const settling = createSettling(() => 0);
  const seen: unknown[] = [];
  settling.await({ id: "a", since: 0, settle: (settlement) => seen.push(settlement) });
  settling.settle([{ id: "other" }, real, real]);
  expect(seen).toEqual([real]);
});

test("at the end what still waits stands as it was estimated", () => {
  const seen: unknown[] = [];
  const settling = createSettling(() => 0);
  settling.await({ id: "b", since: 0, settle: (settlement) => seen.push(settlement) });
  settling.close();
  settling.settle([{ id: "b" }]);
  expect(seen).toEqual([undefined]);
});
