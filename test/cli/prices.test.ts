import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { startWeir, waitFor } from "../weir.ts";
import { containing, type Home, makeHome, openUpstream } from "./program.ts";

const settings = `
prices:
  models:
    "house-*": { input: 1, output: "2.5", tiers: [{ above: 200000, input: 2 }] }
    "gpt-4o": { input: 1, output: 1, from: 2999-01-01 }
  aliases: { my-gpt: gpt-4o-2024-08-06 }
`;

async function ask(home: Home, ...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await home.weir(["prices", ...args, "--json"]);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** What a project publishes as price data: one model at this price. */
const published = (usd: number) =>
  JSON.stringify([
    {
      id: "openai",
      name: "OpenAI",
      model_match: { starts_with: "gpt-" },
      models: [
        { id: "gpt-4o-mini", match: { starts_with: "gpt-4o-mini" }, prices: { input_mtok: usd, output_mtok: 1 } },
      ],
    },
  ]);

test("weir prices explain says which name was found where, the rates, and each line of what it costs", async () => {
  await using home = await makeHome({ "weir.yaml": settings });
  expect(
    await ask(home, "explain", "my-gpt", "--provider", "openai", "--input", "1000", "--tier", "batch"),
  ).toMatchObject({
    alias_of: "gpt-4o-2024-08-06",
    found: { provider: "openai", model: "gpt-4o", matched: "gpt-4o-2024-08-06", source: "genai-prices" },
    cost: { cost_nano_usd: "1250000", lines: [{ bucket: "input", quantity: 1000, usd_per_million: "1.25" }] },
  });
  expect(await ask(home, "explain", "my-gpt", "--input", "1000", "--at", "2999-01-01")).toMatchObject({
    found: { model: "gpt-4o", source: "config", version: containing("2999-01-01+") },
    cost: { cost_nano_usd: "1000000" },
  });
  const { code, stdout } = await home.weir(["prices", "explain", "house-a", "--input", "300000", "--output", "10"]);
  expect([code, stdout]).toEqual([0, containing('"house-a" is "house-*", in prices.models of weir.yaml')]);
  expect(stdout).toMatch(/^total +0\.600025$/m);
  expect(stdout).not.toContain("Input in all");
  const cached = await home.weir(["prices", "explain", "gpt-4o", "--input", "200", "--cached", "800"]);
  expect(cached.stdout).toContain("Input in all: 1,000 LLM tokens");
}, 30_000);

test("weir prices explain tells the price that is charged, of the provider that a model's name belongs to", async () => {
  await using home = await makeHome({
    "weir.yaml": `
providers:
  kimi: { base_url: https://api.moonshot.ai/anthropic, dialect: anthropic }
  other: { base_url: https://other.example, dialect: openai }
prices:
  models:
    "gpt-4o":
      - { provider: openai, input: 2.25, output: 9 }
      - { provider: other, input: 7, output: 8 }
    "house-1": { provider: kimi, input: 3, output: 4 }
    "house-2": [{ provider: kimi, input: 3, output: 4 }, { provider: other, input: 5, output: 6 }]
  aliases: { my-gpt: gpt-4o }
`,
  });
  for (const model of ["gpt-4o", "my-gpt"])
    expect(await ask(home, "explain", model, "--input", "1000000")).toMatchObject({
      provider: "openai",
      other_providers: ["other"],
      found: { source: "config", usd_per_million: { input: "2.25" } },
      cost: { cost_nano_usd: "2250000000" },
    });
  const { stdout: text } = await home.weir(["prices", "explain", "gpt-4o", "--tier", "batch"]);
  expect(text).toStartWith(
    '"gpt-4o" is priced as a call of openai; --provider says another.\nIts price: "gpt-4o" of openai, in prices.models ',
  );
  expect(text).toContain("There are other prices of your own for it: --provider other.");
  expect(text).toContain("Prices of your own hold for every service tier");
  expect(await ask(home, "explain", "gpt-4o", "--provider", "other")).toMatchObject({
    found: { usd_per_million: { input: "7" } },
  });
  expect(await ask(home, "explain", "house-1")).toMatchObject({ provider: "kimi", found: { source: "config" } });
  const torn = await home.weir(["prices", "explain", "house-2"]);
  expect([torn.code, torn.stdout]).toEqual([1, containing("--provider kimi, --provider other")]);
}, 60_000);

test("weir prices explain names the provider of the call first, and then the list where its price was found", async () => {
  await using home = await makeHome();
  const explain = async (...args: readonly string[]) => (await home.weir(["prices", "explain", ...args])).stdout;
  expect(await explain("gemini-2.5-pro")).toStartWith(
    '"gemini-2.5-pro" is priced as a call of gemini; --provider says another.\nIts price: "gemini-2.5-pro" of google, ',
  );
  expect(await explain("gpt-4o", "--provider", "openrouter")).toStartWith(
    '"gpt-4o" is priced as a call of openrouter.\nIts price: "gpt-4o" of openai, in genai-prices ',
  );
}, 60_000);

test("weir prices explain takes no provider that nobody knows, and says what a tier changes", async () => {
  await using home = await makeHome();
  const explain = async (...args: readonly string[]) => home.weir(["prices", "explain", "gpt-4o", ...args]);
  expect(await explain("--provider", "opnai")).toMatchObject({
    code: 2,
    stderr: containing('There is no provider "opnai"; did you mean openai?'),
  });
  expect(await explain("--provider", "nonsense")).toMatchObject({ code: 2, stderr: containing("weir prices list") });
  expect(await explain("--provider", "openrouter")).toMatchObject({ code: 0 });
  expect((await explain("--tier", "nonsense")).stdout).toContain(
    'The tier "nonsense" changes nothing here: it is priced as the standard one.',
  );
  expect((await explain("--tier", "batch")).stdout).toContain('The tier "batch" costs 0.5 times as much.');
}, 60_000);

test("weir prices explain fails where there is no price", async () => {
  await using home = await makeHome();
  for (const model of ["no-such-model", "whisper-1"]) {
    const { code, stdout } = await home.weir(["prices", "explain", model]);
    expect([code, stdout]).toEqual([1, containing(`There is no price for "${model}"`)]);
  }
  const { code, stdout } = await home.weir(["prices", "explain", "gemini-2.5-pro", "--searches", "1"]);
  expect([code, stdout]).toEqual([1, containing("unpriced")]);
}, 30_000);

test("weir prices list shows the operator's prices and the price data's, of a provider and of names", async () => {
  await using home = await makeHome({ "weir.yaml": settings });
  const { models } = await ask(home, "list", "--model", "house*");
  expect(models).toEqual([expect.objectContaining({ model: "house-*", source: "config" })]);
  const { code, stdout } = await home.weir(["prices", "list", "--provider", "gemini", "--model", "gemini-2.5-pro"]);
  expect([code, stdout]).toEqual([0, containing("200,000")]);
  expect(stdout).toMatch(/^google +gemini-2\.5-pro +1\.25 +0\.125 +1\.25 +1\.25 +10 +200,000$/m);
}, 30_000);

test("weir prices update fetches price data that a running gateway uses after a reload; what fails changes nothing", async () => {
  await using home = await makeHome();
  let answer = { text: "", status: 200 };
  using publisher = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(answer.text, { status: answer.status }),
  });
  const from = `http://127.0.0.1:${publisher.port}/data.json`;
  using upstream = openUpstream();
  await using weir = await startWeir({
    env: { UPSTREAM_BASE_URL: upstream.url, UPSTREAM_API_KEY: "k" },
  });
  const update = (...args: string[]) =>
    home.weir(["prices", "update", "--from", from, ...args], { DATA_DIR: weir.dataDir });

  answer = { text: published(7), status: 200 };
  const first = await update("--json");
  expect(JSON.parse(first.stdout)).toMatchObject({ kind: "updated", providers: 1, models: 1, changed: 1, added: 0 });
  const { version } = JSON.parse(first.stdout) as { version: string };

  for (const [bad, code, words] of [
    [{ text: "{}", status: 200 }, 1, "the price data must be a list of providers"],
    [{ text: "<html>", status: 200 }, 1, "is no JSON"],
    [{ text: "no", status: 503 }, 3, "answers 503"],
  ] as const) {
    answer = bad;
    expect(await update()).toMatchObject({ code, stderr: containing(words) });
    expect((await readdir(weir.dataDir)).filter((name) => name.startsWith("prices"))).toEqual(["prices.json"]);
  }
  answer = { text: published(7), status: 200 };
  expect((await update()).stdout).toContain(`nothing new: the prices are those of ${version}`);
  const { stdout } = await home.weir(["prices", "explain", "gpt-4o-mini"], { DATA_DIR: weir.dataDir });
  expect(stdout).toContain(version);

  const call = async (text: string) => {
    const body = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: text }] });
    await (await fetch(`${weir.url}/v1/chat/completions`, { method: "POST", body })).text();
    return (await weir.waitForRecord(({ input }) => JSON.stringify(input ?? "").includes(text))).cost;
  };
  expect(await call("before")).toMatchObject({ source: "genai-prices", version: "0.1.8" });
  weir.signal("SIGHUP");
  await waitFor(() => weir.output().includes("the configuration was changed"), "it was not reloaded");
  // 200 × 7 and 1000 × 7, since the data has no price for what is cached, and 30 × 1
  expect(await call("after")).toMatchObject({
    source: "genai-prices",
    version,
    lines: [{ nano_usd: "1400000" }, { nano_usd: "7000000" }, { nano_usd: "30000" }],
  });
}, 60_000);
