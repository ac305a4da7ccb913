import { expect } from "bun:test";
import { z } from "zod";
import { openExchangeLog } from "../../src/storage/exchange-log.ts";
import { expectStatus, managementToken } from "../control/control.ts";
import { runWeir } from "../weir.ts";
import type { Served } from "./book-provider.ts";
import type { Made } from "./consumers.ts";
import type { Gateway } from "./gateway.ts";
import { buckets, costOf } from "./price-list.ts";
import { type Entry, type FigureName, figureNames, type KeyName, keyNames, sumBy, toFigures } from "./sums.ts";

/** An exchange as the log has it. */
type Logged = Entry & { readonly id: string; readonly call: string | null };

/** How many calls there were, by what became of them. */
export type Report = {
  readonly complete: number;
  /** Whose consumer never got the last byte: recorded in full, in part, or not at all. */
  readonly cut: { readonly whole: number; readonly less: number; readonly absent: number };
  /** Of those that are complete: their records were given up by an outbox that had no room. */
  readonly dropped: number;
};

/**
 * Proves that the log holds what the book says, each complete call once, and that all sums are the sums of it. Of complete
 * calls just as many may be missing as an outbox has counted as dropped.
 */
export async function proveTruth(gateway: Gateway, made: readonly Made[], dropped = 0): Promise<Report> {
  const rows = await readRows(gateway);
  const byCall = Map.groupBy(rows, ({ call }) => call);
  const expected: Entry[] = [];
  const missing: string[] = [];
  const cut = { whole: 0, less: 0, absent: 0 };
  for (const one of made) {
    const { call, got } = one;
    const served = gateway.provider.book.get(call);
    const [row, ...more] = byCall.get(call) ?? [];
    if (row === undefined) {
      if (got === undefined) cut.absent += 1;
      else missing.push(call);
      continue;
    }
    const truth = toEntry(one, row.id, served);
    const isEqual = writeEntry(row) === writeEntry(truth);
    if (got !== undefined)
      expect({ call, rows: 1 + more.length, id: row.id, is: writeEntry(row), finished: served?.finished }).toEqual({
        call,
        rows: 1,
        id: got.exchange,
        is: writeEntry(truth),
        finished: true,
      });
    else {
      expect([call, more.length, isEqual || isWithin(row, truth)]).toEqual([call, 0, true]);
      cut[isEqual ? "whole" : "less"] += 1;
    }
    expected.push(isEqual ? truth : row);
  }
  expect(missing.length, `these are missing: ${missing.slice(0, 5).join()}`).toBe(dropped);
  // Nothing else is there.
  expect(rows).toHaveLength(expected.length);
  await proveSums(gateway, expected);
  return { complete: made.filter(({ got }) => got !== undefined).length, cut, dropped };
}

function writeEntry(entry: Entry): string {
  return sumBy(keyNames, [entry]).join();
}

function isWithin(row: Entry, truth: Entry): boolean {
  return figureNames.every((name) => (row.figures.get(name) ?? 0n) <= (truth.figures.get(name) ?? 0n));
}

/** Proves that sums, by whatever they are asked for and wherever, are those of these exchanges. */
async function proveSums(gateway: Gateway, expected: readonly Entry[]): Promise<void> {
  const compare = (
    what: string,
    names: readonly KeyName[],
    entries: Iterable<Entry>,
    figures?: readonly FigureName[],
  ) => expect({ [what]: sumBy(names, entries, figures) }).toEqual({ [what]: sumBy(names, expected, figures) });
  compare("rows", keyNames, await readRows(gateway));
  const sums = await readSums(gateway);
  compare("usage_sums", keyNames, sums.entries);
  expect(sums.counted).toBe(expected.length);
  for (const names of [[], ...keyNames.map((name) => [name]), ["project", "model"], keyNames] as const)
    compare(`/manage/usage by ${names.join()}`, names, await askUsage(gateway, names));
  compare("/manage/exchanges", keyNames, await listExchanges(gateway), ["requests", "unpriced", "cost"]);
  expect(await sumTokens(gateway)).toEqual(tokensOf(expected));
  const names = ["project", "model", "day", "user"] as const;
  compare("weir manage usage", names, await runUsage(gateway, names));
}

/** What a call was, by the book. */
function toEntry({ identity, user, call }: Made, exchange: string, served: Served | undefined): Entry {
  if (served === undefined) throw new Error(`${call} isn't in the book`);
  const { model, api, status, counts } = served;
  return {
    keys: {
      project: identity.project,
      token: identity.tokenId,
      model,
      provider: api,
      user,
      status: String(status),
      day: dayOf(exchange),
    },
    figures: toFigures((name) => {
      switch (name) {
        case "requests":
          return 1;
        case "errors":
          return status >= 400 ? 1 : 0;
        case "unpriced":
          return 0;
        case "cost":
          return costOf(model, counts);
        default:
          return counts[name];
      }
    }),
  };
}

/** An id begins with the time of its exchange's arrival, in milliseconds. */
function dayOf(exchange: string): string {
  return new Date(Number.parseInt(exchange.replaceAll("-", "").slice(0, 12), 16)).toISOString().slice(0, 10);
}

const factsSchema = z.looseObject({
  outcome: z.string(),
  unpriced: z.boolean().optional(),
  usage: z.record(z.string(), z.unknown()),
  cost_nano_usd: z.string().optional(),
});

async function readRows({ log }: Gateway): Promise<readonly Logged[]> {
  await using storage = await openExchangeLog(log, () => {}, { readOnly: true });
  const rows = await storage.db.selectFrom("exchanges").selectAll().execute();
  return rows.map((row) => {
    const facts = factsSchema.parse(JSON.parse(row.facts));
    const cost = BigInt(facts.cost_nano_usd ?? 0);
    expect([row.id, BigInt(row.cost_nano_usd ?? 0)]).toEqual([row.id, cost]);
    return {
      id: row.id,
      call: row.session_id,
      keys: {
        project: row.project_id,
        token: row.token_id,
        model: row.model,
        provider: row.provider,
        user: row.user_id,
        status: String(row.status),
        day: dayOf(row.id),
      },
      figures: toFigures((name) => {
        switch (name) {
          case "requests":
            return 1;
          case "errors":
            return facts.outcome === "answered" && (row.status ?? 0) < 400 ? 0 : 1;
          case "unpriced":
            return row.unpriced;
          case "cost":
            return cost;
          default:
            return facts.usage[name];
        }
      }),
    };
  });
}

/** The roll-ups as they lie in the database, and how many exchanges were counted. */
async function readSums({ log }: Gateway) {
  await using storage = await openExchangeLog(log, () => {}, { readOnly: true });
  const rows = await storage.db.selectFrom("usage_sums").selectAll().execute();
  const counted = await storage.db.selectFrom("counted_exchanges").select("id").execute();
  const entries = rows.map((row): Entry => ({
    keys: {
      project: row.project_id || null,
      token: row.token_id || null,
      model: row.model || null,
      provider: row.provider || null,
      user: row.user_id || null,
      status: String(row.status),
      day: new Date(row.hour).toISOString().slice(0, 10),
    },
    figures: toFigures((name) => row[name === "cost" ? "cost_nano_usd" : name]),
  }));
  return { entries, counted: counted.length };
}

const text = z.string().nullable().optional();
const usageSchema = z.looseObject({
  usage: z.array(
    z.looseObject({
      project_id: text,
      token_id: text,
      model: text,
      provider: text,
      user: text,
      status: z.number().optional(),
      day: z.string().optional(),
      requests: z.number(),
      errors: z.number(),
      unpriced: z.number(),
      usage: z.record(z.string(), z.number()),
      cost_usd: z.string(),
      cost_nano_usd: z.string(),
    }),
  ),
});

async function askUsage({ control }: Gateway, names: readonly KeyName[]): Promise<readonly Entry[]> {
  const path = names.length === 0 ? "/manage/usage" : `/manage/usage?group_by=${names.join()}`;
  return readUsage(expectStatus(200, await control.manage("GET", path)).json);
}

/** The same from the command line. */
async function runUsage(gateway: Gateway, names: readonly KeyName[]): Promise<readonly Entry[]> {
  const { code, stdout, stderr } = await runWeir({
    args: ["manage", "usage", "--by", names.join(), "--json"],
    env: { MANAGEMENT_API_BASE_URL: gateway.url(), MANAGEMENT_TOKEN: managementToken },
  });
  expect([code, stderr]).toEqual([0, ""]);
  return readUsage(JSON.parse(stdout));
}

function readUsage(answer: unknown): readonly Entry[] {
  return usageSchema.parse(answer).usage.map((group) => {
    expect(toNano(group.cost_usd)).toBe(BigInt(group.cost_nano_usd));
    return {
      keys: {
        project: group.project_id ?? null,
        token: group.token_id ?? null,
        model: group.model ?? null,
        provider: group.provider ?? null,
        user: group.user ?? null,
        status: String(group.status),
        ...(group.day === undefined ? {} : { day: group.day }),
      },
      figures: toFigures((name) => {
        switch (name) {
          case "requests":
          case "errors":
          case "unpriced":
            return group[name];
          case "cost":
            return group.cost_nano_usd;
          default:
            return group.usage[name];
        }
      }),
    };
  });
}

/** Dollars in decimal text. */
export function toNano(usd: string): bigint {
  const [whole = "", decimals = ""] = usd.split(".");
  return BigInt(whole + decimals.padEnd(9, "0"));
}

const listSchema = z.looseObject({
  exchanges: z.array(
    z.looseObject({
      id: z.string(),
      project_id: text,
      token_id: text,
      model: text,
      provider: text,
      user: text,
      status: z.number().nullable(),
      started_at: z.string(),
      unpriced: z.boolean(),
      input_tokens: z.number(),
      output_tokens: z.number(),
      cost_nano_usd: z.string().nullable(),
    }),
  ),
  next_cursor: z.string().nullable(),
});

/** All pages, as small as makes them many. */
async function readPages({ control }: Gateway) {
  const all: z.infer<typeof listSchema>["exchanges"] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const path: string = `/manage/exchanges?limit=97${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
    const page = listSchema.parse(expectStatus(200, await control.manage("GET", path)).json);
    all.push(...page.exchanges);
    cursor = page.next_cursor;
  }
  return all;
}

async function listExchanges(gateway: Gateway): Promise<readonly Entry[]> {
  const all = await readPages(gateway);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  return all.map((one) => ({
    keys: {
      project: one.project_id ?? null,
      token: one.token_id ?? null,
      model: one.model ?? null,
      provider: one.provider ?? null,
      user: one.user ?? null,
      status: String(one.status),
      day: one.started_at.slice(0, 10),
    },
    figures: toFigures((name) => {
      if (name === "requests") return 1;
      if (name === "cost") return one.cost_nano_usd;
      return name === "unpriced" && one.unpriced ? 1 : 0;
    }),
  }));
}

/** Its pages don't tell buckets. */
async function sumTokens(gateway: Gateway): Promise<Tokens> {
  const all = await readPages(gateway);
  return {
    input: all.reduce((sum, { input_tokens: input }) => sum + BigInt(input), 0n),
    output: all.reduce((sum, { output_tokens: output }) => sum + BigInt(output), 0n),
  };
}

type Tokens = { readonly input: bigint; readonly output: bigint };

function tokensOf(entries: readonly Entry[]): Tokens {
  const sum = (side: keyof Tokens) =>
    entries.reduce(
      (total, { figures }) =>
        buckets
          .filter((bucket) => bucket.startsWith(side))
          .reduce((so, bucket) => so + (figures.get(bucket) ?? 0n), total),
      0n,
    );
  return { input: sum("input"), output: sum("output") };
}
