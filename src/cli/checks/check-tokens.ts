import type { Config } from "../../config/config.ts";
import type { Storage } from "../../storage/database.ts";
import { formatNumberOf } from "../format.ts";
import type { Finding } from "./check.ts";

type Db = Storage["db"];

/** Tells of tokens that nobody needs, and of those that a budget for every user doesn't bound. */
export async function checkTokens(
  { db }: Pick<Storage, "db">,
  {
    budgets,
    gateway: { authMode },
  }: {
    readonly budgets: Pick<Config["budgets"], "users">;
    readonly gateway: Pick<Config["gateway"], "authMode">;
  },
): Promise<readonly Finding[]> {
  if (authMode.includes("open")) return checkNeed(await count(findActive(db)));
  if (!authMode.includes("token") || (budgets.users["*"] ?? []).length === 0) return [];
  return checkUsers(await count(findActive(db).where("user_id", "is", null).where("budgets", "is", null)));
}

function findActive(db: Db) {
  return db
    .selectFrom("tokens")
    .where("is_active", "=", 1)
    .where((table) => table.or([table("expires_at", "is", null), table("expires_at", ">", Date.now())]));
}

async function count(query: ReturnType<typeof findActive>): Promise<number> {
  const found = await query.select((table) => table.fn.countAll().as("count")).executeTakeFirst();
  return Number(found?.count ?? 0);
}

function checkNeed(tokens: number): readonly Finding[] {
  if (tokens === 0) return [];
  return [
    {
      name: "tokens",
      state: "warn",
      message: `AUTH_MODE is open, and there are ${formatNumberOf(tokens, "active token")}: calls without one pass too`,
      advice: "Set MANAGEMENT_TOKEN, or AUTH_MODE=token, so that calls need one.",
    },
  ];
}

function checkUsers(tokens: number): readonly Finding[] {
  if (tokens === 0) return [];
  return [
    {
      name: "budgets",
      state: "warn",
      message: `budgets.users has a budget for "*", and there are ${formatNumberOf(tokens, "active token")} with neither a user nor a budget: a call that names no user (X-User-Id) has none then`,
      advice: "Give each a user or a budget: weir manage token update <id> --user <id>, or --budget 5/day.",
    },
  ];
}
