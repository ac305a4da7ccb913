import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { waitFor } from "../weir.ts";
import type { Answer } from "../wire/client.ts";
import { expectStatus, families, familyNames, type JsonObject, onEachDatabase, useControl } from "./control.ts";

onEachDatabase((kind) => {
  const find = useControl({ kind });
  const mint = async (more: object = {}) => {
    const project = await find().createProject();
    return { project, ...(await find().createToken(project.id, more)) };
  };
  const recordOf = (answer: Answer): Promise<JsonObject> =>
    waitFor(
      async () => (await find().readRecords()).find(({ id }) => id === answer.header("x-weir-exchange-id")),
      "There is no record",
    );

  describe("a record", () => {
    test("says whose the exchange was: project, token, and the token's user", async () => {
      const { id, project, token } = await mint({ user_id: "zoë" });
      for (const family of familyNames) {
        const { answer } = await find().call({ token, family });
        expect(await recordOf(answer)).toMatchObject({
          project_id: project.id,
          token_id: id,
          provider: family,
          outcome: "answered",
          attribution: { user: "zoë" },
        });
      }
    });

    test("has no user where the token has none and nobody says one", async () => {
      const { id, token } = await mint();
      const record = await recordOf((await find().call({ token })).answer);
      expect(record).toMatchObject({ token_id: id });
      expect(record["attribution"]).not.toHaveProperty("user");
    });

    test("of a refused call says whose token it was, as far as it is known", async () => {
      const { id, project, token } = await mint({ max_requests: 1 });
      await find().call({ token });
      const exhausted = await recordOf((await find().call({ token })).answer);
      expect(exhausted).toMatchObject({
        outcome: "refused",
        cause: "quota_exceeded",
        status: 429,
        project_id: project.id,
        token_id: id,
      });
      expectStatus(204, await find().manage("DELETE", `/manage/tokens/${id}`));
      const revoked = await recordOf((await find().call({ token })).answer);
      expect(revoked).toMatchObject({ outcome: "refused", cause: "token_inactive", status: 401 });
      const unknown = await recordOf((await find().call({ token: "sk-weir-short" })).answer);
      expect(unknown).toMatchObject({ outcome: "refused", cause: "token_invalid" });
      expect(unknown).not.toHaveProperty("token_id");
    });
  });

  test("a project decides what the exchange log keeps of its calls; all of them are counted", async () => {
    const listed = async (project: string) =>
      z
        .object({ exchanges: z.array(z.object({ id: z.string() })) })
        .parse((await find().manage("GET", `/manage/exchanges?project_id=${project}`)).json).exchanges;
    const counted = async (project: string) =>
      z
        .object({ usage: z.array(z.object({ project_id: z.string().nullable(), requests: z.number() })) })
        .parse((await find().manage("GET", "/manage/usage?group_by=project")).json)
        .usage.find((row) => row.project_id === project)?.requests;
    for (const [keeps, rows, inputs] of [
      ["full", 1, 1],
      ["metadata", 1, 0],
      ["off", 0, 0],
    ] as const) {
      const project = await find().createProject({ settings: { exchange_log: keeps } });
      const { token } = await find().createToken(project.id);
      await find().call({ token });
      await waitFor(async () => (await counted(project.id)) === 1, "It isn't counted");
      const found = await listed(project.id);
      expect([keeps, found.length]).toEqual([keeps, rows]);
      for (const { id } of found) {
        const body = await find().manage("GET", `/manage/exchanges/${id}/body`);
        expect([keeps, body.text.includes("Hi") ? 1 : 0]).toEqual([keeps, inputs]);
      }
    }
  });

  test("a line of the log says project, token and user", async () => {
    const { id, project, token } = await mint({ user_id: "user-of-a-line" });
    const { answer } = await find().call({ token, family: "anthropic" });
    const exchange = answer.header("x-weir-exchange-id") ?? "none";
    const line = await waitFor(
      () => find().weirs[0]?.lines.find((each) => each.includes(exchange) && each.includes('"msg":"exchange"')),
      "There is no line",
    );
    expect(JSON.parse(line)).toMatchObject({ project_id: project.id, token_id: id, user: "user-of-a-line" });
  });

  test("a stream outlives every timeout of a head, and a stop lets it end and its counters be written", async () => {
    await find().restart(0, { REQUEST_TIMEOUT: "2s", SHUTDOWN_TIMEOUT_MS: "30000" });
    const { id, token } = await mint();
    for (let calls = 0; calls < 4; calls += 1) await find().call({ token });
    const running = find().open({
      token,
      target: families.openai.target,
      body: '{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[]}',
      script: async (seen) => {
        seen.begin();
        for (let chunk = 0; chunk < 20; chunk += 1) {
          seen.chunk(`data: {"chunk":${chunk}}\n\n`);
          await Bun.sleep(150);
        }
        seen.chunk("data: [DONE]\n\n");
        seen.end();
      },
    });
    await running.until('"chunk":2}');
    const stopping = find().restart(0);
    const answer = await running.answer;
    expect([answer.status, answer.end]).toEqual([200, "clean"]);
    const chunks = Array.from({ length: 20 }, (_, chunk) => `data: {"chunk":${chunk}}\n\n`);
    expect(answer.text).toBe(`${chunks.join("")}data: [DONE]\n\n`);
    expect(await stopping).toBe(0);
    expect((await find().findToken(id)).request_count).toBe(5);
    expect(await recordOf(answer)).toMatchObject({ outcome: "answered", token_id: id });
  }, 30_000);
});
