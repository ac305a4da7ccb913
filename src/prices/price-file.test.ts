import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sumUsage } from "../domain/usage.ts";
import { bundledPrices } from "./bundled-prices.ts";
import { openPriceBook } from "./open-price-book.ts";
import { createPriceFile, findPriceFileChange, readPriceFile, writePriceFile } from "./price-file.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "weir-prices-"));
  path = join(folder, "data", "prices.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

const about = { from: "https://example.com/data.json", now: new Date("2026-11-21T12:00:00Z") };
const published = [
  {
    id: "openai",
    model_match: { starts_with: "gpt-" },
    models: [{ id: "gpt-4o", match: { equals: "gpt-4o" }, prices: { input_mtok: 7 } }],
  },
];

async function open() {
  const faults: string[] = [];
  const own = { models: {}, aliases: {} };
  const book = await openPriceBook({ own, file: path, onFault: (error) => faults.push(String(error)) });
  const usage = sumUsage({ input: 1_000_000 }, { source: "provider" });
  const priced = book.price({ provider: "openai", model: "gpt-4o", usage, at: about.now });
  return { faults, priced };
}

test("what was fetched is used in place of the bundled data, and every cost says its version", async () => {
  const file = createPriceFile(published, about);
  await writePriceFile(path, file);
  expect(file.version).toMatch(/^2026-11-21\+[0-9a-f]{8}$/);
  const { faults, priced } = await open();
  expect(faults).toEqual([]);
  expect(priced).toMatchObject({
    nanoUsd: 7_000_000_000n,
    cost: { source: "genai-prices", version: file.version, model: "gpt-4o" },
  });
  expect(readdirSync(join(folder, "data"))).toEqual(["prices.json"]);
});

test("without a file the bundled data holds", async () => {
  expect(await readPriceFile(path)).toBeUndefined();
  expect(await findPriceFileChange(path)).toBeUndefined();
  expect(await open()).toMatchObject({ faults: [], priced: { cost: { version: bundledPrices.version } } });
});

test("a file that is none is told, and the bundled data holds", async () => {
  await writePriceFile(path, createPriceFile(published, about));
  expect(await findPriceFileChange(path)).toBeGreaterThan(0);
  for (const text of ["", "{", "[]", '{"version":"1","from":"x","providers":[{"id":3}]}']) {
    writeFileSync(path, text);
    const { faults, priced } = await open();
    expect(faults).toHaveLength(1);
    expect(priced).toMatchObject({ cost: { version: bundledPrices.version } });
  }
});

test("the same data has the same digest, and any other price another one", () => {
  const digest = (data: unknown) => createPriceFile(data, about).version;
  expect(digest(structuredClone(published))).toBe(digest(published));
  expect(digest(JSON.parse(JSON.stringify(published).replace("7", "8")))).not.toBe(digest(published));
});
