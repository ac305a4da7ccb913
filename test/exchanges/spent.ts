import { expect } from "bun:test";
import { z } from "zod";
import { expectStatus } from "../control/control.ts";
import type { Made } from "./consumers.ts";
import type { Gateway } from "./gateway.ts";
import { costOf } from "./price-list.ts";
import { toNano } from "./proof.ts";

/** What a budget says was spent, and what it may say. Nano-dollars. */
export type Spending = {
  readonly budget: string;
  readonly spent: bigint;
  readonly least: bigint;
  readonly most: bigint;
};

/** What all budgets say: at least what calls cost that it had counted before a kill, and at most what the provider served. */
export async function readSpending(
  { control, provider }: Gateway,
  made: readonly Made[],
  counted: ReadonlySet<string>,
): Promise<readonly Spending[]> {
  const table = control.store.kind === "sqlite" ? "budget_spend" : "weir.budget_spend";
  const rows = await control.store.query(`SELECT scope, id, CAST(spent_nano AS TEXT) AS spent FROM ${table}`);
  return rows.map((row) => {
    const { scope, id, spent } = rowSchema.parse(row);
    const mine = made.filter((one) => idOf[scope](one) === id);
    const sum = (calls: readonly Made[]) =>
      calls.reduce((so, { call }) => {
        const served = provider.book.get(call);
        return so + (served === undefined ? 0n : costOf(served.model, served.counts));
      }, 0n);
    const least = sum(mine.filter(({ call }) => counted.has(call)));
    return { budget: `${scope} ${id}`, spent: BigInt(spent), least, most: sum(mine) };
  });
}

const rowSchema = z.object({ scope: z.enum(["project", "token", "user"]), id: z.string(), spent: z.string() });

const idOf = {
  project: ({ identity }: Made) => identity.project,
  token: ({ identity }: Made) => identity.tokenId,
  user: ({ user }: Made) => user,
} as const;

/** What the management API says that a project has spent. Nano-dollars. */
export async function readProjectSpent({ control }: Gateway, project: string): Promise<bigint> {
  const { json } = expectStatus(200, await control.manage("GET", `/manage/projects/${project}`));
  const [budget] = projectSchema.parse(json).budget;
  expect(budget).toBeDefined();
  return toNano(budget?.spent_usd ?? "");
}

const projectSchema = z.looseObject({ budget: z.array(z.looseObject({ spent_usd: z.string() })) });
