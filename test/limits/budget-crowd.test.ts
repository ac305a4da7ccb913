import { describe, expect, test } from "bun:test";
import { onEachDatabase, openControl, type ControlOptions } from "../control/control.ts";
import { openRelay } from "../control/relay.ts";
import { needs } from "../needs.ts";
import { createDatabase, findPostgres, whatPostgresNeeds } from "../postgres.ts";
import { waitFor } from "../weir.ts";
import { ask, askAtOnce, askInTurn, type Asked } from "./ask.ts";
import { openProvider } from "./provider.ts";

const spent = "402 budget_exceeded";
const hard = { amount_usd: "0.01", period: "total", hard: true };
/** A thousandth of a USD holds 100 tokens of GPT-4o's answer. */
const costing = (mills: number, real = mills): Asked => ({
  text: "H",
  maxTokens: mills * 100,
  plan: { input: 0, output: Math.round(real * 100) },
});

/** Programs on one database, before a provider that says what it took. */
async function openCrowd(options: ControlOptions) {
  const provider = openProvider();
  const control = await openControl({ processes: 2, upstreamUrl: provider.url, ...options });
  const mint = async (more: object = { budget: [hard] }) =>
    (await control.createToken((await control.createProject(more)).id)).token;
  return {
    control,
    provider,
    mint,
    ask: (at: number, asked: Asked) => ask(control.weirs[at % control.weirs.length]?.url ?? "", asked),
    async [Symbol.asyncDispose]() {
      await control[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
    },
  };
}

onEachDatabase((kind) => {
  test("of 200 parallel calls over two processes, a nearly spent budget lets just those upstream that it can pay", async () => {
    await using crowd = await openCrowd({ kind });
    const token = await crowd.mint({ budget: [{ ...hard, amount_usd: "0.1" }] });
    expect((await crowd.ask(0, { token, ...costing(90) })).told).toBe("200");
    // A tenth is left: five calls of 1.9 mills at most, each of which takes a little less than it might.
    const one = { token, ...costing(1.9, 1.85) };
    const told = await askAtOnce(200, (at) => crowd.ask(at, one));
    expect(Object.keys(told).toSorted()).toEqual(["200", spent]);
    expect(told["200"]).toBeLessThanOrEqual(5);
    expect(crowd.provider.reached.length - 1).toBe(told["200"] ?? 0);
    // What nobody has spent can still be spent, at either process.
    const left = 5 - (told["200"] ?? 0);
    for (let more = 0; more < left; more += 1)
      await waitFor(async () => (await crowd.ask(more, one)).told === "200" || undefined, "The rest can't be spent");
    expect(await askInTurn(6, (at) => crowd.ask(at, one))).toEqual(Array.from({ length: 6 }, () => spent));
  }, 90_000);

  test("a budget of a token and of its project hold together over processes", async () => {
    await using crowd = await openCrowd({ kind });
    const { id } = await crowd.control.createProject({ budget: [{ ...hard, amount_usd: "0.02" }] });
    const tokens: string[] = [];
    for (let each = 0; each < 4; each += 1)
      tokens.push((await crowd.control.createToken(id, { budget: [hard] })).token);
    // Of 0.95 mills each, one more could be paid as soon as the others have settled a little less than was estimated.
    const told = await askAtOnce(160, (at) => crowd.ask(at, { token: tokens[at % 4] ?? "", ...costing(0.98) }));
    expect(told["200"]).toBeLessThanOrEqual(20);
    expect(told["200"]).toBeGreaterThan(10);
  }, 90_000);

  test("what a process that was killed had reserved is given back, and what it had spent stays spent", async () => {
    await using crowd = await openCrowd({ kind });
    const project = await crowd.control.createProject();
    const { id, token } = await crowd.control.createToken(project.id, { budget: [hard] });
    expect((await crowd.ask(0, { token, ...costing(3) })).told).toBe("200");
    const isWritten = async () =>
      (await crowd.control.manage("GET", `/manage/tokens/${id}`)).text.includes('"spent_usd":"0.003"');
    await waitFor(isWritten, "What was spent is not written");
    const { plan } = costing(5);
    const held = crowd.ask(0, { token, ...costing(5), plan: { ...plan, hold: "never" } }).catch(() => undefined);
    await waitFor(() => crowd.provider.reached.length > 1 || undefined, "It does not arrive");
    expect((await crowd.ask(1, { token, ...costing(4) })).told).toBe(spent);
    await crowd.control.weirs[0]?.kill();
    await held;
    const passes = async () => (await crowd.ask(1, { token, ...costing(4) })).told === "200" || undefined;
    await waitFor(passes, "It stays reserved", 75_000);
    expect((await crowd.ask(1, { token, ...costing(4) })).told).toBe(spent);
    expect((await crowd.ask(1, { token, ...costing(2.5) })).told).toBe("200");
  }, 150_000);

  test("a restart of every process keeps what was spent", async () => {
    await using crowd = await openCrowd({ kind });
    const token = await crowd.mint();
    expect((await crowd.ask(0, { token, ...costing(4) })).told).toBe("200");
    expect((await crowd.ask(1, { token, ...costing(4) })).told).toBe("200");
    for (const process of [0, 1]) expect(await crowd.control.restart(process)).toBe(0);
    for (const process of [0, 1]) expect((await crowd.ask(process, { token, ...costing(3) })).told).toBe(spent);
    expect((await crowd.ask(1, { token, ...costing(1.9) })).told).toBe("200");
  }, 90_000);

  test("each threshold is told once by all processes together", async () => {
    await using crowd = await openCrowd({ kind });
    const token = await crowd.mint({ budget: [{ ...hard, warn_at: [30, 60] }] });
    await askAtOnce(60, (at) => crowd.ask(at, { token, ...costing(0.9) }));
    const path = "/manage/audit?action=budget.warning";
    const count = async () => (await crowd.control.manage("GET", path)).text.split('"budget.warning"').length - 1;
    await waitFor(async () => {
      await crowd.ask(0, { token, ...costing(0.9) });
      return (await count()) >= 2;
    }, "They are not told");
    await Bun.sleep(1500);
    expect(await count()).toBe(2);
  }, 90_000);
});

describe("while the database is away", () => {
  for (const [what, answer] of [
    ["closed", "503 dependency_unavailable"],
    ["open", "200"],
  ] as const)
    needs(whatPostgresNeeds, findPostgres())(
      `a hard budget that can't be verified is ${what} with BUDGETS_ON_FAILURE=${what}`,
      async () => {
        await using database = await createDatabase();
        await using relay = await openRelay(new URL(database.url));
        const env = { DB_DRIVER: "postgres", DATABASE_URL: relay.url, BUDGETS_ON_FAILURE: what };
        await using crowd = await openCrowd({ processes: 1, env });
        const [token, free] = [await crowd.mint(), await crowd.mint({})];
        const one = { token, ...costing(0.1) };
        expect((await crowd.ask(0, one)).told).toBe("200");
        expect((await crowd.ask(0, { token: free })).told).toBe("200");
        relay.close();
        // What it may spend without asking is small: it comes to an end.
        const told = async () => (await crowd.ask(0, { ...one, ...costing(2, 0) })).told;
        if (what === "closed") await waitFor(async () => (await told()) === answer || undefined, "It isn't closed");
        expect(await told()).toBe(answer);
        expect((await crowd.ask(0, { token: free })).told).toBe("200");
        relay.open();
        await waitFor(async () => (await told()) === "200" || undefined, "It isn't used again");
      },
      90_000,
    );
});
