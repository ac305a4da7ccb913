import { describe, expect, test } from "bun:test";
import { type Answer, askInTurn } from "./ask.ts";
import { openStage } from "./stage.ts";

const allowed = "200";
const refused = "429 rate_limit_exceeded";

describe("with limits that nobody has set", () => {
  for (const [what, yaml] of Object.entries({
    "no configuration": "",
    "figures of 0":
      "limits: { requests_per_minute: 0, tokens_per_day: 0, concurrent: 0, global: { requests_per_minute: 0 } }",
  }))
    test(`${what} bounds nothing and tells nothing`, async () => {
      await using stage = await openStage({ yaml });
      const answers = await Promise.all(Array.from({ length: 100 }, () => stage.ask()));
      expect(new Set(answers.map(({ told }) => told))).toEqual(new Set([allowed]));
      for (const { headers } of answers)
        expect([...headers.keys()].filter((name) => /ratelimit|retry-after/.test(name))).toEqual([]);
    });
});

describe("where this process counts", () => {
  test("the minute slides: no 60 seconds hold more than the figure, and a second past them nothing is refused", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 10 }", at: "2026-05-14T12:00:00Z" });
    const passed: number[] = [];
    // Bursts at a minute's edge, trickles, silence: seconds between calls.
    const gaps = [
      0, 0, 0, 0, 45, 5, 5, 4, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 7, 0, 0, 30, 0, 0, 10, 3, 3, 3, 3, 59, 1, 0, 0,
    ];
    for (const gap of [...gaps, ...gaps, ...Array.from({ length: 100 }, (_, index) => (index * 7) % 13)]) {
      stage.wait(gap);
      const at = stage.now();
      const { told, limit } = await stage.ask();
      const within = (seconds: number) => passed.filter((time) => time > at - seconds * 1000).length;
      if (told === allowed) {
        passed.push(at);
        expect(within(60)).toBeLessThanOrEqual(10);
        expect([limit.limit, limit.remaining]).toEqual([10, expect.any(Number)]);
        expect(limit.remaining).toBeGreaterThanOrEqual(10 - within(61));
        expect(limit.remaining).toBeLessThanOrEqual(10 - within(60));
      } else {
        expect(told).toBe(refused);
        expect(within(61)).toBeGreaterThanOrEqual(10);
        expect(limit.remaining).toBe(0);
      }
    }
  });

  test("a full minute frees at each second what was taken at that second", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 60 }", at: "2026-05-14T12:00:00Z" });
    for (let second = 0; second < 60; second += 1) {
      expect((await stage.ask()).limit.remaining).toBe(59 - second);
      if (second < 59) stage.wait(1);
    }
    expect((await stage.ask()).told).toBe(refused);
    stage.wait(2);
    // 12:01:01: what was taken at 12:00:00 is free in any case, and never more than that and 12:00:01.
    for (let second = 0; second < 30; second += 1) {
      const told = await askInTurn(3, () => stage.ask());
      const freed = told.filter((each) => each === allowed).length;
      expect(freed).toBeGreaterThanOrEqual(second === 0 ? 1 : 0);
      expect(freed).toBeLessThanOrEqual(second === 0 ? 2 : 1);
      stage.wait(1);
    }
  });

  test("Retry-After is real: a call then passes, and one two seconds earlier doesn't", async () => {
    for (const early of [false, true]) {
      await using stage = await openStage({ yaml: "limits: { requests_per_minute: 3 }", at: "2026-05-14T12:00:20Z" });
      await stage.ask();
      stage.wait(17);
      await stage.ask();
      await stage.ask();
      stage.wait(9);
      const { limit } = await stage.ask();
      expect(limit.retryAfter).toBeGreaterThanOrEqual(34);
      expect(limit.retryAfter).toBeLessThanOrEqual(35);
      stage.wait((limit.retryAfter ?? 0) - (early ? 2 : 0));
      expect((await stage.ask()).told).toBe(early ? refused : allowed);
    }
  });

  test("Retry-After of LLM tokens waits until there is room for this very request", async () => {
    await using stage = await openStage({ yaml: "limits: { tokens_per_minute: 1000 }", at: "2026-05-14T12:00:00Z" });
    const take = async (tokens: number): Promise<Answer> => {
      const plan = { input: 1, output: tokens - 1 };
      return stage.ask({ maxTokens: tokens - 1, plan });
    };
    expect((await take(400)).told).toBe(allowed);
    stage.wait(20);
    expect((await take(400)).told).toBe(allowed);
    stage.wait(20);
    const small = await take(300);
    expect([small.told, small.limit.metric, small.limit.window]).toEqual([refused, "tokens", "minute"]);
    expect([20, 21]).toContain(small.limit.retryAfter ?? 0);
    const large = await take(900);
    expect([40, 41]).toContain(large.limit.retryAfter ?? 0);
    stage.wait(small.limit.retryAfter ?? 0);
    expect((await take(900)).told).toBe(refused);
    expect((await take(300)).told).toBe(allowed);
  });

  test("the day is that of UTC, and Retry-After reaches to its midnight", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_day: 2 }", at: "2026-05-14T21:30:05Z" });
    expect(await askInTurn(2, () => stage.ask())).toEqual([allowed, allowed]);
    const { told, limit } = await stage.ask();
    expect(told).toBe(refused);
    expect(limit).toMatchObject({ limit: 2, remaining: 0, metric: "requests", window: "day" });
    const untilMidnight = 2.5 * 3600 - 5;
    expect(limit.retryAfter).toBeGreaterThanOrEqual(untilMidnight);
    expect(limit.retryAfter).toBeLessThanOrEqual(untilMidnight + 1);
    stage.set("2026-05-14T23:59:59Z");
    expect((await stage.ask()).told).toBe(refused);
    stage.set("2026-05-15T00:00:00Z");
    expect(await askInTurn(3, () => stage.ask())).toEqual([allowed, allowed, refused]);
    stage.set("2026-05-15T23:59:59Z");
    expect((await stage.ask()).told).toBe(refused);
  });

  test("the minute and the day hold together, and a refusal by one takes nothing of the other", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 2, requests_per_day: 5 }" });
    const windows: (string | undefined)[] = [];
    for (let minute = 0; minute < 4; minute += 1) {
      for (let each = 0; each < 4; each += 1) {
        const { told, limit } = await stage.ask();
        windows.push(told === allowed ? allowed : limit.window);
      }
      stage.wait(120);
    }
    expect(windows.slice(0, 8)).toEqual([allowed, allowed, "minute", "minute", allowed, allowed, "minute", "minute"]);
    expect(windows.slice(8)).toEqual([allowed, ...Array.from({ length: 7 }, () => "day")]);
    expect(stage.provider.reached.length).toBe(5);
  });
});
