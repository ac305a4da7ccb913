import { expect, test } from "bun:test";
import { readConfig } from "./read-config.ts";

const read = (text: string, env = {}) => readConfig({ env, files: { yaml: { path: "my.yaml", text } } });

test("prices are read as they are written, one row or several a model", () => {
  const result = read(`
providers:
  kimi: { base_url: https://api.moonshot.ai/anthropic, dialect: anthropic, key: k }
prices:
  models:
    "kimi-k2.6": { provider: kimi, input: 0.95, output: 4, cache_read: 0.16, cache_write_5m: 0, from: 2026-01-01, tiers: [{ above: 200000, input: 1.90 }] }
    "house-*":
      - { input: 1e-7, output: "0.50" }
      - { input: 2, output: 3, from: 2026-07-01 }
  aliases: { my-gpt: gpt-4o, "team-*": gpt-4o }
`);
  expect(result.kind === "ok" && result.warnings.filter((line) => line.includes("prices"))).toEqual([]);
  expect(result.kind === "ok" && result.config.prices).toEqual({
    own: {
      models: {
        "kimi-k2.6": [
          {
            provider: "kimi",
            from: "2026-01-01",
            input: "0.95",
            output: "4",
            cache_read: "0.16",
            cache_write_5m: "0",
            tiers: [{ above: 200_000, input: "1.90" }],
          },
        ],
        "house-*": [
          { input: "1e-7", output: "0.50" },
          { input: "2", output: "3", from: "2026-07-01" },
        ],
      },
      aliases: { "my-gpt": "gpt-4o", "team-*": "gpt-4o" },
    },
    unpriced: "allow",
    file: "data/prices.json",
  });
});

test("without a word there are no own prices, and unpriced models are allowed unless they are refused", () => {
  const nothing = readConfig({});
  expect(nothing.kind === "ok" && nothing.config.prices.own).toEqual({ models: {}, aliases: {} });
  const refusing = read("prices: { models: , aliases: '' }", { UNPRICED: "refuse" });
  expect(refusing.kind === "ok" && refusing.config.prices.unpriced).toBe("refuse");
});

test.each([
  ["models: [a]", "prices.models in my.yaml must be a map"],
  ["models: { m: 3 }", "prices.models.m in my.yaml must be a map such as { input: 0.95, output: 4 }"],
  ["models: { m: [] }", "prices.models.m in my.yaml must have a row"],
  [
    "models: { m: { input: free } }",
    'prices.models.m.input in my.yaml must be USD per million, such as 0.95, not "free"',
  ],
  ["models: { m: { input: -1 } }", 'prices.models.m.input in my.yaml must be USD per million, such as 0.95, not "-1"'],
  ["models: { m: [{ input: 1 }, { input: x, from: 2026-01-01 }] }", "prices.models.m[1].input in my.yaml"],
  ["models: { k-2.6: { provider: openai } }", "prices.models.k-2.6 in my.yaml must have a price"],
  ["models: { m: { imput: 1, output: 1 } }", 'prices.models.m in my.yaml must have no "imput"; did you mean input?'],
  ["models: { m: { input: 1, from: 2026-02-30 } }", "prices.models.m.from in my.yaml must be a day such as 2026-01-31"],
  ["models: { m: { input: 1, from: soon } }", "prices.models.m.from in my.yaml must be a day such as 2026-01-31"],
  ["models: { m: [{ input: 1 }, { input: 2 }] }", "prices.models.m in my.yaml must have a row for each day"],
  ["models: { m: { input: 1, provider: [a] } }", "prices.models.m.provider in my.yaml must be a provider's name"],
  ["models: { m: { input: 1, tiers: 3 } }", "prices.models.m.tiers in my.yaml must be a list"],
  ["models: { m: { input: 1, tiers: [{ input: 2 }] } }", "prices.models.m.tiers[0].above in my.yaml must be a number"],
  [
    "models: { m: { input: 1, tiers: [{ above: 9, output: 2 }] } }",
    "prices.models.m.tiers[0].output in my.yaml must stand beside the row's own price",
  ],
  ["aliases: { a: [b] }", "prices.aliases.a in my.yaml must be the name of a model"],
  ["aliases: { a: b, b: gpt-4o }", "prices.aliases.a in my.yaml must name a model and not another alias"],
  ["unpriced: maybe", "prices.unpriced must be one of allow, refuse"],
  ["model: {}", "prices.model is not a setting of this build; did you mean prices.models?"],
])("prices: %s is a fault that names its place", (prices, fault) => {
  const result = read(`prices:\n  ${prices}`);
  expect(result).toMatchObject({ kind: "faults", faults: [expect.stringContaining(fault)] });
});

test("a price for a provider that there isn't is warned of", () => {
  const result = read("prices: { models: { m: { provider: opnai, input: 1 } } }");
  expect(result.warnings.filter((line) => line.startsWith("prices."))).toEqual([
    expect.stringMatching(
      /^prices\.models\.m\.provider in my\.yaml should name one of .*, not "opnai"; did you mean openai\?$/,
    ),
  ]);
});
