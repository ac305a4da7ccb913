import { describe, expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import { type Asked, askAtOnce } from "./ask.ts";
import { openStage } from "./stage.ts";

const refused = "429 rate_limit_exceeded";
const large: Asked = { maxTokens: 499, plan: { input: 1, output: 499 } };
const small: Asked = { maxTokens: 1, plan: { input: 1, output: 1 } };
const yaml = "limits: { tokens_per_minute: 100 }";

describe("a request that alone is larger than the window", () => {
  test("passes once where nothing was taken, and closes the window", async () => {
    await using stage = await openStage({ yaml });
    expect((await stage.ask(large)).told).toBe("200");
    for (let each = 0; each < 5; each += 1) {
      const { told, limit } = await stage.ask(each % 2 === 0 ? small : large);
      expect([told, limit.metric, limit.limit, limit.remaining]).toEqual([refused, "tokens", 100, 0]);
    }
    stage.wait(62);
    expect((await stage.ask(large)).told).toBe("200");
  });

  test("doesn't pass where anything was taken", async () => {
    await using stage = await openStage({ yaml });
    expect((await stage.ask(small)).told).toBe("200");
    expect((await stage.ask(large)).told).toBe(refused);
    expect((await stage.ask(small)).told).toBe("200");
  });

  test("passes alone: of 50 that arrive together, one", async () => {
    await using stage = await openStage({ yaml });
    expect(await askAtOnce(50, () => stage.ask(large))).toEqual({ "200": 1, [refused]: 49 });
    expect(stage.provider.reached.length).toBe(1);
  });

  test("passes again where the first failed upstream", async () => {
    await using stage = await openStage({ yaml });
    expect((await stage.ask({ ...large, plan: { status: 500 } })).told).toBe("500");
    await waitFor(async () => (await stage.ask(large)).told === "200" || undefined, "The failed one still counts");
    expect((await stage.ask(large)).told).toBe(refused);
  });

  test("doesn't pass beyond the bytes that are sampled", async () => {
    await using stage = await openStage({ yaml });
    expect((await stage.ask({ ...large, text: "x".repeat(20_001) })).told).toBe(refused);
    expect((await stage.ask({ ...large, text: "x".repeat(10_000) })).told).toBe("200");
  });

  test("doesn't pass in one scope because another is untouched", async () => {
    await using stage = await openStage({
      yaml: "limits: { global: { tokens_per_minute: 100 }, tokens_per_minute: 90 }",
    });
    expect((await stage.ask(small)).told).toBe("200");
    const other = await stage.mint();
    expect((await stage.ask({ ...large, token: other })).told).toBe(refused);
  });

  test("never passes where the operator doesn't want it", async () => {
    await using stage = await openStage({ yaml: "limits: { tokens_per_minute: 100, optimistic_first: false }" });
    for (let each = 0; each < 3; each += 1) expect((await stage.ask(large)).told).toBe(refused);
    expect((await stage.ask(small)).told).toBe("200");
  });

  test("takes a request of those that are bounded, too", async () => {
    await using stage = await openStage({ yaml: "limits: { tokens_per_minute: 100, requests_per_day: 2 }" });
    expect((await stage.ask(large)).told).toBe("200");
    stage.wait(62);
    expect((await stage.ask(large)).told).toBe("200");
    stage.wait(62);
    const { told, limit } = await stage.ask(small);
    expect([told, limit.metric, limit.window]).toEqual([refused, "requests", "day"]);
  });
});
