import { z } from "zod";

/** What the audit was told of a budget, in a few words. */
export type BudgetNews = { readonly about: string; readonly reason: string };

const told = z.object({
  scope: z.enum(["project", "token", "user"]),
  id: z.string(),
  period: z.enum(["day", "month", "total"]),
  amount_usd: z.string(),
  spent_usd: z.string(),
  warn_at: z.number().optional(),
});

/** Finds whose budget an entry is about and how it stands; `undefined` where it is about something else. */
export function findBudgetNews(action: string, after: unknown): BudgetNews | undefined {
  const read = action.startsWith("budget.") ? told.safeParse(after) : undefined;
  if (!read?.success) return undefined;
  const { scope, id, period, amount_usd: amount, spent_usd: spent, warn_at: percent } = read.data;
  const sum = `$${spent} of $${amount} ${period === "total" ? "in all" : `a ${period}`}`;
  return {
    about: scope === "user" ? `user ${id}` : id,
    reason: percent === undefined ? `refuses calls: ${sum}` : `${percent} %: ${sum}`,
  };
}
