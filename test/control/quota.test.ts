import { describe, expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import type { Script } from "../wire/upstream.ts";
import { expectStatus, families, familyNames, onEachDatabase, readToken, refusalOf, useControl } from "./control.ts";

const answerLate: Script = (seen) => setTimeout(() => seen.answer(), 150);

onEachDatabase((kind) => {
  const find = useControl({
    kind,
    processes: 2,
    yaml: 'providers: { nowhere: { base_url: "http://127.0.0.1:1", dialect: openai } }',
  });
  const mint = async (more: object = {}, project: object = {}) =>
    find().createToken((await find().createProject(project)).id, more);
  const countOf = async (id: string) => (await find().findToken(id)).request_count;
  /** A unit may be given back a moment after the answer. */
  const waitForCount = (id: string, count: number) =>
    waitFor(async () => (await countOf(id)) === count || undefined, `The count doesn't become ${count}`);

  test("of 50 parallel calls over two processes, a lifetime quota of 10 lets exactly 10 upstream, whatever is patched meanwhile", async () => {
    const { id, token } = await mint({ max_requests: 10 });
    const calls = Array.from({ length: 50 }, (_, index) =>
      find().call({ token, process: index % 2, family: familyNames[index % 3] ?? "openai", script: answerLate }),
    );
    const patches = Array.from({ length: 10 }, async (_, index) => {
      await Bun.sleep(index * 20);
      const body = index % 2 === 0 ? { is_active: true } : { name: `patched ${index}` };
      expectStatus(200, await find().manage("PATCH", `/manage/tokens/${id}`, body, { process: index % 2 }));
    });
    const called = await Promise.all(calls);
    await Promise.all(patches);

    expect(called.filter(({ seen }) => seen.length > 0).length).toBe(10);
    expect(called.flatMap(({ seen }) => seen).length).toBe(10);
    const refused = called.filter(({ seen }) => seen.length === 0).map(({ answer }) => answer);
    expect(refused.map(refusalOf)).toEqual(Array.from({ length: 40 }, () => "429 quota_exceeded"));
    for (const answer of refused) {
      expect(answer.header("x-should-retry")).toBe("false");
      expect(answer.header("retry-after")).toBeUndefined();
      expect(answer.header("retry-after-ms")).toBeUndefined();
    }
    for (const process of [0, 1]) expect((await find().findToken(id, process)).request_count).toBe(10);
    expect((await find().findToken(id)).max_requests).toBe(10);
  }, 60_000);

  test("an exhausted quota is told in each API's shape", async () => {
    const { token } = await mint({ max_requests: 1 });
    expect((await find().call({ token })).answer.status).toBe(200);
    for (const family of familyNames) {
      const { answer } = await find().call({ token, family, process: 1 });
      expect(answer.json()).toEqual(families[family].refusal(429, "quota_exceeded"));
    }
  });

  for (const [what, maxRequests] of Object.entries({ "0": 0, null: null, nothing: undefined })) {
    test(`a max_requests of ${what} is unlimited`, async () => {
      const { id, token, max_requests } = await mint({ max_requests: maxRequests });
      expect(max_requests).toBeNull();
      expect((await find().findToken(id)).max_requests).toBeNull();
      const called = await Promise.all(Array.from({ length: 12 }, () => find().call({ token })));
      expect(new Set(called.map(({ answer }) => answer.status))).toEqual(new Set([200]));
    });
  }

  test("the largest exact number is a quota like any other, and a token that has it is listed", async () => {
    const { id, token } = await mint({ max_requests: Number.MAX_SAFE_INTEGER });
    expect((await find().findToken(id)).max_requests).toBe(Number.MAX_SAFE_INTEGER);
    expect((await find().call({ token })).answer.status).toBe(200);
    expectStatus(200, await find().manage("GET", "/manage/tokens"));
    const { project_id: project } = await find().findToken(id);
    const one = { project_id: project, duration_minutes: 60 };
    for (const wrong of ["9007199254740992", "1.5", "-1", '"10"', "1e400"]) {
      const body = JSON.stringify(one).replace("}", `,"max_requests":${wrong}}`);
      expect([wrong, (await find().manage("POST", "/manage/tokens", body)).status]).toEqual([wrong, 400]);
      expect([
        wrong,
        (await find().manage("PATCH", `/manage/tokens/${id}`, `{"max_requests":${wrong}}`)).status,
      ]).toEqual([wrong, 400]);
    }
  });

  describe("a call that never reached the upstream gives its unit back", () => {
    test("where the upstream refuses connections", async () => {
      const { id, token } = await mint(
        { max_requests: 2 },
        { provider_keys: { nowhere: "sk-up-nowhere-0123456789", openai: "sk-up-openai-0123456789" } },
      );
      for (let tries = 0; tries < 6; tries += 1) {
        const { answer } = await find().call({ token, process: tries % 2, target: "/nowhere/v1/responses" });
        expect(refusalOf(answer)).toBe("502 upstream_unreachable");
      }
      await waitForCount(id, 0);
      const called = [];
      for (let tries = 0; tries < 3; tries += 1) called.push(await find().call({ token, process: tries % 2 }));
      expect(called.map(({ answer }) => refusalOf(answer))).toEqual(["200", "200", "429 quota_exceeded"]);
      expect(await countOf(id)).toBe(2);
    });

    test("where the project has no key for it", async () => {
      const { id, token } = await mint({ max_requests: 1 }, { provider_keys: { openai: "sk-up-openai-0123456789" } });
      for (let tries = 0; tries < 3; tries += 1)
        expect(refusalOf((await find().call({ token, family: "gemini" })).answer)).toBe("401 provider_key_missing");
      await waitForCount(id, 0);
      expect((await find().call({ token })).answer.status).toBe(200);
      expect(await countOf(id)).toBe(1);
    });

    test("in parallel too, so that as many pass afterwards as may", async () => {
      const { id, token } = await mint(
        { max_requests: 5 },
        { provider_keys: { nowhere: "sk-up-nowhere-0123456789", openai: "sk-up-openai-0123456789" } },
      );
      const calls = Array.from({ length: 30 }, (_, index) =>
        find().call({ token, process: index % 2, target: "/nowhere/v1/responses" }),
      );
      for (const { answer } of await Promise.all(calls))
        expect(["502 upstream_unreachable", "429 quota_exceeded"]).toContain(refusalOf(answer));
      await waitForCount(id, 0);
      const called = await Promise.all(
        Array.from({ length: 12 }, (_, index) => find().call({ token, process: index % 2 })),
      );
      expect(called.filter(({ seen }) => seen.length > 0).length).toBe(5);
      expect(await countOf(id)).toBe(5);
    });
  });

  test("a call that the upstream answered with an error, or broke off, counts", async () => {
    const { id, token } = await mint({ max_requests: 3 });
    const status = "500 Oops";
    expect((await find().call({ token, script: (seen) => seen.answer({ status }) })).answer.status).toBe(500);
    await find().call({ token, script: (seen) => seen.answer({ status: "429 Too Many Requests" }) });
    await find().call({
      token,
      script: (seen) => {
        seen.begin();
        seen.chunk("data: {}\n\n");
        setTimeout(seen.reset, 50);
      },
    });
    expect(refusalOf((await find().call({ token })).answer)).toBe("429 quota_exceeded");
    expect(await countOf(id)).toBe(3);
  });

  test("an answer of the upstream's own 429 is no refusal of ours", async () => {
    const { token } = await mint({ max_requests: 3 });
    const { answer } = await find().call({
      token,
      script: (seen) => seen.answer({ status: "429 Too Many Requests", headers: [["retry-after", "7"]], body: "slow" }),
    });
    expect([answer.status, answer.text, answer.header("retry-after")]).toEqual([429, "slow", "7"]);
    expect(answer.header("x-should-retry")).toBeUndefined();
    expect(answer.header("x-weir-error")).toBeUndefined();
  });

  test("a quota that is raised lets as many more pass, one that is lowered stops at once what has used it", async () => {
    const { id, token } = await mint({ max_requests: 2 });
    for (let tries = 0; tries < 2; tries += 1) expect((await find().call({ token })).answer.status).toBe(200);
    const patch = async (maxRequests: number | null) =>
      readToken(expectStatus(200, await find().manage("PATCH", `/manage/tokens/${id}`, { max_requests: maxRequests })));
    /** The other process hears of a change a moment later. */
    const waitForAnswer = (process: number, wanted: string) =>
      waitFor(
        async () => refusalOf((await find().call({ token, process })).answer) === wanted,
        `Process ${process} doesn't answer ${wanted}`,
      );
    expect(await patch(3)).toMatchObject({ max_requests: 3, request_count: 2 });
    await waitForAnswer(1, "200");
    await waitForAnswer(0, "429 quota_exceeded");
    expect(await countOf(id)).toBe(3);
    expect((await patch(0)).max_requests).toBeNull();
    for (const process of [0, 1]) await waitForAnswer(process, "200");
    await waitFor(async () => (await countOf(id)) >= 4, "They are not counted");
    expect((await patch(4)).max_requests).toBe(4);
    for (const process of [0, 1]) await waitForAnswer(process, "429 quota_exceeded");
  }, 30_000);

  describe("the counters of an unlimited token", () => {
    test("are exact after a clean stop of both processes", async () => {
      const { id, token } = await mint();
      const before = Date.now();
      const called = await Promise.all(
        Array.from({ length: 61 }, (_, index) => find().call({ token, process: index % 2 })),
      );
      expect(new Set(called.map(({ answer }) => answer.status))).toEqual(new Set([200]));
      expect(await Promise.all([find().restart(0), find().restart(1)])).toEqual([0, 0]);
      const { request_count: count, last_used_at: used } = await find().findToken(id);
      expect(count).toBe(61);
      expect(Date.parse(used ?? "")).toBeGreaterThanOrEqual(before - 1000);
      expect(Date.parse(used ?? "")).toBeLessThanOrEqual(Date.now() + 1000);
    }, 60_000);

    test("are written within about a second, and no PATCH takes any of them back", async () => {
      const { id, token } = await mint();
      for (let round = 0; round < 20; round += 1) {
        await Promise.all([
          find().call({ token, process: round % 2 }),
          find().manage("PATCH", `/manage/tokens/${id}`, { name: `round ${round}` }),
        ]);
      }
      await waitForCount(id, 20);
    }, 30_000);
  });
});
