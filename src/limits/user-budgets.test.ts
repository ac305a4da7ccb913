import { expect, test } from "bun:test";
import type { Budget } from "../domain/budget.ts";
import { createUserBudgets } from "./user-budgets.ts";

const budgetsOf = (amountUsd: string): readonly Budget[] => [{ amountUsd, period: "day", hard: true, warnAt: [] }];

test("a user's own budgets come first, then those of the first pattern, then those of the star", () => {
  const find = createUserBudgets({
    "*": budgetsOf("1"),
    "al*": budgetsOf("2"),
    "a*": budgetsOf("3"),
    alice: budgetsOf("4"),
    "team/**": budgetsOf("5"),
    bob: [],
    "bo*": budgetsOf("6"),
  });
  const amountOf = (user: string) => find(user).map(({ amountUsd }) => amountUsd)[0];
  expect(["alice", "albert", "anna", "zoe", "team/a/b", "org/x", "boris"].map(amountOf)).toEqual([
    "4",
    "2",
    "3",
    "1",
    "5",
    "1",
    "6",
  ]);
  expect(find("bob")).toEqual([]);
});

test("whoever nothing is said of has no budget, whatever their name", () => {
  const find = createUserBudgets({ "al*": budgetsOf("2") });
  expect(["constructor", "__proto__", "bob"].map(find)).toEqual([[], [], []]);
});
