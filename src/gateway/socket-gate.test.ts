import { expect, test } from "bun:test";
import { Refusal } from "../domain/refusal.ts";
import { createSocketGate } from "./socket-gate.ts";
import { createTicket } from "./test-support.ts";
import type { Pass } from "./token-book.ts";

test("what passed and was not asked for after all gives back its ticket and the use of its token", async () => {
  const { gate, endings, uses } = open();
  const verdict = await gate.admitUnasked();
  expect(uses).toEqual(["use"]);
  if (verdict.kind === "passed") verdict.spare();
  expect([endings, uses]).toEqual([["spared"], ["use", "give back"]]);
});

test("a token that is used up gives back the ticket, and has no use to give back", async () => {
  const { gate, endings, uses } = open(new Refusal("quota_exceeded"));
  expect(await gate.admitUnasked()).toMatchObject({ kind: "refused", refusal: { code: "quota_exceeded" } });
  expect([endings, uses]).toEqual([["spared"], []]);
});

/** A gate in front of a token's calls, each of which takes a ticket. */
function open(usedUp?: Refusal) {
  const { ticket, endings } = createTicket();
  const uses: string[] = [];
  const gate = createSocketGate({
    pass: {} as Pass,
    tolled: true,
    toll: () => ticket,
    tokens: {
      renew: (pass) => pass,
      use() {
        if (usedUp) throw usedUp;
        uses.push("use");
        return undefined;
      },
      giveBack: async () => void uses.push("give back"),
    },
  });
  if (!gate) throw new Error("a token's calls have a gate");
  return { gate, endings, uses };
}
