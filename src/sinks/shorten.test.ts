import { expect, test } from "bun:test";
import fc from "fast-check";

import { shortenBodies } from "./shorten.ts";

function size(value: unknown): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(JSON.stringify(value)));
}

test("whatever is shortened fits, and is JSON", () => {
  const body = fc.jsonValue({ maxDepth: 5, stringUnit: "binary" });
  const large = fc
    .tuple(body, fc.integer({ min: 1, max: 40 }))
    .map(([value, times]) => Array.from({ length: times }, () => value));
  const long = fc.string({ unit: "binary", minLength: 0, maxLength: 3_000 });
  const any = fc.oneof(
    body,
    large,
    long,
    large.map((messages) => ({ messages, system: "be brief" })),
  );
  fc.assert(
    fc.property(any, any, any, fc.integer({ min: 3_000, max: 20_000 }), (input, output, parameters, maxBytes) => {
      const short = shortenBodies({ input, output, parameters }, maxBytes);
      expect(size(short.input) + size(short.output) + size(short.parameters)).toBeLessThanOrEqual(maxBytes);
    }),
    { numRuns: 150 },
  );
});

test("what fits is not touched", () => {
  const bodies = { input: { messages: ["a"] }, output: { content: "b" }, parameters: { n: 1 } };
  expect(shortenBodies(bodies, 10_000)).toEqual(bodies);
});

test("of a conversation the latest messages stay, in their order", () => {
  const messages = Array.from({ length: 100 }, (_, index) => ({
    role: "user",
    content: `${index} ${"x".repeat(200)}`,
  }));
  const { input } = shortenBodies({ input: { system: "be brief", messages } }, 5_000);
  const kept = input as { system: string; messages: { content: string }[] };

  expect(kept.system).toBe("be brief");
  expect(kept.messages.map(({ content }) => Number(content.split(" ")[0]))).toEqual(
    Array.from({ length: kept.messages.length }, (_, index) => 100 - kept.messages.length + index),
  );
  expect(kept.messages.length).toBeGreaterThan(15);
});

test("a latest message that is too large by itself keeps its beginning and its end", () => {
  const content = `begin ${"x".repeat(50_000)} end`;
  const { input } = shortenBodies(
    {
      input: [
        { role: "user", content: "old" },
        { role: "user", content },
      ],
    },
    5_000,
  );
  const latest = (input as { role: string; content: string }[]).at(-1);

  expect(latest?.role).toBe("user");
  expect(latest?.content).toStartWith("begin xxx");
  expect(latest?.content).toEndWith("xxx end");
  expect(latest?.content).toMatch(/… \d+ characters left out …/);
  expect(latest?.content.length).toBeGreaterThan(2_000);
});

test("a cut through a pair of surrogates leaves text that is well formed", () => {
  const { output } = shortenBodies({ output: `x${"👋".repeat(20_000)}` }, 9_000);
  expect(String(output).isWellFormed()).toBe(true);
});
