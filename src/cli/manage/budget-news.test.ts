import { expect, test } from "bun:test";
import { z } from "zod";
import { auditBudgetEvent } from "../../limits/budget-event.ts";
import { findBudgetNews } from "./budget-news.ts";

const { action, after } = auditBudgetEvent({
  scope: "user",
  id: "alice",
  period: "month",
  starts: Date.parse("2026-03-01T00:00:00Z"),
  renews: Date.parse("2026-04-01T00:00:00Z"),
  what: { kind: "warning", percent: 80 },
  amountUsd: "25",
  spentNanoUsd: "20500000000",
  at: Date.parse("2026-03-09T12:00:00Z"),
});

test("an entry of a budget says whose it is, how much and of what", () => {
  expect(findBudgetNews(action, after)).toEqual({ about: "user alice", reason: "80 %: $20.5 of $25 a month" });
  expect(findBudgetNews(action, { ...after, scope: "token", id: "t-1", period: "total" })).toEqual({
    about: "t-1",
    reason: "80 %: $20.5 of $25 in all",
  });
});

test("an exhausted budget has no percentage", () => {
  const { warn_at: _, ...exhausted } = z.looseObject({ warn_at: z.number() }).parse(after);
  expect(findBudgetNews("budget.exhausted", exhausted)?.reason).toBe("refuses calls: $20.5 of $25 a month");
});

test("other entries and those that can't be read say nothing of budgets", () => {
  expect(findBudgetNews("project.update", after)).toBeUndefined();
  expect(findBudgetNews(action, null)).toBeUndefined();
});
