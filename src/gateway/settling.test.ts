import { expect, test } from "bun:test";
import { createSettling } from "./settling.ts";

test("what an exchange took reaches whoever waits for it, once", () => {
  const settling = createSettling(() => 0);
  const seen: unknown[] = [];
  const number = settling.await({ since: 0, settle: (settlement) => seen.push(settlement) });
  const real = { number, tokens: { input: 1, output: 2 }, costNanoUsd: 3 };
  settling.settle([{ number: number + 1 }, { number: -1 }, real, real]);
  expect(seen).toEqual([real]);
});

test("at the end what still waits stands as it was estimated", () => {
  const seen: unknown[] = [];
  const settling = createSettling(() => 0);
  const number = settling.await({ since: 0, settle: (settlement) => seen.push(settlement) });
  settling.close();
  settling.settle([{ number }]);
  expect(seen).toEqual([undefined]);
});

test("whatever the order, and however many never hear of it, each is settled once with its own", () => {
  const settling = createSettling(() => 0);
  const seen: unknown[][] = [];
  const numbers: number[] = [];
  const settle = (places: readonly number[]) =>
    settling.settle(places.map((place) => ({ number: numbers[place] ?? -1, costNanoUsd: place })));
  const all = Array.from({ length: 3_000 }, (_, place) => place);
  for (const place of all) {
    const told: unknown[] = (seen[place] = []);
    numbers.push(settling.await({ since: 0, settle: (took) => told.push(took?.costNanoUsd) }));
    // Every tenth comes late, the last of them never, and those of a batch are turned around.
    if (place % 50 === 49)
      settle(
        all
          .slice(place - 49, place + 1)
          .filter((each) => each % 10 !== 0)
          .toReversed(),
      );
  }
  const late = all.filter((place) => place % 10 === 0);
  settle(late.slice(0, 250));
  settle(all.slice(0, 100));
  settling.close();
  settle(all);
  for (const place of all) expect(seen[place]).toEqual([place % 10 === 0 && place >= 2_500 ? undefined : place]);
});
