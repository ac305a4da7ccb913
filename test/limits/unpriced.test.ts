import { expect, test } from "bun:test";
import { families } from "./ask.ts";
import { openStage } from "./stage.ts";

const unpriced = "402 model_unpriced";

test("a model without a price is let through, unless the operator refuses it", async () => {
  await using allowing = await openStage();
  expect((await allowing.ask({ model: "mystery-9000" })).told).toBe("200");
  await using refusing = await openStage({ env: { UNPRICED: "refuse" } });
  for (const family of families) {
    const { told, text } = await refusing.ask({ family, model: "mystery-9000" });
    expect(told).toBe(unpriced);
    expect(() => JSON.parse(text) as unknown).not.toThrow();
    expect((await refusing.ask({ family })).told).toBe("200");
  }
  expect(refusing.provider.reached.length).toBe(3);
  // Names that mean a priced model, and calls that mean none.
  for (const model of ["gpt-4o-2024-08-06", "ft:gpt-4o-2024-08-06:org::id"])
    expect([model, (await refusing.ask({ model })).told]).toEqual([model, "200"]);
  const models = await fetch(`${refusing.url}/v1/models`, { headers: { authorization: `Bearer ${refusing.token}` } });
  expect(models.status).toBe(200);
});

test("a model that the operator has priced is no such model", async () => {
  await using stage = await openStage({
    env: { UNPRICED: "refuse" },
    yaml: `prices: { models: { "mystery-*": { input: 1, output: 2 } }, aliases: { house: gpt-4o } }`,
  });
  expect((await stage.ask({ model: "mystery-9000" })).told).toBe("200");
  expect((await stage.ask({ model: "house" })).told).toBe("200");
  expect((await stage.ask({ model: "riddle-1" })).told).toBe(unpriced);
});

test("what has no price can be called by who has a hard budget, and spends nothing of it", async () => {
  await using stage = await openStage();
  const token = await stage.mint({}, { budget: [{ amount_usd: "0.0001", period: "day", hard: true }] });
  for (let each = 0; each < 5; each += 1)
    expect((await stage.ask({ token, model: "mystery-9000", maxTokens: 100_000 })).told).toBe("200");
});

test("a call that names no model in a way that can be read is told so", async () => {
  await using stage = await openStage({ env: { UNPRICED: "refuse" } });
  for (const body of ["model=gpt-4o", '{"messages":[]}', "{"]) {
    const { told, text } = await stage.ask({ body });
    expect([body, told]).toEqual([body, unpriced]);
    expect(text).toContain("No model can be read in this request");
    expect(text).not.toContain("another model");
  }
  expect(stage.provider.reached.length).toBe(0);
});

test("no way to write a model's name hides it", async () => {
  await using stage = await openStage({ env: { UNPRICED: "refuse" } });
  const body = '{"model":"gpt-4o","messages":[],"model":"mystery-9000"}';
  expect((await stage.ask({ body })).told).toBe(unpriced);
  expect((await stage.ask({ body: Bun.gzipSync(body), headers: { "content-encoding": "gzip" } })).told).toBe(unpriced);
  expect((await stage.ask({ body: '{"mod\\u0065l":"mystery\\u002d9000"}' })).told).toBe(unpriced);
});
