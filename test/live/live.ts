// Calls that cost money, a fraction of a cent: only "npm run test:live" names this file, and by its name no other run finds it.
import { expect, test } from "bun:test";
import { startWeir } from "../weir.ts";
import { type Call, providers } from "./providers.ts";

/** What the program gets of this environment: where the providers are, and the way there. No key: the consumer sends it. */
const passedOn = ["UPSTREAM_BASE_URL", "ANTHROPIC_BASE_URL", "GEMINI_BASE_URL", "HTTPS_PROXY", "NO_PROXY"];
const env = Object.fromEntries(
  passedOn.map((name) => [name, process.env[name] ?? ""] as const).filter(([, value]) => value !== ""),
);

for (const { name, keyName, calls } of providers) {
  const key = process.env[keyName];
  for (const call of calls) {
    const way = call.streaming ? "a stream" : "an answer as a whole";
    const fact = `${name} gives ${way}, and its record has text, usage and cost`;
    if (key) test(fact, () => check(name, key, call), 60_000);
    else test.skip(`${fact} (skipped: needs ${keyName})`, () => {});
  }
}

/** Nothing here may print a key, whatever fails. */
async function check(provider: string, key: string, { streaming, path, headers, body, read }: Call): Promise<void> {
  await using weir = await startWeir({ env });
  const answer = await fetch(weir.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers(key) },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${provider} answered ${answer.status}: ${withoutKey(text, key)}`);
  const said = read(text);
  expect(said).not.toBe("");

  const id = answer.headers.get("x-weir-exchange-id");
  const record = await weir.waitForRecord((exchange) => exchange.id === id);
  const written = JSON.stringify(record) + weir.output();
  if (written.includes(key)) throw new Error("The key is in the record or in the log");
  expect(record).toMatchObject({
    provider,
    streaming,
    status: 200,
    outcome: "answered",
    output: { kind: "choices", choices: [{ text: said }] },
    usage: { source: "provider", input: expect.any(Number), output: expect.any(Number) },
    cost_nano_usd: expect.stringMatching(/^[1-9]\d*$/),
  });
}

/** Providers repeat a key that they don't know, as it is or with stars in its middle. */
function withoutKey(text: string, key: string): string {
  return text.replaceAll(key, "[key]").replaceAll(/\S*\*\S*/g, "[key]");
}
