import { expect, test } from "bun:test";
import fc from "fast-check";
import { createEstimator, type EstimateSubject } from "./estimate.ts";
import { readRequestNote } from "./read-request.ts";

const config = {
  maxSampleBytes: 20_000,
  bytesPerToken: 4,
  charsPerToken: 4,
  providerCharsPerToken: { openai: 5, anthropic: 3 },
};

type Wish = Partial<Omit<EstimateSubject, "note">> & { readonly path?: string; readonly maxSampleBytes?: number };

/** What is estimated for a body; text is sent as it is. */
function estimate(body: unknown, wish: Wish = {}, estimator = createEstimator(config)) {
  const { provider = "openai", dialect = "openai-chat", path = "/", maxSampleBytes = 20_000, works = true } = wish;
  const bytes = new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
  const note = readRequestNote(dialect, bytes, path, maxSampleBytes);
  return estimator.estimate({ provider, dialect, note, knownBytes: wish.knownBytes ?? bytes.length, works });
}

const input = (body: unknown, wish?: Wish) => estimate(body, wish).input;
const output = (body: unknown, wish?: Wish) => estimate(body, wish).output;

/** The largest number of characters that is within a limit. */
function findMost(limit: number, countFor: (text: string) => number, character = "a"): number {
  let [fits, not] = [0, 20_000];
  while (not - fits > 1) {
    const middle = Math.floor((fits + not) / 2);
    if (countFor(character.repeat(middle)) <= limit) fits = middle;
    else not = middle;
  }
  return fits;
}

test("of each provider as many characters are within a limit as its ratio says, whatever shape they come in", () => {
  const openai: readonly ((text: string) => unknown)[] = [
    (text) => ({ model: "m", messages: [{ role: "user", content: text }] }),
    (text) => ({ messages: [{ role: "user", content: [{ type: "text", text }] }] }),
    (text) => ({ input: text }),
    (text) => ({ input: [{ role: "user", content: text }] }),
    (text) => ({ input: [{ role: "user", content: [{ type: "input_text", text }] }] }),
    (text) => ({ prompt: text }),
    (text) => ({ prompt: [text] }),
  ];
  for (const shape of openai) expect(findMost(999, (text) => input(shape(text)))).toBe(5 * 999);

  const anthropic = { provider: "anthropic", dialect: "anthropic-messages" };
  const messages: readonly ((text: string) => unknown)[] = [
    (text) => ({ messages: [{ role: "user", content: text }] }),
    (text) => ({ messages: [{ role: "user", content: [{ type: "text", text }] }] }),
    (text) => ({ system: text, messages: [] }),
  ];
  for (const shape of messages) expect(findMost(999, (text) => input(shape(text), anthropic))).toBe(3 * 999);

  const gemini = { provider: "gemini", dialect: "gemini-generate" };
  const contents: readonly ((text: string) => unknown)[] = [
    (text) => ({ contents: [{ parts: [{ text }] }] }),
    (text) => ({ systemInstruction: { parts: [{ text }] } }),
  ];
  for (const shape of contents) expect(findMost(999, (text) => input(shape(text), gemini))).toBe(4 * 999);
  expect(findMost(999, (text) => input({ messages: [{ content: text }] }, { provider: "gemini" }))).toBe(4 * 999);
});

test("a character of four bytes is one", () => {
  const wide = { maxSampleBytes: 1e6 };
  expect(findMost(999, (text) => input({ prompt: text }, wide), "😀")).toBe(5 * 999);
  expect(findMost(999, (text) => input(`{"prompt":"${text}"}`, wide), "\\uD83D\\uDE00")).toBe(5 * 999);
});

test("a body whose text isn't counted is its bytes, of which those of media are none", () => {
  const text = { prompt: "a".repeat(20_000) };
  expect(input(text)).toBe(Math.ceil(JSON.stringify(text).length / 4));
  expect(estimate(text).sampled).toBe(false);
  expect(estimate({ prompt: "a" }).sampled).toBe(true);
  expect(input({ prompt: "aaaa" }, { maxSampleBytes: 0 })).toBe(Math.ceil('{"prompt":"aaaa"}'.length / 4));
  expect(input("--boundary and so on", { dialect: "openai-media" })).toBe(5);
  expect(input('{"prompt":"cut')).toBe(4);
  expect(input({ training_file: "file-1" }, { dialect: "openai-other" })).toBe(7);

  const data = "A".repeat(1_000_000);
  const part = { type: "image_url", image_url: { url: data } };
  const image = { messages: [{ role: "user", content: [part] }] };
  expect(input(image)).toBe(765 + Math.ceil((JSON.stringify(image).length - data.length) / 4));
});

test("of a body that isn't there yet at least one is known, and without a body there is none", () => {
  const { estimate: estimateOnly } = createEstimator(config);
  const subject = { provider: "openai", dialect: "openai-chat", note: {}, works: false };
  expect(estimateOnly({ ...subject, knownBytes: 1 })).toMatchObject({ input: 1, output: 0 });
  expect(estimateOnly({ ...subject, knownBytes: 0 })).toMatchObject({ input: 0, output: 0 });
});

test("a body that was packed is as long as it is unpacked", () => {
  expect(input({ prompt: "a".repeat(20_000) }, { knownBytes: 100 })).toBeGreaterThan(5_000);
});

test("the output is the most that is asked for, for each choice", () => {
  expect(output({ prompt: "a", max_tokens: 100 })).toBe(100);
  expect(output({ prompt: "a", max_tokens: 100, n: 3 })).toBe(300);
  expect(output({ prompt: "a", max_tokens: 1_000_000_000 })).toBe(1_000_000_000);
  expect(output({ prompt: "a", max_tokens: 0.5 })).toBe(1);
  expect(output({ prompt: "a", max_tokens: 1e300, n: 1e300 })).toBe(2 ** 50);
});

test("without a bound the output is what the model usually answers with", () => {
  const estimator = createEstimator(config);
  const ask = (model: string, rest = {}) => estimate({ model, prompt: "a", ...rest }, {}, estimator).output;
  expect(ask("gpt-4o")).toBe(256);
  for (const real of [100, 200]) estimator.learn("openai", "gpt-4o", real);
  expect(ask("gpt-4o")).toBe(150);
  expect(ask("gpt-4o", { n: 2 })).toBe(300);
  expect(ask("gpt-4o", { max_tokens: 7 })).toBe(7);
  expect(ask("gpt-5")).toBe(256);
});

test("what gives no text has no output that is known beforehand", () => {
  expect(output({ input: "a" }, { dialect: "openai-embeddings" })).toBe(0);
  expect(output({ content: { parts: [{ text: "a" }] } }, { dialect: "gemini-embeddings" })).toBe(0);
  expect(output({ prompt: "a" }, { dialect: "openai-media" })).toBe(0);
  expect(output({ input: "a", max_tokens: 5 }, { dialect: "openai-other", works: false })).toBe(0);

  const estimator = createEstimator(config);
  estimator.learn("openai", "gpt-image-1", 4_160);
  expect(estimate({ model: "gpt-image-1", prompt: "a" }, { dialect: "openai-media" }, estimator).output).toBe(4_160);
});

test("any body is estimated as a whole number, and any text as at least one", () => {
  const dialect = fc.constantFrom("openai-chat", "anthropic-messages", "gemini-generate", "opaque");
  const body = fc.record({ messages: fc.jsonValue(), max_tokens: fc.jsonValue(), n: fc.jsonValue() });
  fc.assert(
    fc.property(dialect, fc.oneof(body, fc.string()), fc.nat(60), (name, value, maxSampleBytes) => {
      const made = estimate(value, { dialect: name, maxSampleBytes });
      expect(Number.isSafeInteger(made.input) && Number.isSafeInteger(made.output)).toBe(true);
      expect(made.output).toBeGreaterThanOrEqual(0);
      expect(made.input).toBeGreaterThanOrEqual(value === "" ? 0 : 1);
    }),
  );
});
