import { Refusal } from "../domain/refusal.ts";
import type { Account } from "./spend-account.ts";

/** Refuses a call that a budget has no room for; it says whose budget that is, and never more of whom. */
export function refuseSpending({ key: { scope, period }, renews }: Account, now: number): Refusal {
  const spent = `of this ${scope} is spent, or what is left of it is too little for this request.`;
  const headers = { "x-budget-scope": scope, "x-budget-period": period };
  if (renews === undefined)
    return new Refusal("budget_exceeded", {
      message: `The total budget ${spent} It does not renew: ask for a larger one.`,
      headers,
    });
  return new Refusal("budget_exceeded", {
    message: `The budget for the ${period} ${spent} It renews at ${new Date(renews).toISOString().replace(".000Z", "Z")}: wait until then, or ask for a larger one.`,
    headers: { ...headers, "retry-after": String(Math.max(1, Math.ceil((renews - now) / 1000))) },
  });
}
