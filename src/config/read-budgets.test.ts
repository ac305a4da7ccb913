import { expect, test } from "bun:test";
import { readConfig } from "./read-config.ts";

function read(text: string, env: Readonly<Record<string, string>> = {}) {
  const result = readConfig({ env, files: { yaml: { path: "weir.yaml", text } } });
  return result.kind === "ok" ? result.config.budgets : result.faults;
}

test("without a word nobody's spending is bounded, and an unverifiable budget refuses", () => {
  expect(read("")).toEqual({ onFailure: "closed", users: {} });
});

test("users have budgets, and the others those of the star", () => {
  const text = `budgets:
  on_failure: open
  webhook_url: https://hooks.example.com/weir
  users:
    alice: [{ amount_usd: 25, period: month }, { amount_usd: "0.50", period: day, hard: false, warn_at: [90] }]
    "*": [{ amount_usd: 1.10, period: total, warn_at: [] }]`;
  expect(read(text, { BUDGET_WEBHOOK_SECRET: "s3cret" })).toEqual({
    onFailure: "open",
    webhook: { url: "https://hooks.example.com/weir", secret: "s3cret" },
    users: {
      alice: [
        { amountUsd: "25", period: "month", hard: true, warnAt: [50, 80, 100] },
        { amountUsd: "0.50", period: "day", hard: false, warnAt: [90] },
      ],
      "*": [{ amountUsd: "1.10", period: "total", hard: true, warnAt: [] }],
    },
  });
});

test.each([
  [
    "[{ amount_usd: 0, period: day }]",
    'users.a[0].amount_usd in weir.yaml must be dollars greater than 0, such as 25 or 0.50, not "0"',
  ],
  [
    "[{ amount_usd: 1e3, period: day }]",
    'users.a[0].amount_usd in weir.yaml must be dollars greater than 0, such as 25 or 0.50, not "1e3"',
  ],
  ["[{ amount_usd: 1, period: week }]", 'users.a[0].period in weir.yaml must be day, month or total, not "week"'],
  ["[{ amount_usd: 1, period: day, hard: maybe }]", 'users.a[0].hard in weir.yaml must be true or false, not "maybe"'],
  [
    "[{ amount_usd: 1, period: day, warn_at: [80, 50] }]",
    'users.a[0].warn_at in weir.yaml must be percentages from 1 to 100, ascending, such as [50, 80, 100], not ["80","50"]',
  ],
  [
    "[{ amount_usd: 1, period: day, warn_at: [101] }]",
    'users.a[0].warn_at in weir.yaml must be percentages from 1 to 100, ascending, such as [50, 80, 100], not ["101"]',
  ],
  [
    "[{ amount: 1, amount_usd: 1, period: day }]",
    'users.a[0] in weir.yaml must have no "amount"; it may have amount_usd, period, hard, warn_at',
  ],
  [
    "[{ amount_usd: 1, period: day }, { amount_usd: 2, period: day }]",
    "users.a in weir.yaml must have one budget for each period, and has two for day",
  ],
  ["25", 'users.a in weir.yaml must be a list of budgets, such as [{ amount_usd: 25, period: month }], not "25"'],
])("budgets of %s are a fault", (budgets, fault) => {
  expect(read(`budgets: { users: { a: ${budgets} } }`)).toEqual([`budgets.${fault}`]);
});
