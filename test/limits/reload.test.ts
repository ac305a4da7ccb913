import { expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import { askInTurn, type Asked } from "./ask.ts";
import { openStage } from "./stage.ts";

const limited = "429 rate_limit_exceeded";

test("a changed configuration holds at once, and nothing that was counted is forgotten", async () => {
  await using stage = await openStage({ yaml: "limits: { requests_per_minute: 5 }" });
  expect(await askInTurn(4, () => stage.ask())).toEqual(["200", "200", "200", "200"]);
  await stage.reload({ yaml: "limits: { requests_per_minute: 6 }" });
  expect(await askInTurn(3, () => stage.ask())).toEqual(["200", "200", limited]);
  await stage.reload({ yaml: "limits: { requests_per_minute: 2 }" });
  const { told, limit } = await stage.ask();
  expect([told, limit.limit, limit.remaining]).toEqual([limited, 2, 0]);
  await stage.reload({ yaml: "" });
  expect((await stage.ask()).limit.limit).toBeUndefined();
});

test("what was reserved under a former configuration is settled and given back under the next", async () => {
  const yaml = "limits: { concurrent: 1, tokens_per_minute: 1000, optimistic_first: false }";
  await using stage = await openStage({ yaml });
  const asked: Asked = { text: "H", maxTokens: 899 };
  const held = stage.ask({ ...asked, plan: { input: 1, output: 9, hold: "a" } });
  await waitFor(() => stage.provider.reached.length > 0 || undefined, "It does not arrive");
  await stage.reload({ yaml });
  expect((await stage.ask(asked)).status).toBe(429);
  stage.provider.release("a");
  expect((await held).told).toBe("200");
  await waitFor(async () => (await stage.ask(asked)).told === "200" || undefined, "It stays reserved");
});

test("a budget's spending outlives a changed configuration", async () => {
  await using stage = await openStage();
  const token = await stage.mint({}, { budget: [{ amount_usd: "0.01", period: "day", hard: true }] });
  const asked: Asked = { token, text: "H", maxTokens: 900, plan: { input: 0, output: 900 } };
  const held = stage.ask({ ...asked, plan: { ...asked.plan, hold: "a" } });
  await waitFor(() => stage.provider.reached.length > 0 || undefined, "It does not arrive");
  await stage.reload({ yaml: "limits: { requests_per_minute: 100 }" });
  expect((await stage.ask(asked)).told).toBe("402 budget_exceeded");
  stage.provider.release("a");
  await held;
  await Bun.sleep(200);
  expect((await stage.ask(asked)).told).toBe("402 budget_exceeded");
});
