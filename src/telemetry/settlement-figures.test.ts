import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Settlement } from "../domain/settlement.ts";
import { readSettlements, writeSettlements } from "./settlement-figures.ts";

test("what is written is read again, whatever is known of it", () => {
  const count = fc.oneof(fc.nat(), fc.constant(0), fc.constant(2 ** 50));
  const settlement: fc.Arbitrary<Settlement> = fc.record(
    {
      number: fc.nat(),
      tokens: fc.record({ input: count, output: count }, { noNullPrototype: true }),
      costNanoUsd: fc.maxSafeNat(),
    },
    { requiredKeys: ["number"], noNullPrototype: true },
  );
  fc.assert(fc.property(fc.array(settlement), (all) => expect(readSettlements(writeSettlements(all))).toEqual(all)));
});
