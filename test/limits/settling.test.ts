import { describe, expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import { type Asked, askAtOnce, askInTurn, families } from "./ask.ts";
import { openStage, type Stage } from "./stage.ts";

const refused = "429 rate_limit_exceeded";
const limitsOf = (figures: string) => `limits: { ${figures}, optimistic_first: false }`;

/** A call that is estimated at so much (almost all of it room for the answer), and that took so much. */
const taking = (estimate: number, real: number, more: Asked = {}): Asked => ({
  text: "H",
  maxTokens: estimate - 1,
  ...more,
  plan: { input: Math.min(1, real), output: Math.max(0, real - 1), ...more.plan },
});

/** What is left of the LLM tokens, told by a call that is larger than any window. */
async function left(stage: Stage): Promise<number> {
  const { told, limit } = await stage.ask({ maxTokens: 1_000_000_000 });
  if (told !== refused || limit.remaining === undefined) throw new Error(`It is ${told}, ${JSON.stringify(limit)}`);
  return limit.remaining;
}

/** Real usage takes the estimate's place a moment after the answer. */
async function expectLeft(stage: Stage, wanted: number): Promise<void> {
  let is = await left(stage);
  const settled = async () => (is = await left(stage)) === wanted || undefined;
  await waitFor(settled, () => `${is} are left in place of ${wanted}`);
}

describe("the estimate gives way to what was really taken", () => {
  for (const family of families)
    for (const stream of [false, true])
      test(`up and down, of the request and of the answer, from ${family}${stream ? "'s streams" : ""}`, async () => {
        await using stage = await openStage({ yaml: limitsOf("tokens_per_minute: 10000") });
        await stage.ask({ family, stream, maxTokens: 4000, plan: { input: 120, output: 80 } });
        await expectLeft(stage, 9800);
        await stage.ask({ family, stream, maxTokens: 10, plan: { input: 5000, output: 1000 } });
        await expectLeft(stage, 3800);
      }, 30_000);

  test("so that what was freed can be taken, and what was exceeded closes the window", async () => {
    await using stage = await openStage({ yaml: limitsOf("tokens_per_minute: 1000") });
    expect((await stage.ask(taking(900, 100))).told).toBe("200");
    await expectLeft(stage, 900);
    expect((await stage.ask(taking(850, 2000))).told).toBe("200");
    await expectLeft(stage, 0);
    expect((await stage.ask(taking(2, 2))).told).toBe(refused);
    stage.wait(62);
    expect((await stage.ask(taking(999, 999))).told).toBe("200");
  });

  test("but holds while the answer is awaited", async () => {
    await using stage = await openStage({ yaml: limitsOf("tokens_per_minute: 1000") });
    const first = stage.ask(taking(900, 100, { plan: { hold: "a" } }));
    await waitFor(() => stage.provider.reached.length > 0 || undefined, "It does not arrive");
    expect(await left(stage)).toBe(100);
    expect((await stage.ask(taking(200, 200))).told).toBe(refused);
    stage.provider.release("a");
    await first;
    await expectLeft(stage, 900);
  });

  test("without telemetry too", async () => {
    await using stage = await openStage({ yaml: limitsOf("tokens_per_minute: 1000"), env: { TELEMETRY: "off" } });
    expect((await stage.ask(taking(900, 100))).told).toBe("200");
    await expectLeft(stage, 900);
    expect((await stage.ask(taking(50, 600, { family: "anthropic", stream: true }))).told).toBe("200");
    await expectLeft(stage, 300);
  });

  test("of the request alone where only that is counted", async () => {
    await using stage = await openStage({ yaml: limitsOf("tokens_per_minute: 1000, count: input") });
    const asked = { text: "x".repeat(500), maxTokens: 100_000, plan: { input: 40, output: 90_000 } };
    expect((await stage.ask(asked)).told).toBe("200");
    await waitFor(
      async () => (await stage.ask({ text: "x".repeat(15_000), maxTokens: 1 })).limit.remaining === 960 || undefined,
      "Not just the input is settled",
    );
  });

  test("of a call whose consumer left, by what came until then", async () => {
    await using stage = await openStage({ yaml: limitsOf("tokens_per_minute: 1000") });
    const leaving = new AbortController();
    const asked = taking(900, 900, { family: "anthropic", stream: true, signal: leaving.signal });
    const call = stage.ask({ ...asked, plan: { input: 20, output: 880, hold: "never" } }).catch(() => "left");
    await waitFor(() => stage.provider.reached.length > 0 || undefined, "It does not arrive");
    await Bun.sleep(50);
    leaving.abort();
    expect(await call).toBe("left");
    // The provider had told of an input of 20 and an output of 1.
    const freed = async () => (await left(stage)) >= 960 || undefined;
    await waitFor(freed, "What was reserved for it stays");
  });
});

describe("a late answer", () => {
  for (const [what, real] of Object.entries({ "less than was": 100, "more than was": 3000 }))
    test(`that took ${what} reserved leaves the minute that has begun meanwhile alone`, async () => {
      await using stage = await openStage({ yaml: limitsOf("tokens_per_minute: 1000") });
      const late = stage.ask(taking(900, real, { plan: { hold: "late" } }));
      await waitFor(() => stage.provider.reached.length > 0 || undefined, "It does not arrive");
      stage.wait(120);
      await stage.ask(taking(300, 300));
      expect(await left(stage)).toBe(700);
      stage.provider.release("late");
      await late;
      // Answers are settled in their order: when this one is, so is the late one.
      await stage.ask(taking(100, 50));
      await expectLeft(stage, 650);
    });

  test("of the same day settles in it, and one of the day before leaves it alone", async () => {
    await using stage = await openStage({ yaml: limitsOf("tokens_per_day: 1000"), at: "2026-05-14T23:00:00Z" });
    const calls = ["a", "b"].map((hold) => stage.ask(taking(400, 100, { plan: { hold } })));
    await waitFor(() => stage.provider.reached.length > 1 || undefined, "They do not arrive");
    stage.wait(1800);
    stage.provider.release("a");
    await calls[0];
    await expectLeft(stage, 500);
    stage.set("2026-05-15T00:10:00Z");
    await stage.ask(taking(300, 300));
    stage.provider.release("b");
    await calls[1];
    await stage.ask(taking(100, 50));
    await expectLeft(stage, 650);
  });
});

describe("what counts as a request", () => {
  const yaml = `${limitsOf("requests_per_minute: 2, tokens_per_minute: 1000").slice(0, -1)}, global: { requests_per_minute: 9 } }
providers: { nowhere: { base_url: "http://127.0.0.1:1", dialect: openai } }`;
  const keys = { provider_keys: { nowhere: "sk-up-nowhere-0123456789", openai: "sk-up-openai-0123456789" } };

  test("failures of the upstream don't, nor its LLM tokens", async () => {
    await using stage = await openStage({ yaml });
    for (const status of [500, 502, 503, 529, 500])
      expect((await stage.ask(taking(900, 0, { plan: { status } }))).told).toBe(String(status));
    expect(await askInTurn(3, () => stage.ask(taking(400, 400)))).toEqual(["200", "200", refused]);
  });

  test("an upstream that can't be reached doesn't", async () => {
    await using stage = await openStage({ yaml });
    const token = await stage.mint({}, keys);
    const target = "/nowhere/v1/chat/completions";
    const told = await askInTurn(5, () => stage.ask({ ...taking(900, 0), token, target }));
    expect(new Set(told)).toEqual(new Set(["502 upstream_unreachable"]));
    expect(await askInTurn(3, () => stage.ask({ ...taking(400, 400), token }))).toEqual(["200", "200", refused]);
  });

  test("what the upstream refused does", async () => {
    await using stage = await openStage({ yaml });
    const told = await askInTurn(3, (at) => stage.ask(taking(2, 0, { plan: { status: [400, 429, 404][at] ?? 400 } })));
    expect(told).toEqual(["400", "429", refused]);
  });

  test("what is refused by a limit takes nothing of any scope, nor of the token's quota", async () => {
    await using stage = await openStage({ yaml });
    const project = (await stage.createProject()).id;
    const { id, token } = await stage.createToken(project, { max_requests: 5 });
    expect((await askInTurn(20, () => stage.ask({ token }))).filter((told) => told === "200").length).toBe(2);
    expect(await stage.manage("GET", `/manage/tokens/${id}`)).toMatchObject({ request_count: 2 });
    // The whole has taken 2 of 9.
    expect((await stage.ask()).headers.get("x-ratelimit-remaining")).toBe("1");
    const others = await Promise.all([1, 2, 3].map(() => stage.mint()));
    const told = await askInTurn(8, (at) => stage.ask({ token: others[at % 3] ?? "" }));
    expect(told.filter((each) => each === "200").length).toBe(6);
  });

  test("what is refused for another reason doesn't", async () => {
    await using stage = await openStage({ yaml });
    const models = await stage.mint({ allowed_models: ["gpt-4o"] });
    for (const told of await askInTurn(5, () => stage.ask({ token: models, model: "gpt-3.5-turbo" })))
      expect(told).toBe("403 model_not_allowed");
    expect(await askInTurn(3, () => stage.ask({ token: models }))).toEqual(["200", "200", refused]);
    stage.wait(120);
    const spent = await stage.mint({ max_requests: 1 });
    const told = await askInTurn(12, () => stage.ask({ token: spent }));
    expect(told.slice(0, 2)).toEqual(["200", "429 quota_exceeded"]);
    expect(told).not.toContain(refused);
  });

  test("nor does it when a hundred fail at once", async () => {
    await using stage = await openStage({
      yaml: limitsOf("requests_per_minute: 10, global: { requests_per_minute: 9 }"),
    });
    for (let round = 0; round < 3; round += 1) {
      const told = await askAtOnce(60, () => stage.ask({ plan: { status: 500 } }));
      expect(Object.keys(told).toSorted()).toEqual(["429 rate_limit_exceeded", "500"]);
    }
    expect((await askAtOnce(40, () => stage.ask()))["200"]).toBe(9);
  }, 30_000);
});
