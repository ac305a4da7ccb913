import { expect } from "bun:test";
import fc from "fast-check";
import { exchangeAt, openAnswers, writeExchanges } from "../../test/exchange-answers.ts";
import { onEachDatabase } from "../../test/storage.ts";
import type { UsageKey } from "./usage-queries.ts";

const start = Date.parse("2026-03-01T12:00:00Z");
const hourMs = 3_600_000;
const all = { from: start, to: start + 48 * hourMs };

onEachDatabase((test, makePlace) => {
  test("sums are taken by whatever is asked for", async () => {
    await using place = await makePlace();
    await writeExchanges(place, [
      exchangeAt(start, { project_id: "p", token_id: "t", cost_nano_usd: "4500" }),
      exchangeAt(start + 1, {
        project_id: "p",
        token_id: "u",
        cost_nano_usd: "4500",
        usage: { source: "provider", input: 1, input_cached: 2, output_reasoning: 4, total: 7 },
      }),
      exchangeAt(start + hourMs, {
        model: "o3",
        status: 500,
        outcome: "failed",
        unpriced: true,
      }),
      exchangeAt(start + 13 * hourMs, {
        model: "o3",
        cache: "hit",

        saved_nano_usd: "77",
        attribution: { user: "ada" },
      }),
    ]);
    await using log = await openAnswers(place);
    const by = async (groupBy: readonly UsageKey[], more: object = {}) => {
      const answer = await log.ask({ kind: "usage", query: { ...all, groupBy, ...more } });
      return answer.kind === "groups" ? answer.groups : [];
    };
    const shown = async (groupBy: readonly UsageKey[], more?: object) =>
      (await by(groupBy, more)).map(({ keys, requests, costNanoUsd }) => [keys, requests, costNanoUsd]);

    expect(await by([])).toMatchObject([
      {
        keys: {},
        requests: 4,
        errors: 1,
        cacheHits: 1,
        unpriced: 1,
        usage: { input: 31, input_cached: 2, output: 15, output_reasoning: 4, input_audio: 0 },
        costNanoUsd: "9000",
        savedNanoUsd: "77",
      },
    ]);
    expect(await shown(["project"])).toEqual([
      [{ project: "p" }, 2, "9000"],
      [{ project: null }, 2, "0"],
    ]);
    expect(await shown(["model", "project"])).toEqual([
      [{ project: "p", model: "gpt-4o-mini" }, 2, "9000"],
      [{ project: null, model: "o3" }, 2, "0"],
    ]);
    const days = [Date.parse("2026-03-01T00:00:00Z"), Date.parse("2026-03-02T00:00:00Z")];
    expect(await shown(["day"])).toEqual([
      [{ day: days[0] }, 3, "9000"],
      [{ day: days[1] }, 1, "0"],
    ]);
    expect((await shown(["hour", "token"])).length).toBe(4);
    expect(await shown(["status"])).toEqual([
      [{ status: 200 }, 3, "9000"],
      [{ status: 500 }, 1, "0"],
    ]);
    expect(await shown(["provider"], { user: "ada" })).toEqual([[{ provider: "openai" }, 1, "0"]]);
    expect(await shown(["user"], { model: "o3", status: 200 })).toEqual([[{ user: "ada" }, 1, "0"]]);
    expect(await shown(["token"], { tokenId: "u", projectId: "p", provider: "openai" })).toEqual([
      [{ token: "u" }, 1, "4500"],
    ]);
    expect(await shown([], { to: start + hourMs })).toEqual([[{}, 2, "9000"]]);
    expect(await shown([], { from: start + hourMs + 1, to: start + hourMs + 2 })).toEqual([[{}, 1, "0"]]);
  });

  test("quantiles are those of all that is summed up, over hours and models", async () => {
    await using place = await makePlace();
    const exchanges = Array.from({ length: 200 }, (_, at) =>
      exchangeAt(start + at * 60_000, {
        duration_ms: at + 1,
        model: `m${at % 3}`,
        ...(at % 2 ? {} : { first_byte_ms: 10 }),
      }),
    );
    await writeExchanges(place, exchanges);
    await using log = await openAnswers(place);
    const answer = await log.ask({ kind: "usage", query: { ...all, groupBy: [] } });
    const [sums] = answer.kind === "groups" ? answer.groups : [];
    const right = { p50: 100, p90: 180, p95: 190, p99: 198 } as const;
    for (const name of ["p50", "p90", "p95", "p99"] as const)
      expect(Math.abs((sums?.durationMs[name] ?? 0) / right[name] - 1)).toBeLessThanOrEqual(0.02);
    expect(sums?.firstByteMs.p50).toBeGreaterThan(9.8);
    const none = await log.ask({ kind: "usage", query: { ...all, from: 0, to: 1, groupBy: [] } });
    expect(none).toMatchObject({
      kind: "groups",
      groups: [{ requests: 0, costNanoUsd: "0", durationMs: { p50: null, p99: null } }],
    });
    expect(await log.ask({ kind: "usage", query: { from: 0, to: 1, groupBy: ["model"] } })).toEqual({
      kind: "groups",
      groups: [],
    });
  });

  test("quantiles of few and of many are those of the values in their order", async () => {
    await using place = await makePlace();
    const samples = fc.sample(
      fc.array(fc.double({ min: 0.01, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 24 }),
      {
        numRuns: 40,
        seed: 3,
      },
    );
    const exchanges = samples.flatMap((sample, user) =>
      // Some of a group fall into hours of their own, whose sums are put together.
      sample.map((ms, at) =>
        exchangeAt(start + (at % 3) * hourMs, {
          duration_ms: ms,
          first_byte_ms: ms / 2,
          attribution: { user: `${user}` },
        }),
      ),
    );
    await writeExchanges(place, exchanges);
    await using log = await openAnswers(place);
    const answer = await log.ask({ kind: "usage", query: { ...all, groupBy: ["user"] } });
    const groups = answer.kind === "groups" ? answer.groups : [];
    expect(groups.length).toBe(samples.length);
    for (const { keys, durationMs, firstByteMs } of groups) {
      const sorted = (samples[Number(keys.user)] ?? []).toSorted((one, other) => one - other);
      for (const [name, share] of [
        ["p50", 0.5],
        ["p90", 0.9],
        ["p95", 0.95],
        ["p99", 0.99],
      ] as const) {
        const right = sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
        expect(Math.abs((durationMs[name] ?? 0) - right)).toBeLessThanOrEqual(right * 0.02 + 0.001);
        expect(Math.abs((firstByteMs[name] ?? 0) - right / 2)).toBeLessThanOrEqual(right * 0.01 + 0.001);
      }
    }
  });

  test("groups without number are refused, not cut off", async () => {
    await using place = await makePlace();
    const exchanges = Array.from({ length: 12 }, (_, at) =>
      exchangeAt(start + at, { attribution: { user: `u${at}` } }),
    );
    await writeExchanges(place, exchanges);
    await using log = await openAnswers(place, { mostGroups: 11 });
    expect(await log.ask({ kind: "usage", query: { ...all, groupBy: ["user"] } })).toEqual({
      kind: "too_many",
      most: 11,
    });
    expect(await log.ask({ kind: "usage", query: { ...all, groupBy: ["user"], user: "u3" } })).toMatchObject({
      kind: "groups",
    });
  });
});
