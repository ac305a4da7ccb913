import type { Config } from "../../config/config.ts";
import type { Finding } from "./check.ts";

/** Tells of a budget for every user that whoever names no user goes around; a token's calls have a user where the token has one. */
export function checkUserBudgets({
  budgets,
  gateway,
}: {
  readonly budgets: Pick<Config["budgets"], "users">;
  readonly gateway: Pick<Config["gateway"], "authMode">;
}): readonly Finding[] {
  const ways = gateway.authMode.filter((way) => way !== "token");
  if (ways.length === 0 || (budgets.users["*"] ?? []).length === 0) return [];
  return [
    {
      name: "budgets",
      state: "warn",
      message: `budgets.users has a budget for "*", and with AUTH_MODE ${ways.join(",")} a call may name no user: then it has none`,
      advice:
        "Where users must be bounded, let in tokens alone (AUTH_MODE=token) that have a user or a budget of their own.",
    },
  ];
}
