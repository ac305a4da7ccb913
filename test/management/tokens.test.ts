import { expect } from "bun:test";
import { onEachDatabase } from "../storage.ts";
import { expectStatus, faultOf, openStage, readFault, readIds, readToken, readTokens, type Stage } from "./stage.ts";

const form = /^sk-weir-[0-9A-Za-z]{38}$/;
const largest = Number.MAX_SAFE_INTEGER;

onEachDatabase((test, makePlace) => {
  /** A test on a stage of its own. */
  const onStage = (name: string, run: (stage: Stage) => Promise<void>) =>
    test(name, async () => {
      await using place = await makePlace();
      await using stage = await openStage(place);
      await run(stage);
      expect(stage.faults).toEqual([]);
    });
  const post = (stage: Stage, body: unknown) => stage.ask("POST", "/manage/tokens", body);
  const patch = (stage: Stage, id: string, body: unknown) => stage.ask("PATCH", `/manage/tokens/${id}`, body);
  const get = async (stage: Stage, id: string) =>
    readToken(await expectStatus(200, stage.ask("GET", `/manage/tokens/${id}`)));

  onStage("a new token has its text in the answer to its creation, and nowhere else", async (stage) => {
    const project = await stage.createProject();
    const body = {
      project_id: project,
      duration: "24h",
      max_requests: 1000,
      name: "ci",
      user_id: "zoë",
      allowed_models: ["gpt-4o*"],
      metadata: { team: "search" },
    };
    const made = readToken(await expectStatus(201, post(stage, body)));
    expect(made).toEqual({
      id: expect.any(String),
      project_id: project,
      name: "ci",
      token: expect.stringMatching(form),
      expires_at: "2026-03-02T12:00:00.000Z",
      max_requests: 1000,
      is_active: true,
      deactivated_at: null,
      created_at: "2026-03-01T12:00:00.000Z",
      updated_at: "2026-03-01T12:00:00.000Z",
      last_used_at: null,
      request_count: 0,
      cache_hit_count: 0,
      user_id: "zoë",
      allowed_models: ["gpt-4o*"],
      metadata: { team: "search" },
      limits: {
        requests_per_minute: null,
        tokens_per_minute: null,
        requests_per_day: null,
        tokens_per_day: null,
        concurrent: null,
      },
      budget: [],
    });
    const { token, id } = made;
    const shown = `sk-weir-...${token.slice(-4)}`;
    expect(await get(stage, id)).toEqual({ ...made, token: shown });
    const answers = [
      await stage.ask("GET", `/manage/tokens/${id}`),
      await stage.ask("GET", "/manage/tokens"),
      await stage.ask("GET", "/manage/tokens?format=array"),
      await patch(stage, id, { name: "renamed" }),
      await stage.ask("GET", "/manage/audit?format=array"),
    ];
    for (const { status, text } of answers) {
      expect(status).toBe(200);
      expect(text).not.toContain(token.slice(8, 40));
    }
  });

  onStage("a token lives as long as it is told, and for ever only where that is said", async (stage) => {
    const project = await stage.createProject();
    const expiryOf = async (more: object) =>
      readToken(await expectStatus(201, post(stage, { project_id: project, ...more }))).expires_at;
    expect(await expiryOf({ duration_minutes: 60 })).toBe("2026-03-01T13:00:00.000Z");
    expect(await expiryOf({ duration_minutes: 525_600 })).toBe("2027-03-01T12:00:00.000Z");
    expect(await expiryOf({ duration: "30m" })).toBe("2026-03-01T12:30:00.000Z");
    expect(await expiryOf({ expires_at: "2026-03-01T14:00:00+01:00" })).toBe("2026-03-01T13:00:00.000Z");
    expect(await expiryOf({ never_expires: true })).toBeNull();
  });

  onStage("what is wrong is refused in words, the old ones too, and nothing is made", async (stage) => {
    const project = await stage.createProject();
    const messages: readonly (readonly [object, string])[] = [
      [{}, "project_id and duration_minutes are required"],
      [{ duration_minutes: 525_601 }, "duration_minutes exceeds maximum allowed"],
      [{ duration_minutes: 60, max_requests: -1 }, "max_requests must be >= 0"],
      [{ duration_minutes: 0 }, "duration_minutes must be at least 1"],
      [{ duration_minutes: 60, project_id: undefined }, "project_id is required"],
      [{ expires_at: "2026-03-01T12:00:00Z" }, "expires_at must be in the future"],
      [{ expires_at: "2026-02-01T12:00:00Z" }, "expires_at must be in the future"],
      [{ expires_at: "2027-03-01T12:00:01Z" }, "365 days"],
      [{ duration: "1h", duration_minutes: 60 }, "duration_minutes and duration"],
      [{ duration_minutes: 60, never_expires: true }, "never_expires"],
      [{ duration_minutes: 60, max_requests: largest + 1 }, "max_requests"],
      [{ duration_minutes: 60, max_requests: 1.5 }, "max_requests"],
      [{ duration_minutes: 60, max_requests: "5" }, "max_requests"],
      [{ duration_minutes: 60, allowed_models: [] }, "allowed_models"],
      [{ duration_minutes: 60, allowed_models: "gpt-4o" }, "allowed_models"],
      [{ duration_minutes: 60, name: "" }, "name"],
      [{ duration_minutes: 60, token: "sk-weir-x" }, "unknown field token"],
      [{ duration_minutes: 60, request_count: 0 }, "unknown field request_count"],
    ];
    for (const [more, message] of messages) {
      const answer = await post(stage, { project_id: project, ...more });
      expect([more, answer.status, readFault(answer).code]).toEqual([more, 400, "body_invalid"]);
      expect(readFault(answer).message).toContain(message);
    }
    expect(readTokens(await stage.ask("GET", "/manage/tokens")).tokens).toEqual([]);
    for (const id of [crypto.randomUUID(), "nope", "", "' or 1=1 --", "\u0000"]) {
      const answer = await post(stage, { project_id: id, duration: "1h" });
      expect([id, answer.status, readFault(answer).code]).toEqual([id, 404, "project_not_found"]);
      expect(readFault(answer).message).toContain("project not found");
    }
  });

  onStage(
    "no bound is a bound of 0, of null, and none at all, when it is made and when it is changed",
    async (stage) => {
      const project = await stage.createProject();
      for (const more of [{ max_requests: 0 }, { max_requests: null }, {}]) {
        const { id } = await stage.createToken(project, more);
        expect((await get(stage, id)).max_requests).toBeNull();
        expect(readToken(await patch(stage, id, { max_requests: 5 })).max_requests).toBe(5);
        expect(readToken(await patch(stage, id, { name: "same" })).max_requests).toBe(5);
        expect(readToken(await patch(stage, id, { max_requests: more.max_requests ?? 0 })).max_requests).toBeNull();
      }
      const { id } = await stage.createToken(project, { max_requests: largest });
      expect((await get(stage, id)).max_requests).toBe(largest);
      expect((await stage.ask("GET", "/manage/tokens")).status).toBe(200);
    },
  );

  onStage("what may be null in an answer may be null in a question", async (stage) => {
    const project = await stage.createProject();
    const nothing = { name: null, user_id: null, allowed_models: null, max_requests: null };
    const { id } = await stage.createToken(project, nothing);
    expect(await get(stage, id)).toMatchObject(nothing);
    const something = { name: "a", user_id: "b", allowed_models: ["c"], max_requests: 4, metadata: { d: "e" } };
    expect(readToken(await patch(stage, id, something))).toMatchObject(something);
    expect(readToken(await patch(stage, id, nothing))).toMatchObject({ ...nothing, metadata: { d: "e" } });
  });

  onStage("its end can be moved: later, to now, and away", async (stage) => {
    const { id } = await stage.createToken(await stage.createProject());
    const move = async (body: object) => readToken(await expectStatus(200, patch(stage, id, body))).expires_at;
    expect(await move({ expires_at: "2026-12-31T00:00:00Z" })).toBe("2026-12-31T00:00:00.000Z");
    expect(await move({ duration: "7d" })).toBe("2026-03-08T12:00:00.000Z");
    expect(await move({ duration_minutes: 5 })).toBe("2026-03-01T12:05:00.000Z");
    expect(await move({ expires_at: "2020-01-01T00:00:00Z" })).toBe("2020-01-01T00:00:00.000Z");
    expect(await move({ never_expires: true })).toBeNull();
    for (const body of [
      { expires_at: null },
      { expires_at: "2028-01-01T00:00:00Z" },
      { expires_at: "2026-12-31T00:00:00Z", duration: "7d" },
      { duration: "400d" },
    ])
      expect(await faultOf(patch(stage, id, body))).toBe("400 body_invalid");
    expect((await get(stage, id)).expires_at).toBeNull();
  });

  onStage("a token that is activated again keeps what it had; nothing writes a counter", async (stage) => {
    const { id } = await stage.createToken(await stage.createProject(), { max_requests: 7, allowed_models: ["gpt-*"] });
    await stage.stores.tokens.spend(id);
    stage.clock.now += 1000;
    const off = readToken(await expectStatus(200, patch(stage, id, { is_active: false })));
    expect(off).toMatchObject({ is_active: false, deactivated_at: "2026-03-01T12:00:01.000Z", request_count: 1 });
    const on = readToken(await expectStatus(200, patch(stage, id, { is_active: true })));
    expect(on).toMatchObject({
      is_active: true,
      deactivated_at: null,
      max_requests: 7,
      allowed_models: ["gpt-*"],
      expires_at: "2026-03-01T13:00:00.000Z",
      request_count: 1,
      last_used_at: "2026-03-01T12:00:00.000Z",
    });
  });

  onStage("a change names at least one field, and none that it doesn't know", async (stage) => {
    const { id } = await stage.createToken(await stage.createProject());
    const empty = await patch(stage, id, {});
    expect([empty.status, readFault(empty).code]).toEqual([400, "no_fields"]);
    expect(readFault(empty).message).toContain("no fields to update");
    for (const body of [
      { project_id: crypto.randomUUID() },
      { request_count: 0 },
      { max_requests: -1 },
      { is_active: "no" },
      { limits: { requests: 1 } },
    ])
      expect(await faultOf(patch(stage, id, body))).toBe("400 body_invalid");
  });

  onStage("revoking is final only in what it tells: twice is fine, and it stays in the list", async (stage) => {
    const project = await stage.createProject();
    const { id } = await stage.createToken(project);
    for (let times = 0; times < 2; times += 1) {
      const { status, text } = await stage.ask("DELETE", `/manage/tokens/${id}`);
      expect([status, text]).toEqual([204, ""]);
    }
    expect(await get(stage, id)).toMatchObject({ is_active: false, deactivated_at: "2026-03-01T12:00:00.000Z" });
    expect(readTokens(await stage.ask("GET", "/manage/tokens")).tokens.length).toBe(1);
  });

  onStage("what nobody made is not found, whatever its id looks like", async (stage) => {
    for (const id of [crypto.randomUUID(), "x", "sk-weir-0123456789", "\u0000", "é"]) {
      const path = `/manage/tokens/${encodeURIComponent(id)}`;
      expect([id, await faultOf(stage.ask("GET", path))]).toEqual([id, "404 token_not_found"]);
      expect(await faultOf(stage.ask("PATCH", path, { is_active: false }))).toBe("404 token_not_found");
      expect(await faultOf(stage.ask("DELETE", path))).toBe("404 token_not_found");
    }
  });

  onStage("the list knows each filter by both of its names", async (stage) => {
    const [one, two] = [await stage.createProject(), await stage.createProject()];
    const active = await stage.createToken(one);
    const revoked = await stage.createToken(one);
    const expired = await stage.createToken(one, { duration_minutes: 1 });
    await stage.createToken(two, { duration_minutes: undefined, never_expires: true });
    await stage.ask("DELETE", `/manage/tokens/${revoked.id}`);
    stage.clock.now += 60_000;
    const list = async (query: string): Promise<readonly string[]> => {
      const { tokens } = readTokens(await expectStatus(200, stage.ask("GET", `/manage/tokens?${query}`)));
      return tokens.map(({ id }) => id);
    };
    for (const project of ["project_id", "projectId"]) {
      expect(await list(`${project}=${one}`)).toEqual([expired.id, revoked.id, active.id]);
      expect(await list(`${project}=${one.toUpperCase()}`)).toHaveLength(3);
      expect(await list(`${project}=${crypto.randomUUID()}`)).toEqual([]);
      expect(await list(`${project}=nonsense`)).toEqual([]);
      for (const only of ["active_only", "activeOnly"]) {
        expect(await list(`${project}=${one}&${only}=true`)).toEqual([active.id]);
        expect(await list(`${project}=${one}&${only}=1`)).toEqual([active.id]);
        expect(await list(`${project}=${one}&${only}=false`)).toHaveLength(3);
      }
    }
    expect(await list(`project_id=${one}&projectId=${one}`)).toHaveLength(3);
    expect(await list("expires_before=2026-03-01T12:30:00Z")).toEqual([expired.id]);
    expect(await list("expires_before=2026-03-01T13:30:00%2B01:00")).toEqual([expired.id]);
    expect(await list("expires_before=2026-03-01T13:30:00+01:00")).toEqual([expired.id]);
    for (const query of [
      `project_id=${one}&projectId=${two}`,
      "active_only=true&activeOnly=false",
      "active_only=yes",
      "expires_before=soon",
      "expires_before=2026-03-01",
      "project_id=",
      "project=x",
    ])
      expect([query, await faultOf(stage.ask("GET", `/manage/tokens?${query}`))]).toEqual([query, "400 query_invalid"]);
  });

  onStage(
    "the list is walked by its cursor while others are made, and is never longer than it may be",
    async (stage) => {
      const project = await stage.createProject();
      const made: string[] = [];
      for (let count = 0; count < 105; count += 1) made.unshift((await stage.createToken(project)).id);
      const walked: string[] = [];
      let query = "limit=30";
      for (;;) {
        const page = readTokens(await expectStatus(200, stage.ask("GET", `/manage/tokens?${query}`)));
        walked.push(...page.tokens.map(({ id }) => id));
        if (page.next_cursor === null) break;
        query = `limit=30&cursor=${page.next_cursor}`;
        await stage.createToken(project);
      }
      expect(walked).toEqual(made);
      expect(readTokens(await stage.ask("GET", "/manage/tokens?limit=5000")).tokens.length).toBe(100);
      expect(readTokens(await stage.ask("GET", "/manage/tokens")).tokens.length).toBe(20);
      expect(readIds(await stage.ask("GET", "/manage/tokens?format=array")).length).toBe(108);
    },
  );
});
