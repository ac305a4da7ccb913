import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { faultOf } from "../storage.ts";
import { waitFor } from "../weir.ts";
import { askInTurn, type Asked } from "./ask.ts";
import { openStage, type Stage } from "./stage.ts";

const spent = "402 budget_exceeded";
const costing = (mills: number): Asked => ({
  text: "H",
  maxTokens: mills * 100,
  plan: { input: 0, output: mills * 100 },
});
const hard = (amount: string, more: object = {}) => ({ amount_usd: amount, period: "day", hard: true, ...more });

test("budgets are shown as they were given, changed within a second, and taken away again", async () => {
  await using stage = await openStage();
  const budgets = [hard("25.00", { warn_at: [50, 80, 100] }), hard("100", { period: "month", warn_at: [90] })];
  const project = await stage.createProject({ budget: budgets });
  expect(await stage.manage("GET", `/manage/projects/${project.id}`)).toMatchObject({ budget: budgets });
  const { id, token } = await stage.createToken(project.id, { budget: [hard("0.01")] });
  expect(await askInTurn(2, () => stage.ask({ ...costing(9), token }))).toEqual(["200", spent]);
  await stage.manage("PATCH", `/manage/tokens/${id}`, { budget: [hard("0.02")] });
  const told = async (wanted: string, mills: number) =>
    waitFor(
      async () => (await stage.ask({ ...costing(mills), token })).told === wanted || undefined,
      `It isn't ${wanted}`,
    );
  await told("200", 9);
  await told(spent, 9);
  await stage.manage("PATCH", `/manage/tokens/${id}`, { budget: null });
  await told("200", 9);
});

test("budgets that mean nothing are refused by name", async () => {
  await using stage = await openStage();
  for (const wrong of [
    hard("-1"),
    hard("abc"),
    hard("10", { period: "week" }),
    hard("10", { warn_at: ["50"] }),
    { period: "day" },
    hard("10", { limit: 1 }),
  ])
    expect(await faultOf(stage.createProject({ budget: [wrong] }))).toMatch(
      /is 400.*(budget|amount_usd|period|warn_at)/,
    );
});

describe("a threshold", () => {
  /** What the audit says of budgets. */
  const listWarnings = async (stage: Stage): Promise<readonly string[]> => {
    const answer = await stage.manage("GET", "/manage/audit?action=budget.warning&limit=100");
    return z
      .object({ audit: z.array(z.looseObject({ action: z.string() })) })
      .parse(answer)
      .audit.map((entry) => JSON.stringify(entry));
  };

  test("is told once in a period to the audit, whatever follows, and again in the next", async () => {
    await using stage = await openStage({ at: "2026-05-14T10:00:00Z" });
    const token = await stage.mint({}, { budget: [hard("0.01", { hard: false, warn_at: [50, 80, 100] })] });
    const ask = () => stage.ask({ ...costing(3), token });
    const warned = (count: number) =>
      waitFor(async () => (await listWarnings(stage)).length === count || undefined, `There are not ${count}`);
    await ask();
    await Bun.sleep(700);
    expect(await listWarnings(stage)).toEqual([]);
    await ask();
    await warned(1);
    expect((await listWarnings(stage))[0]).toContain("50");
    await ask();
    await warned(2);
    await askInTurn(6, ask);
    await warned(3);
    await Bun.sleep(700);
    await warned(3);
    stage.set("2026-05-15T10:00:00Z");
    await askInTurn(2, ask);
    await warned(4);
  }, 30_000);

  test("is told by a hard budget too, and by parallel calls not twice", async () => {
    await using stage = await openStage();
    const token = await stage.mint({}, { budget: [hard("0.01", { warn_at: [50, 80] })] });
    await Promise.all(Array.from({ length: 40 }, () => stage.ask({ ...costing(0.9), token })));
    await waitFor(async () => (await listWarnings(stage)).length >= 2 || undefined, "They are not told");
    await Bun.sleep(700);
    expect((await listWarnings(stage)).length).toBe(2);
  }, 30_000);
});
