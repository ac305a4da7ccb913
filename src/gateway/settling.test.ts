import { expect, test } from "bun:test";
import type { Settlement } from "../domain/settlement.ts";
import { createSettling } from "./settling.ts";

const real: Settlement = { id: "a", tokens: { input: 1, output: 2 }, costNanoUsd: "3" };

test("what an exchange took reaches whoever waits for it, once", () => {
  const settling = createSettling(() => 0, true);
  const seen: unknown[] = [];
  settling.await("a", (settlement) => seen.push(settlement));
  settling.settle([{ id: "other" }, real, real]);
  expect(seen).toEqual([real]);
});

test("where nobody reads answers the estimate stands at once, and at the end what still waits does", () => {
  const seen: unknown[] = [];
  createSettling(() => 0, false).await("a", (settlement) => seen.push(settlement));
  const settling = createSettling(() => 0, true);
  settling.await("b", (settlement) => seen.push(settlement));
  settling.close();
  settling.settle([{ id: "b" }]);
  expect(seen).toEqual([undefined, undefined]);
});
