import { Refusal } from "../domain/refusal.ts";
import { type Account, isSpent } from "./spend-account.ts";

/** Whoever comes again after so long often finds what others had reserved. Seconds. */
const reservedForSeconds = 2;

/** Refuses a call that a budget has no room for; it says whose budget that is, and never more of whom. */
export function refuseSpending(account: Account, need: number, now: number): Refusal {
  const { scope, period } = account.key;
  const renewsIn = account.renews === undefined ? undefined : Math.max(1, Math.ceil((account.renews - now) / 1000));
  const spent = isSpent(account, need);
  const retryAfter = spent ? renewsIn : Math.min(reservedForSeconds, renewsIn ?? reservedForSeconds);
  return new Refusal("budget_exceeded", {
    message: spent ? describeSpent(account) : describeReserved(account),
    headers: {
      "x-budget-scope": scope,
      "x-budget-period": period,
      ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
    },
  });
}

function describeSpent({ key: { scope, period }, renews }: Account): string {
  const spent = `of this ${scope} is spent, or what is left of it is too little for this request.`;
  if (renews === undefined) return `The total budget ${spent} It does not renew: ask for a larger one.`;
  const at = new Date(renews).toISOString().replace(".000Z", "Z");
  return `The budget for the ${period} ${spent} It renews at ${at}: wait until then, or ask for a larger one.`;
}

function describeReserved({ key: { scope, period } }: Account): string {
  const budget = period === "total" ? "total budget" : `budget for the ${period}`;
  return `What is left of the ${budget} of this ${scope} is reserved for other requests that are under way. Send this one again in a moment: what they don't spend is free again.`;
}
