import { expect, test } from "bun:test";
import { calcPrice } from "@pydantic/genai-prices";
import * as fc from "fast-check";
import packageJson from "../../package.json" with { type: "json" };
import { sumUsage, usageBuckets, type Usage, type UsageBuckets } from "../domain/usage.ts";
import { bundledPrices } from "./bundled-prices.ts";
import { createPriceBook, type PriceQuestion } from "./price-book.ts";

const at = Date.UTC(2026, 5, 1);
const book = createPriceBook();

function used(buckets: UsageBuckets, about: Partial<Usage> = {}): Usage {
  return sumUsage(buckets, { source: "provider", ...about });
}

function nanoUsd(question: Omit<PriceQuestion, "at"> & { readonly at?: number }, from = book): bigint | string {
  const pricing = from.price({ at, ...question });
  return pricing.kind === "priced" ? pricing.nanoUsd : pricing.kind;
}

test("the version of the price data is that of the package", () => {
  expect(packageJson.dependencies["@pydantic/genai-prices"]).toBe(bundledPrices.version);
});

test("an OpenAI answer is priced by cached and reasoning buckets, line by line", () => {
  const pricing = book.price({
    provider: "openai",
    model: "gpt-4o-2024-08-06",
    usage: used({ input: 12, input_cached: 8, output: 5, output_reasoning: 4 }),
    at,
  });
  expect(pricing).toEqual({
    kind: "priced",
    nanoUsd: 130_000n,
    cost: {
      source: "genai-prices",
      version: bundledPrices.version,
      model: "gpt-4o",
      lines: [
        { bucket: "input", quantity: 12, usd_per_million: "2.5", nano_usd: "30000" },
        { bucket: "input_cached", quantity: 8, usd_per_million: "1.25", nano_usd: "10000" },
        { bucket: "output", quantity: 5, usd_per_million: "10", nano_usd: "50000" },
        { bucket: "output_reasoning", quantity: 4, usd_per_million: "10", nano_usd: "40000" },
      ],
    },
  });
});

test("audio costs what audio costs", () => {
  const usage = used({ input: 10, input_audio: 1000, output: 20, output_audio: 500 });
  // 10 × 4 + 1000 × 32 + 20 × 16 + 500 × 64 micro-dollars
  expect(nanoUsd({ provider: "openai", model: "gpt-realtime", usage })).toBe(64_360_000n);
  // 10 × 0.3 + 1000 × 1
  expect(
    nanoUsd({ provider: "gemini", model: "gemini-2.5-flash", usage: used({ input: 10, input_audio: 1000 }) }),
  ).toBe(1_003_000n);
});

test("an audio model whose audio has no listed price is unpriced as soon as audio was used", () => {
  const model = "gpt-4o-audio-preview-2024-12-17";
  expect(nanoUsd({ provider: "openai", model, usage: used({ input: 10 }) })).toBe(25_000n);
  expect(nanoUsd({ provider: "openai", model, usage: used({ input: 10, input_audio: 1 }) })).toBe("unpriced");
});

test("images are priced apart from text", () => {
  // 10 × 5 + 100 × 8 + 20 × 10 + 1000 × 32
  const usage = used({ input: 10, input_image: 100, output: 20, output_image: 1000 });
  expect(nanoUsd({ provider: "openai", model: "gpt-image-1.5", usage })).toBe(33_050_000n);
  // 10 × 0.3 + 1290 × 30
  const banana = used({ input: 10, output_image: 1290 });
  expect(nanoUsd({ provider: "gemini", model: "gemini-2.5-flash-image", usage: banana })).toBe(38_703_000n);
});

test("embeddings cost their input", () => {
  expect(nanoUsd({ provider: "openai", model: "text-embedding-3-small", usage: used({ input: 5 }) })).toBe(100n);
  expect(nanoUsd({ provider: "gemini", model: "models/gemini-embedding-001", usage: used({ input: 5 }) })).toBe(750n);
});

test("an Anthropic answer is priced by both cache writes and its web searches", () => {
  const usage = used({
    input: 100,
    input_cached: 30,
    input_cache_write_5m: 20,
    input_cache_write_1h: 10,
    output: 40,
    requests: 2,
  });
  // 100 × 3 + 30 × 0.3 + 20 × 3.75 + 10 × 6 + 40 × 15 micro-dollars, and two searches of a cent
  expect(nanoUsd({ provider: "anthropic", model: "claude-sonnet-4-5-20250929", usage })).toBe(21_044_000n);
});

test("a long prompt makes the whole request dearer, cached input counting towards its length", () => {
  const model = "claude-sonnet-4-5";
  const long = used({ input: 150_000, input_cached: 50_001, output: 100 });
  expect(nanoUsd({ provider: "anthropic", model, usage: long })).toBe(900_000_000n + 30_000_600n + 2_250_000n);
  const short = used({ input: 150_000, input_cached: 50_000, output: 100 });
  expect(nanoUsd({ provider: "anthropic", model, usage: short })).toBe(450_000_000n + 15_000_000n + 1_500_000n);
});

test("long-context tiers of OpenAI and Gemini", () => {
  const at272 = used({ input: 272_000, output: 10 });
  // 272,000 × 10 + 10 × 45, and one token below 271,999 × 5 + 10 × 30
  expect(nanoUsd({ provider: "openai", model: "gpt-5.5", usage: at272 })).toBe(2_720_450_000n);
  expect(nanoUsd({ provider: "openai", model: "gpt-5.5", usage: used({ input: 271_999, output: 10 }) })).toBe(
    1_360_295_000n,
  );
  // 200,001 × 2.5 + 100 × 15, where reasoning costs what output does
  const gemini = used({ input: 200_001, output: 60, output_reasoning: 40 });
  expect(nanoUsd({ provider: "gemini", model: "models/gemini-2.5-pro", usage: gemini })).toBe(501_502_500n);
});

test("a price is the one of its day and its hour", () => {
  const usage = used({ input: 1000, output: 1000 });
  const o3 = { provider: "openai", model: "o3", usage };
  expect(nanoUsd({ ...o3, at: Date.UTC(2025, 5, 9, 23, 59) })).toBe(50_000_000n);
  expect(nanoUsd({ ...o3, at: Date.UTC(2025, 5, 10) })).toBe(10_000_000n);
  const deepseek = { provider: "deepseek", model: "deepseek-chat", usage: used({ input: 1_000_000 }) };
  const prices = [0, 1, 12, 17].map((hour) => nanoUsd({ ...deepseek, at: Date.UTC(2025, 7, 1, hour) }));
  expect(new Set(prices).size).toBe(2);
  expect(prices[1]).toBe(270_000_000n);
});

test("a line is rounded half-even once, and the total is the sum of its lines", () => {
  const eightB = { provider: "gemini", model: "gemini-flash-1.5-8b" };
  // 0.0375 USD for a million: 37.5 nano-dollars each
  expect(nanoUsd({ ...eightB, usage: used({ input: 1 }) })).toBe(38n);
  expect(nanoUsd({ ...eightB, usage: used({ input: 3 }) })).toBe(112n);
  expect(nanoUsd({ ...eightB, usage: used({ input: 3, input_audio: 1 }) })).toBe(150n);
});

test("flex and batch halve the price, priority has its published factor, web searches keep theirs", () => {
  const usage = used({ input: 1000, output: 100 });
  const gpt5 = { provider: "openai", model: "gpt-5-2025-08-07", usage };
  expect(nanoUsd(gpt5)).toBe(2_250_000n);
  expect(nanoUsd({ ...gpt5, tier: "default" })).toBe(2_250_000n);
  expect(nanoUsd({ ...gpt5, tier: "flex" })).toBe(1_125_000n);
  expect(nanoUsd({ ...gpt5, tier: "priority" })).toBe(4_500_000n);
  const searched = used({ input: 1000, requests: 1 }, { tier: "batch" });
  expect(nanoUsd({ provider: "anthropic", model: "claude-haiku-4-5", usage: searched })).toBe(500_000n + 10_000_000n);
});

test("conditions of one tier multiply", () => {
  const question = { provider: "anthropic", model: "claude-opus-5", usage: used({ input: 1000 }) };
  expect(nanoUsd(question)).toBe(5_000_000n);
  expect(nanoUsd({ ...question, tier: "fast+us" })).toBe(11_000_000n);
});

test("a dearer tier without a published factor is unpriced, an unknown tier is the standard one", () => {
  const usage = used({ input: 1000 });
  expect(nanoUsd({ provider: "openai", model: "gpt-4", usage, tier: "priority" })).toBe("unpriced");
  expect(nanoUsd({ provider: "openai", model: "gpt-4", usage, tier: "whatever" })).toBe(30_000_000n);
});

test("a cost that the provider states is taken as it is", () => {
  const usage = used({ input: 1000 }, { stated_cost_usd: 0.000_123_456_789_5 });
  const pricing = book.price({ provider: "openrouter", model: "openai/gpt-4o", usage, at });
  expect(pricing).toEqual({
    kind: "priced",
    nanoUsd: 123_457n,
    cost: { source: "provider", lines: [{ bucket: "stated", quantity: 1, nano_usd: "123457" }] },
  });
  expect(nanoUsd({ model: "x", usage: used({ input: 1 }, { stated_cost_usd: 0 }) })).toBe(0n);
  expect(nanoUsd({ model: "gpt-4o", usage: used({ input: 1 }, { stated_cost_usd: -1 }) })).toBe(2500n);
});

test("a model is found under its prefixed, dated, routed and fine-tuned names, and with a provider that nobody knows", () => {
  const usage = used({ input: 1000 });
  const prices: [provider: string | undefined, model: string, nano: bigint][] = [
    ["gemini", "models/gemini-2.5-flash", 300_000n],
    ["vertex", "projects/p/locations/l/publishers/google/models/gemini-2.5-flash", 300_000n],
    ["openai", "GPT-4o", 2_500_000n],
    ["openai", "gpt-4o-2031-01-31", 2_500_000n],
    ["anthropic", "claude-opus-4-5@20251101", 5_000_000n],
    ["openai", "ft:gpt-4o-mini-2024-07-18:acme::AbC", 300_000n],
    ["openai", "ft:gpt-4.1-2025-04-14:acme::AbC", 2_000_000n],
    ["router", "openai/gpt-4o", 2_500_000n],
    ["router", "anthropic/claude-sonnet-4-5", 3_000_000n],
    ["mine", "gpt-4o", 2_500_000n],
    [undefined, "claude-sonnet-4-5", 3_000_000n],
  ];
  for (const [provider, model, nano] of prices)
    expect([provider, model, nanoUsd({ ...(provider === undefined ? {} : { provider }), model, usage })]).toEqual([
      provider,
      model,
      nano,
    ]);
  expect(typeof nanoUsd({ provider: "kimi", model: "kimi-k2-0905-preview", usage })).toBe("bigint");
});

test("an unknown model is unpriced, never nothing", () => {
  for (const model of ["no-such-model", "x/y/z", "../../etc", "ft:", "a".repeat(10_000), "constructor"])
    expect(nanoUsd({ provider: "openai", model, usage: used({ input: 1 }) })).toBe("unpriced");
  expect(nanoUsd({ provider: "openai", usage: used({ input: 1 }) })).toBe("unpriced");
});

test("a bucket without a price makes the whole unpriced", () => {
  const search = used({ input: 1, requests: 1 });
  expect(nanoUsd({ provider: "gemini", model: "gemini-2.5-flash", usage: search })).toBe("unpriced");
  expect(nanoUsd({ provider: "openai", model: "text-embedding-3-small", usage: used({ output: 1 }) })).toBe("unpriced");
});

test("what counted nothing is free, unless the model is sold by something else", () => {
  expect(nanoUsd({ provider: "openai", usage: used({}, { source: "none" }) })).toBe("free");
  expect(nanoUsd({ provider: "openai", model: "gpt-4o", usage: used({}) })).toBe("free");
  expect(nanoUsd({ provider: "openai", model: "whisper-1", usage: used({}) })).toBe("unpriced");
  expect(nanoUsd({ provider: "openai", model: "omni-moderation-latest", usage: used({ input: 9 }) })).toBe("free");
});

test("a fee per request is a line of its own", () => {
  // 10 × 1 + 10 × 1 micro-dollars and 12 USD for a thousand requests
  for (const usage of [used({ input: 10, output: 10 }), used({ input: 10, output: 10, requests: 3 })])
    expect(nanoUsd({ provider: "perplexity", model: "sonar", usage })).toBe(20_000n + 12_000_000n);
});

test("an operator's own price comes first, from its day on and in tiers, and holds for its provider and for globs", () => {
  const own = createPriceBook({
    own: {
      models: {
        "kimi-k2.6": [{ provider: "kimi", input: "0.95", output: "4", cache_read: "0.16", cache_write_5m: "0" }],
        "house-**": [{ input: "0.000000001", output: "1", tiers: [{ above: 100, output: "2" }] }],
        "gpt-4o": [{ input: "1", output: "1", from: "2026-01-01" }],
      },
      aliases: { "my-gpt": "gpt-4o", "team-*": "gpt-4o" },
    },
  });
  const usage = used({ input: 100, input_cached: 100, input_cache_write_5m: 100, output: 10 });
  expect(nanoUsd({ provider: "kimi", model: "kimi-k2.6", usage }, own)).toBe(95_000n + 16_000n + 0n + 40_000n);
  expect(nanoUsd({ provider: "x", model: "house-a/b", usage: used({ input: 100, output: 1 }) }, own)).toBe(1000n);
  expect(nanoUsd({ provider: "x", model: "house-a/b", usage: used({ input: 101, output: 1 }) }, own)).toBe(2000n);
  for (const model of ["my-gpt", "TEAM-a"]) {
    const gpt = { provider: "openai", model, usage: used({ input: 1000 }) };
    expect(nanoUsd({ ...gpt, at: Date.UTC(2025, 11, 31) }, own)).toBe(2_500_000n);
    expect(nanoUsd({ ...gpt, at: Date.UTC(2026, 0, 1) }, own)).toBe(1_000_000n);
  }
});

test("of an operator's rows the closest name counts, then the one for the provider, then the latest, and a glob last", () => {
  const own = createPriceBook({
    own: {
      models: {
        "gpt-4*": [{ input: "9" }],
        "gpt-4o": [
          { input: "1" },
          { input: "2", from: "2026-01-01" },
          { input: "3", provider: "azure" },
          { input: "4", from: "2026-07-01" },
        ],
        "gpt-4o-2024-08-06": [{ input: "5" }],
      },
      aliases: {},
    },
  });
  const price = (provider: string, model: string, day: string) =>
    nanoUsd({ provider, model, usage: used({ input: 1_000_000 }), at: Date.parse(day) }, own);
  expect(price("openai", "gpt-4o", "2025-12-31")).toBe(1_000_000_000n);
  expect(price("openai", "gpt-4o", "2026-01-01")).toBe(2_000_000_000n);
  expect(price("openai", "gpt-4o", "2026-07-01")).toBe(4_000_000_000n);
  expect(price("azure", "gpt-4o", "2026-07-01")).toBe(3_000_000_000n);
  expect(price("openai", "gpt-4o-2024-08-06", "2026-07-01")).toBe(5_000_000_000n);
  expect(price("openai", "gpt-4-turbo", "2026-07-01")).toBe(9_000_000_000n);
});

test("an exact row comes before a glob, with a date or a router's prefix too, and one for fine-tuned models before their base", () => {
  const rows = (models: Readonly<Record<string, string>>) =>
    createPriceBook({
      own: {
        models: Object.fromEntries(Object.entries(models).map(([name, input]) => [name, [{ input }]])),
        aliases: {},
      },
    });
  const own = rows({ "gpt-*": "0.1", "gpt-4o": "2", "ft:gpt-4o*": "4", "**": "7" });
  const price = (model: string, prices = own) =>
    nanoUsd({ provider: "openai", model, usage: used({ input: 1_000_000 }) }, prices);
  for (const model of ["gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o", "openai/gpt-4o-2024-08-06", "GPT-4o"])
    expect([model, price(model)]).toEqual([model, 2_000_000_000n]);
  expect(price("gpt-4o-mini-2024-07-18")).toBe(100_000_000n);
  expect(price("ft:gpt-4o-2024-08-06:org::id")).toBe(4_000_000_000n);
  expect(price("ft:gpt-4o-2024-08-06:org::id", rows({ "gpt-*": "0.1", "gpt-4o": "2" }))).toBe(2_000_000_000n);
  // A row that names its date is the closest.
  expect(price("gpt-4o-2024-08-06", rows({ "gpt-4o": "2", "gpt-4o-2024-08-06": "3" }))).toBe(3_000_000_000n);
});

test("an own price says which state of the configuration it is, and tiers of service don't change it", () => {
  const priceWith = (input: string) =>
    createPriceBook({ own: { models: { "gpt-5": [{ input, from: "2026-01-01" }] }, aliases: {} } }).price({
      provider: "openai",
      model: "gpt-5",
      usage: used({ input: 1000 }, { tier: "batch" }),
      at,
    });
  const [first, again, other] = [priceWith("3"), priceWith("3"), priceWith("4")];
  expect(first).toEqual({
    kind: "priced",
    nanoUsd: 3_000_000n,
    cost: {
      source: "config",
      version: expect.stringMatching(/^2026-01-01\+[0-9a-f]{8}$/),
      model: "gpt-5",
      lines: [{ bucket: "input", quantity: 1000, usd_per_million: "3", nano_usd: "3000000" }],
    },
  });
  expect(again).toEqual(first);
  expect(other.kind === "priced" && first.kind === "priced" && other.cost.version === first.cost.version).toBe(false);
});

test("an own price for writes of five minutes is none for writes of an hour", () => {
  const own = createPriceBook({
    own: {
      models: { a: [{ input: "1", cache_write_5m: "2" }], b: [{ input: "1", per_request: "5000" }] },
      aliases: {},
    },
  });
  const hour = used({ input: 10, input_cache_write_1h: 10 });
  expect(nanoUsd({ model: "a", usage: hour }, own)).toBe("unpriced");
  // 20 × 1 micro-dollars and a fee of half a cent
  expect(nanoUsd({ model: "b", usage: hour }, own)).toBe(20_000n + 5_000_000n);
});

test("moving pictures that cost something else than still ones make pictures unpriced, a price for them alone is theirs", () => {
  const embedding = { provider: "gemini", model: "gemini-embedding-2" };
  expect(nanoUsd({ ...embedding, usage: used({ input: 10 }) })).toBe(2000n);
  expect(nanoUsd({ ...embedding, usage: used({ input: 10, input_image: 1 }) })).toBe("unpriced");
  const film = used({ input: 10, output_image: 1000 });
  expect(nanoUsd({ provider: "gemini", model: "gemini-omni-flash-preview", usage: film })).toBe(15_000n + 17_500_000n);
});

test("the remembered look-ups stay bounded and right", () => {
  const small = createPriceBook({ cached: 2 });
  for (let turn = 0; turn < 3; turn++)
    for (const model of ["gpt-4o", "o3", "no-such-model", "gpt-4.1"])
      expect(nanoUsd({ provider: "openai", model, usage: used({ input: 1000 }) }, small)).toBe(
        nanoUsd({ provider: "openai", model, usage: used({ input: 1000 }) }),
      );
});

const anyUsage = fc
  .record(Object.fromEntries(usageBuckets.map((bucket) => [bucket, fc.oneof(fc.nat(), fc.double())])), {
    requiredKeys: [],
  })
  .map((buckets) => used(buckets));
const models = [
  "gpt-4o",
  "gpt-realtime",
  "gpt-5.5",
  "claude-sonnet-4-5",
  "claude-opus-5",
  "gemini-2.5-pro",
  "o3",
  "sonar",
];

test("no cost is ever negative, and every total is the sum of its lines", () => {
  fc.assert(
    fc.property(anyUsage, fc.constantFrom(...models, "x"), fc.string(), (usage, model, tier) => {
      const pricing = book.price({ model, usage, at, tier });
      if (pricing.kind !== "priced") return;
      const sum = pricing.cost.lines.reduce((total, line) => total + BigInt(line.nano_usd), 0n);
      expect(pricing.nanoUsd).toBe(sum);
      expect(pricing.cost.lines.every((line) => /^\d+$/.test(line.nano_usd))).toBe(true);
    }),
  );
});

test("a total agrees with the price library's own within half a nano-dollar a line", () => {
  const count = fc.nat({ max: 400_000 });
  const buckets = fc.record({ input: count, input_cached: count, output: count, output_reasoning: count });
  fc.assert(
    fc.property(
      buckets,
      fc.constantFrom("gpt-4o", "gpt-5.5", "o3", "claude-opus-5", "gemini-2.5-pro"),
      (usage, model) => {
        const expected = calcPrice(
          {
            input_tokens: usage.input + usage.input_cached,
            cache_read_tokens: usage.input_cached,
            output_tokens: usage.output + usage.output_reasoning,
            output_reasoning_tokens: usage.output_reasoning,
          },
          model,
          { timestamp: new Date(at) },
        );
        const actual = book.price({ model, usage: used(usage), at });
        const nano = actual.kind === "priced" ? Number(actual.nanoUsd) : 0;
        expect(Math.abs(nano - (expected?.total_price ?? -1) * 1e9)).toBeLessThan(3);
      },
    ),
  );
});
