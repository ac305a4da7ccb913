import { expect, test } from "bun:test";
import fc from "fast-check";
import type { StoreKind } from "../control/store.ts";
import { needs } from "../needs.ts";
import { findPostgres, whatPostgresNeeds } from "../postgres.ts";
import { waitFor } from "../weir.ts";
import { callSome, countCalls, type Made, startConsumers } from "./consumers.ts";
import { forgetDeliveries, type Gateway, openGateway, readDelivered } from "./gateway.ts";
import { proveTruth } from "./proof.ts";
import { readProjectSpent, readSpending, type Spending } from "./spent.ts";

/** `WEIR_KILLS=50` is a long form. */
const kills = Number(process.env["WEIR_KILLS"] ?? 5);
const onPostgres = needs(whatPostgresNeeds, findPostgres());
const promise = `through ${kills} times kill -9 and deliveries over again, the log, all sums and budgets say what was served`;
const limitMs = 120_000 + kills * 20_000;

test(`on SQLite, ${promise}`, () => proveThroughKills({ kind: "sqlite" }), limitMs);
onPostgres(`on PostgreSQL, ${promise}`, () => proveThroughKills({ kind: "postgres" }), limitMs);
onPostgres(
  `with two processes on PostgreSQL, ${promise}`,
  () => proveThroughKills({ kind: "postgres", workers: 2 }),
  limitMs,
);

async function proveThroughKills(options: { readonly kind: StoreKind; readonly workers?: number }): Promise<void> {
  await using gateway = await openGateway(options);
  const { identities } = gateway;
  const numbers = countCalls();
  const made: Made[] = [];
  /** Calls that their budgets have counted; no kill may take them out again. */
  const counted = new Set<string>();
  let deliveredAgain = 0;
  const delays = fc.sample(fc.integer({ min: 50, max: 900 }), { numRuns: kills, seed: 17 });
  for (const [round, delay] of delays.entries()) {
    made.push(...(await callUntilCounted(gateway, numbers, counted)));
    const consumers = startConsumers({ url: gateway.url(), identities, numbers });
    await Bun.sleep(delay);
    // The last time it is all of them, so that everything is delivered once more.
    if (options.workers !== undefined && (kills - round) % 2 === 0) {
      await gateway.killOne(round);
      made.push(...(await consumers.stop()));
      continue;
    }
    await gateway.kill();
    made.push(...(await consumers.stop()));
    for (const outbox of gateway.outboxes) deliveredAgain += forgetDeliveries(outbox);
    await gateway.restart();
  }
  made.push(...(await callUntilCounted(gateway, numbers, counted)));

  for (const outbox of gateway.outboxes) {
    const { received, delivered, dropped } = await readDelivered(outbox);
    expect({ delivered, dropped }).toEqual({ delivered: received, dropped: {} });
  }
  expect(deliveredAgain).toBeGreaterThan(20 * kills);
  const report = await proveTruth(gateway, made);
  expect(report.complete).toBeGreaterThan(20 * kills);
  if (process.env["WEIR_KILLS"] !== undefined)
    process.stdout.write(`${JSON.stringify({ ...options, ...report, deliveredAgain })}\n`);

  expect(gateway.provider.repeated).toEqual([]);
  const spending = await readSpending(gateway, made, counted);
  expect(spending.length).toBeGreaterThan(3 * kills);
  expect(spending.filter(({ spent, least, most }) => spent < least || spent > most)).toEqual([]);
  // Those of the calls that were waited for are exact.
  expect(spending.filter(({ spent, least, most }) => spent === least && spent === most)).toHaveLength(3 * (kills + 1));
}

/** Calls with a token, a project and a user of their own, and waits until their budgets have all of it. */
async function callUntilCounted(
  gateway: Gateway,
  numbers: Iterator<number, never>,
  counted: Set<string>,
): Promise<readonly Made[]> {
  const identity = await gateway.makeIdentity();
  const made = await callSome(25, {
    url: gateway.url(),
    identities: [identity],
    numbers,
    users: [`user of ${identity.project}`],
  });
  expect(made.filter(({ got }) => got === undefined).map(({ call }) => call)).toEqual([]);
  const all = new Set(made.map(({ call }) => call));
  let spending: readonly Spending[] = [];
  await waitFor(
    async () => {
      spending = (await readSpending(gateway, made, all)).filter(({ most }) => most > 0n);
      return spending.length === 3 && spending.every(({ spent, most }) => spent === most) ? true : undefined;
    },
    () =>
      `Their budgets don't have all of it: ${spending.map(({ budget, spent, most }) => `${budget} has ${spent} of ${most}`).join()}`,
    30_000,
  );
  expect(await readProjectSpent(gateway, identity.project)).toBe(spending[0]?.most ?? 0n);
  for (const call of all) counted.add(call);
  return made;
}
