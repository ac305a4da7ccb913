import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { waitFor } from "../weir.ts";
import { askAtOnce, askInTurn, type Asked, families } from "./ask.ts";
import { openStage, type Stage } from "./stage.ts";

const spent = "402 budget_exceeded";
const budget = (amount: string, more: object = {}) => ({
  budget: [{ amount_usd: amount, period: "day", hard: true, ...more }],
});

/** A call of GPT-4o, whose answer costs 10 USD a million: room for so many mills (thousandths of a USD), and what it really took. */
const costing = (mills: number, real = mills, more: Asked = {}): Asked => ({
  text: "H",
  maxTokens: mills * 100,
  ...more,
  plan: { input: 0, output: real * 100, ...more.plan },
});

/** Waits until a call passes: what was reserved gives way to what was taken a moment after the answer. */
async function expectRoom(stage: Stage, asked: Asked): Promise<void> {
  await waitFor(async () => (await stage.ask(asked)).told === "200" || undefined, "There is no room for it");
}

/** Waits until there is no room for a call because of what was really taken, which is told by the time to wait. */
async function expectSpent(stage: Stage, asked: Asked): Promise<void> {
  const isSpent = async () => ((await stage.ask(asked)).limit.retryAfter ?? 0) > 60;
  await waitFor(isSpent, "It isn't settled");
}

describe("a hard budget", () => {
  for (const family of families)
    test(`that is spent is 402 in the shape of ${family}, with the time at which it renews`, async () => {
      await using stage = await openStage({ at: "2026-05-14T21:00:00Z" });
      const token = await stage.mint({}, budget("0.01"));
      expect((await stage.ask({ ...costing(9), token })).told).toBe("200");
      const { told, text, headers, limit } = await stage.ask({ ...costing(9), token, family });
      expect(told).toBe(spent);
      const code = { openai: spent.slice(4), anthropic: "billing_error", gemini: spent.slice(4) }[family];
      expect(text).toContain(`"${code}"`);
      expect(Object.keys(z.looseObject({ error: z.looseObject({}) }).parse(JSON.parse(text)))).toContain("error");
      const said = `${text} ${JSON.stringify(Object.fromEntries(headers))}`;
      const inThreeHours = limit.retryAfter !== undefined && Math.abs(limit.retryAfter - 3 * 3600) <= 1;
      expect(inThreeHours || said.includes("2026-05-15T00:00:00")).toBe(true);
      expect((await stage.ask({ ...costing(0.5), token })).told).toBe("200");
      expect(stage.provider.reached.length).toBe(2);
    });

  test("reserves what a call may cost and settles what it did", async () => {
    await using stage = await openStage();
    const token = await stage.mint({}, budget("0.01"));
    const held = stage.ask({ ...costing(8, 1, { plan: { hold: "a" } }), token });
    await waitFor(() => stage.provider.reached.length > 0 || undefined, "It does not arrive");
    expect((await stage.ask({ ...costing(5), token })).told).toBe(spent);
    stage.provider.release("a");
    expect((await held).told).toBe("200");
    await expectRoom(stage, { ...costing(8), token });
    expect((await stage.ask({ ...costing(2), token })).told).toBe(spent);
  });

  test("that is only reserved is 402 for a moment: what doesn't spend it gives it back", async () => {
    await using stage = await openStage({ at: "2026-05-14T12:00:00Z" });
    const token = await stage.mint({}, budget("0.01"));
    const held = stage.ask({ ...costing(8, 1, { plan: { hold: "a" } }), token });
    await waitFor(() => stage.provider.reached.length > 0 || undefined, "It does not arrive");
    const { told, text, limit } = await stage.ask({ ...costing(5), token });
    expect(told).toBe(spent);
    expect(limit.retryAfter).toBeGreaterThanOrEqual(1);
    expect(limit.retryAfter).toBeLessThanOrEqual(5);
    expect(text).toContain("reserved");
    expect(text).not.toContain("is spent");
    stage.provider.release("a");
    await held;
    // What is really left doesn't come back before midnight.
    await waitFor(
      async () => (await stage.ask({ ...costing(9.5), token })).limit.retryAfter === 43_200 || undefined,
      "It isn't settled",
    );
  });

  test("that one answer overshot is closed for all that follow", async () => {
    await using stage = await openStage();
    const token = await stage.mint({}, budget("0.01"));
    expect((await stage.ask({ ...costing(1, 30), token })).told).toBe("200");
    await waitFor(
      async () => (await stage.ask({ ...costing(0.01), token })).told === spent || undefined,
      "It isn't spent",
    );
  });

  test("counts what a stream took, and what came of one that was left", async () => {
    await using stage = await openStage();
    const token = await stage.mint({}, budget("0.01"));
    expect((await stage.ask({ ...costing(9, 4, { stream: true }), token })).told).toBe("200");
    await expectRoom(stage, { ...costing(5, 0.5), token });
    const leaving = new AbortController();
    const asked = costing(5, 5, { stream: true, signal: leaving.signal, plan: { hold: "never" } });
    // Of what is only reserved there would be room for so much.
    await expectSpent(stage, { ...costing(5.8, 0), token });
    const call = stage.ask({ ...asked, token }).catch(() => "left");
    await waitFor(() => stage.provider.reached.length > 2 || undefined, "It does not arrive");
    expect((await stage.ask({ ...costing(5), token })).told).toBe(spent);
    await Bun.sleep(50);
    leaving.abort();
    expect(await call).toBe("left");
    await expectRoom(stage, { ...costing(5, 0.01), token });
  }, 30_000);

  for (const [what, plan] of Object.entries({
    "an answer of no tokens": { input: 0, output: 0 },
    "a 400": { status: 400 },
    "a 429 of the upstream": { status: 429 },
  }))
    test(`is given back what was reserved for ${what}`, async () => {
      await using stage = await openStage();
      const token = await stage.mint({}, budget("0.01"));
      for (const family of families) {
        await stage.ask({ family, text: "H", maxTokens: 300, plan, token });
        await expectRoom(stage, { ...costing(9.5, 0.01), token });
        await Bun.sleep(100);
      }
    }, 30_000);

  test("isn't touched by a call that failed upstream or was refused", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 4 }" });
    const token = await stage.mint({ max_requests: 4 }, budget("0.01"));
    for (let each = 0; each < 6; each += 1) await stage.ask({ ...costing(9, 0, { plan: { status: 503 } }), token });
    const other = await stage.mint({ max_requests: 2 }, budget("0.01"));
    // Calls that the budget refuses take nothing of the minute and of the quota.
    expect(new Set(await askInTurn(9, () => stage.ask({ ...costing(11), token: other })))).toEqual(new Set([spent]));
    expect((await stage.ask({ ...costing(9), token: other })).told).toBe("200");
    expect((await stage.ask({ ...costing(9), token: other })).told).toBe(spent);
    expect((await stage.ask({ ...costing(0.1), token: other })).told).toBe("200");
  });

  test("stops a crowd in time: what is spent is never more than the amount", async () => {
    await using stage = await openStage();
    const token = await stage.mint({}, budget("0.01"));
    const told = await askAtOnce(100, () => stage.ask({ ...costing(1.9), token }));
    expect(told).toEqual({ "200": 5, [spent]: 95 });
  }, 30_000);

  test("learns what a model's answers cost where a call doesn't say", async () => {
    await using stage = await openStage();
    const token = await stage.mint({}, budget("0.02"));
    const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Hi" }] });
    const asked: Asked = { token, body, plan: { input: 0, output: 500 } };
    expect((await stage.ask(asked)).told).toBe("200");
    await expectSpent(stage, { ...costing(16, 0), token });
    const told = await askAtOnce(40, () => stage.ask(asked));
    expect(told["200"]).toBeGreaterThanOrEqual(1);
    expect(told["200"]).toBeLessThanOrEqual(4);
  }, 30_000);
});

describe("a budget begins anew", () => {
  for (const [period, last, next] of [
    ["day", "2026-05-14T23:59:59Z", "2026-05-15T00:00:00Z"],
    ["month", "2026-05-31T23:59:59Z", "2026-06-01T00:00:00Z"],
  ] as const)
    test(`with the ${period} of UTC, and not before`, async () => {
      await using stage = await openStage({ at: "2026-05-14T10:00:00Z" });
      const token = await stage.mint({}, budget("0.01", { period }));
      const asked = { ...costing(9), token };
      expect((await stage.ask(asked)).told).toBe("200");
      expect((await stage.ask(asked)).told).toBe(spent);
      stage.set(last);
      expect((await stage.ask(asked)).told).toBe(spent);
      stage.set(next);
      expect(await askInTurn(2, () => stage.ask(asked))).toEqual(["200", spent]);
    });

  test("never, where it is for all time", async () => {
    await using stage = await openStage({ at: "2026-05-14T10:00:00Z" });
    const token = await stage.mint({}, budget("0.01", { period: "total" }));
    const asked = { ...costing(9), token };
    expect((await stage.ask(asked)).told).toBe("200");
    stage.set("2027-05-14T10:00:00Z");
    expect((await stage.ask(asked)).told).toBe(spent);
  });

  test("and a call under way at midnight is paid by the day in which it began", async () => {
    await using stage = await openStage({ at: "2026-05-14T23:59:00Z" });
    const token = await stage.mint({}, budget("0.01"));
    const held = stage.ask({ ...costing(9, 9, { plan: { hold: "a" } }), token });
    await waitFor(() => stage.provider.reached.length > 0 || undefined, "It does not arrive");
    stage.set("2026-05-15T00:00:30Z");
    expect((await stage.ask({ ...costing(4), token })).told).toBe("200");
    stage.provider.release("a");
    await held;
    await Bun.sleep(100);
    expect((await stage.ask({ ...costing(5), token })).told).toBe("200");
  });

  test("and is still spent after a restart", async () => {
    await using stage = await openStage();
    const token = await stage.mint({}, budget("0.01", { period: "month" }));
    expect((await stage.ask({ ...costing(9, 6), token })).told).toBe("200");
    await stage.reopen();
    expect((await stage.ask({ ...costing(5), token })).told).toBe(spent);
    expect((await stage.ask({ ...costing(3.5), token })).told).toBe("200");
  });
});

test("a soft budget stops nobody, and two budgets stop where the first is spent", async () => {
  await using stage = await openStage();
  const soft = await stage.mint({}, budget("0.001", { hard: false }));
  expect(new Set(await askInTurn(5, () => stage.ask({ ...costing(5), token: soft })))).toEqual(new Set(["200"]));
  const both = { budget: [...budget("0.01").budget, ...budget("0.015", { period: "month" }).budget] };
  const token = await stage.mint({}, both);
  expect(await askInTurn(2, () => stage.ask({ ...costing(9), token }))).toEqual(["200", spent]);
  stage.wait(86_400);
  expect((await stage.ask({ ...costing(7), token })).told).toBe(spent);
  expect((await stage.ask({ ...costing(5), token })).told).toBe("200");
});

test("a project's budget is that of all its tokens, a token's its own, and both must have room", async () => {
  await using stage = await openStage();
  const project = await stage.createProject(budget("0.02"));
  const mint = async (more: object = {}) => (await stage.createToken(project.id, more)).token;
  const [small, free] = [await mint(budget("0.005")), await mint()];
  expect((await stage.ask({ ...costing(4), token: small })).told).toBe("200");
  expect((await stage.ask({ ...costing(4), token: small })).told).toBe(spent);
  expect((await stage.ask({ ...costing(15), token: free })).told).toBe("200");
  expect((await stage.ask({ ...costing(4), token: free })).told).toBe(spent);
  expect((await stage.ask({ ...costing(0.5), token: small })).told).toBe("200");
  expect((await stage.ask({ ...costing(9) })).told).toBe("200");
});
