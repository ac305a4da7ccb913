import { expect, test } from "bun:test";
import type { Budget } from "../../domain/budget.ts";
import { checkUserBudgets } from "./check-user-budgets.ts";

const daily: readonly Budget[] = [{ amountUsd: "1", period: "day", hard: true, warnAt: [] }];

test("a budget of every user is told of where calls may name none", () => {
  const check = (
    users: Readonly<Record<string, readonly Budget[]>>,
    authMode: readonly ("open" | "gate" | "token")[],
  ) => checkUserBudgets({ budgets: { users }, gateway: { authMode } });
  expect(check({ "*": daily }, ["gate", "token"])).toMatchObject([
    { name: "budgets", state: "warn", message: expect.stringContaining("with AUTH_MODE gate a call") },
  ]);
  expect(check({ "*": daily }, ["open"])).toHaveLength(1);
  expect(check({ "*": daily }, ["token"])).toEqual([]);
  expect(check({ "*": [], alice: daily }, ["open"])).toEqual([]);
});
