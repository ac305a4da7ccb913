import { expect, test } from "bun:test";
import { z } from "zod";
import { openAnswer } from "../../src/dialects/answer-reader.ts";
import { createPriceBook } from "../../src/prices/price-book.ts";
import anthropicRows from "./golden/anthropic.json" with { type: "json" };
import geminiRows from "./golden/gemini.json" with { type: "json" };
import openaiRows from "./golden/openai.json" with { type: "json" };
import ownPrices from "./golden/own-prices.json" with { type: "json" };
import otherRows from "./golden/others.json" with { type: "json" };
import { findDialect } from "../../src/providers/find-dialect.ts";
import { anthropic, gemini, openai } from "../../src/providers/index.ts";

/** One answer as its provider sends it, and what it costs by the provider's own price page, worked out by hand. */
const row = z.strictObject({
  name: z.string(),
  provider: z.string(),
  /** Whose API the provider speaks, where it isn't its own. */
  family: z.enum(["openai", "anthropic", "gemini"]).optional(),
  path: z.string(),
  at: z.iso.datetime().default("2026-06-01T12:00:00Z"),
  /** Whether the operator has prices of their own. */
  own: z.literal(true).optional(),
  answer: z.record(z.string(), z.unknown()),
  /** What the request named, where the answer doesn't. */
  model: z.string().optional(),
  /** Where the prices in the lines are published. */
  source: z.union([z.url(), z.literal("the operator")]),
  usage: z.record(z.string(), z.number()),
  tier: z.string().optional(),
  unpriced: z.literal(true).optional(),
  lines: z
    .array(
      z.strictObject({
        bucket: z.string(),
        quantity: z.number(),
        usd_per_million: z.string().optional(),
        nano_usd: z.string(),
      }),
    )
    .optional(),
  total_nano_usd: z.string().optional(),
});

const rows = z.array(row).parse([...openaiRows, ...anthropicRows, ...geminiRows, ...otherRows]);
const plain = createPriceBook();
const withOwnPrices = createPriceBook({ own: ownPrices });
const families = { openai, anthropic, gemini };

test("there are enough of them, each with its price page, and none twice", () => {
  expect(rows.length).toBeGreaterThanOrEqual(60);
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
});

test.each(rows.map((each) => [each.name, each] as const))(
  "%s costs what its provider's price page says",
  (_, given) => {
    const { provider, path, answer, at } = given;
    const named = provider === "anthropic" || provider === "gemini" ? provider : "openai";
    const about = { contentType: "application/json" };
    const reader = openAnswer(
      findDialect(families[given.family ?? named], "POST", path),
      { method: "POST", path },
      about,
    );
    reader.push(new TextEncoder().encode(JSON.stringify(answer)));
    const { usage, model = given.model } = reader.end();
    if (usage === undefined || model === undefined) throw new Error("the answer was not read");

    const { total: _total, source: _source, raw: _raw, stated_cost_usd: _stated, tier, ...buckets } = usage;
    expect(buckets).toEqual(given.usage);
    expect(tier).toBe(given.tier);
    const book = given.own ? withOwnPrices : plain;
    const priced = book.price({ provider, model, usage, at: new Date(at) });
    if (given.unpriced) return expect(priced).toEqual({ kind: "unpriced" });
    if (priced.kind !== "priced") throw new Error(`it is ${priced.kind}`);
    expect<unknown[]>([...priced.cost.lines]).toEqual(given.lines ?? []);
    expect(String(priced.nanoUsd)).toBe(given.total_nano_usd ?? "");
    const stated = priced.cost.lines.some(({ bucket }) => bucket === "stated");
    const source = stated ? "provider" : given.source === "the operator" ? "config" : "genai-prices";
    expect(priced.cost.source).toBe(source);
    expect(priced.cost.version === undefined).toBe(stated);
  },
);
