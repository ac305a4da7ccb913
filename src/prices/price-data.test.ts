import { expect, test } from "bun:test";
import { calcPrice } from "@pydantic/genai-prices";
import { bundledPrices } from "./bundled-prices.ts";
import { createPriceData, findModel, readPriceProviders } from "./price-data.ts";

const providers = await bundledPrices.list();
const data = createPriceData("test", readPriceProviders(structuredClone(providers)));

test("models are found as the price library itself finds them, in the bundled data and in the same data read from outside", () => {
  const names = providers.flatMap(({ id, models }) =>
    models.flatMap((model) =>
      [model.id, `${model.id}-20250514`, `${model.id}-latest`].map((name) => [id, name] as const),
    ),
  );
  const different = names.filter(([providerId, written]) => {
    const name = written.toLowerCase();
    const theirs = attempt(() => calcPrice({}, name, { providerId })?.model.id);
    const ours = [bundledPrices, data].map((list) => {
      const provider = list.findProvider({ providerId });
      return provider && findModel(list, provider, name)?.id;
    });
    return theirs !== undefined && ours.some((found) => found !== theirs.value);
  });
  expect(names.length).toBeGreaterThan(3000);
  expect(different).toEqual([]);
});

/** What it gives; `undefined` where the library finds its own data contradictory. */
function attempt<T>(find: () => T): { readonly value: T } | undefined {
  try {
    return { value: find() };
  } catch {
    return undefined;
  }
}

test("a provider is found by its name, by another of its names, and by a model's", () => {
  for (const list of [bundledPrices, data]) {
    expect(list.findProvider({ providerId: "anthropic" })?.id).toBe("anthropic");
    expect(list.findProvider({ providerId: "my-bedrock" })?.id).toBe("aws");
    expect(list.findProvider({ modelId: "gpt-4o" })?.id).toBe("openai");
    expect(list.findProvider({ providerId: "nobody", modelId: "gpt-4o" })).toBeUndefined();
    expect(list.findProvider({ modelId: "nothing" })).toBeUndefined();
  }
});

const good = { id: "p", models: [{ id: "m", match: { equals: "m" }, prices: { input_mtok: 1 } }] };

test("published data is read without what pricing doesn't need", () => {
  const [model] = good.models;
  const dated = { constraint: { start_date: "2026-01-01" }, prices: { input_mtok: { base: 1, tiers: [] } } };
  const published = [
    {
      ...good,
      name: "P",
      extractors: [{}],
      models: [{ ...model, description: "long", prices: [{ prices: {} }, dated] }],
    },
  ];
  expect(readPriceProviders(published)).toEqual([
    { id: "p", models: [{ id: "m", match: { equals: "m" }, prices: [{ prices: {} }, dated] }] },
  ]);
});

test.each([
  ["no list", { providers: [] }],
  ["nothing in it", []],
  ["no model", [{ ...good, models: [] }]],
  ["a price that is text", [{ ...good, models: [{ ...good.models[0], prices: { input_mtok: "1" } }] }]],
  ["a negative price", [{ ...good, models: [{ ...good.models[0], prices: { input_mtok: -1 } }] }]],
  ["a match of a new kind", [{ ...good, models: [{ ...good.models[0], match: { sounds_like: "m" } }] }]],
  ["a pattern that is none", [{ ...good, models: [{ ...good.models[0], match: { regex: "(" } }] }]],
  [
    "a condition of a new kind",
    [{ ...good, models: [{ ...good.models[0], prices: [{ constraint: { weekday: "Sunday" }, prices: {} }] }] }],
  ],
])("data with %s is refused", (_, published) => {
  expect(() => readPriceProviders(published)).toThrow("the price data must be a list of providers");
});
