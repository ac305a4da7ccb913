import type { Budget } from "../domain/budget.ts";
import { compileGlobs } from "../lib/glob.ts";

/** Finds a user's budgets: their own, else those of the first pattern that matches, else those of `*`, which is everybody. */
export function createUserBudgets(
  users: Readonly<Record<string, readonly Budget[]>>,
): (user: string) => readonly Budget[] {
  // A user may be called as an object's own members are.
  const known = new Map(Object.entries(users));
  const patterns = [...known]
    .filter(([name]) => name !== "*" && name.includes("*"))
    .map(([name, budgets]) => ({ budgets, ...compileGlobs([name]) }));
  const others = known.get("*") ?? [];
  return (user) => known.get(user) ?? patterns.find(({ matches }) => matches(user))?.budgets ?? others;
}
