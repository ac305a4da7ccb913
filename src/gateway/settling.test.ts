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

test("whatever the order, and however many never hear of it, each is settled once with its own", () => {
  const settling = createSettling(() => 0);
  const seen = new Map<string, unknown[]>();
  const ids = Array.from({ length: 3_000 }, (_, at) => `x${at}`);
  const settle = (some: readonly string[]) => settling.settle(some.map((id) => ({ id, costNanoUsd: id })));
  for (const [at, id] of ids.entries()) {
    settling.await({ id, since: 0, settle: (took) => seen.set(id, [...(seen.get(id) ?? []), took?.costNanoUsd]) });
    // Every tenth comes late, every hundredth never, and those of a batch are turned around.
    if (at % 50 === 49)
      settle(
        ids
          .slice(at - 49, at + 1)
          .filter((_, place) => place % 10 !== 0)
          .toReversed(),
      );
  }
  settle(ids.filter((_, at) => at % 10 === 0 && at % 100 !== 0));
  settle(ids.slice(0, 100));
  settling.close();
  for (const [at, id] of ids.entries()) expect(seen.get(id)).toEqual([at % 100 === 0 && at > 0 ? undefined : id]);
});
