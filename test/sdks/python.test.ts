import { expect } from "bun:test";
import { join } from "node:path";
import { needs } from "../needs.ts";
import { gated, gateKey, openSides, textOf } from "./sides.ts";

/** An interpreter that has the SDKs: `pip install openai anthropic google-genai`. */
const python = process.env["WEIR_TEST_PYTHON"] ?? "";
const testWithPython = needs("WEIR_TEST_PYTHON, a Python with openai, anthropic and google-genai", python !== "");

type Told = { readonly name: string; readonly result: unknown };

/** Calls everything, one after another. */
async function callAll(url: string, apiKey: string): Promise<readonly Told[]> {
  const child = Bun.spawn([python, join(import.meta.dir, "python_sdks.py"), url, apiKey], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [text, errors, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect({ code, errors: code === 0 ? "" : errors }).toEqual({ code: 0, errors: "" });
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Told);
}

/** The answer to an upload's first request says where the bytes go, and Python's SDK believes it. */
const upload = { past: { path: /^\/upload\//, requests: 1 } };

const connect = (url: string, apiKey: string) => ({ url, apiKey });

testWithPython(
  "Python's SDKs get the same, and every call is recorded with what it said and cost",
  async () => {
    await using sides = await openSides({ connect });
    const { result, exchanges } = await sides.compare(({ url, apiKey }) => callAll(url, apiKey), upload);
    expect(result.map(({ name }) => name)).toEqual(expect.arrayContaining(["openai error", "gemini error"]));
    const generations = exchanges.filter(({ kind, status }) => kind === "generation" && status === 200);
    expect(generations.map(({ dialect }) => dialect)).toEqual([
      ...Array<string>(4).fill("openai-chat"),
      ...Array<string>(2).fill("openai-responses"),
      ...Array<string>(4).fill("anthropic-messages"),
      ...Array<string>(6).fill("gemini-generate"),
    ]);
    for (const exchange of generations) {
      expect(exchange.usage.source).toBe("provider");
      expect(textOf(exchange) ?? JSON.stringify(exchange.output)).toMatch(/^You said "|"name":"weather"/);
    }
  },
  60_000,
);

testWithPython(
  "behind a gate Python's SDKs send the gate key in place of the provider's",
  async () => {
    await using sides = await openSides({ connect, env: gated, apiKey: gateKey });
    const { result } = await sides.compare(({ url, apiKey }) => callAll(url, apiKey), upload);
    expect(result.length).toBeGreaterThan(30);
  },
  60_000,
);
