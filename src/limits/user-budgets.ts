import type { Budget } from "../domain/budget.ts";

/** Finds a user's budgets: their own, or those of `*`. */
export function createUserBudgets(
  users: Readonly<Record<string, readonly Budget[]>>,
): (user: string) => readonly Budget[] {
  // A user may be called as an object's own members are.
  const known = new Map(Object.entries(users));
  const others = known.get("*") ?? [];
  return (user) => known.get(user) ?? others;
}
