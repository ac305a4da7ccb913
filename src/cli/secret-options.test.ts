import { afterEach, expect, spyOn, test } from "bun:test";
import type { LineInput } from "./line-input.ts";
import { readSecrets } from "./secret-options.ts";

const errors = spyOn(process.stderr, "write").mockImplementation(() => true);

afterEach(() => {
  errors.mockClear();
});

const warned = () => errors.mock.calls.map(([text]) => String(text)).join("");

function lines(...texts: readonly string[]): () => LineInput {
  const left = [...texts];
  return () => ({ isTerminal: false, ask: async () => left.shift(), [Symbol.dispose]: () => undefined });
}

const option = (flag: string, written: string, secret = written) => ({ flag, what: "key", written, secret });

test("lines go to the options in the order of the command line, whatever the order of asking", async () => {
  const args = ["create", "--key", "groq=-", "--gemini-key=-", "--name", "x", "--openai-key", "-"];
  const options = [option("--openai-key", "-"), option("--gemini-key", "-"), option("--key", "groq=-", "-")];
  expect(await readSecrets(options, lines("of groq", "of gemini", " of openai "), args)).toEqual([
    "of openai",
    "of gemini",
    "of groq",
  ]);
  expect(warned()).toBe("");
});

test("a secret in the arguments is warned of once, without showing it", async () => {
  const options = [
    option("--openai-key", "sk-open"),
    option("--key", "a=sk-a", "sk-a"),
    option("--key", "b=sk-b", "sk-b"),
  ];
  expect(await readSecrets(options, lines(), [])).toEqual(["sk-open", "sk-a", "sk-b"]);
  expect(warned()).toMatch(
    /^warning: the value of --openai-key and --key stand in the arguments.* - reads it from the standard input\n$/,
  );
  expect(warned()).not.toContain("sk-");
});

test("a line that is missing or empty is named", async () => {
  for (const input of [lines(), lines("  ")]) {
    const fault: unknown = await readSecrets([option("--key", "groq=-", "-")], input, []).catch(
      (error: unknown) => error,
    );
    expect(String(fault)).toBe(
      "SecretMissing: --key groq=- takes a line of the standard input, and there is none for it",
    );
  }
});
