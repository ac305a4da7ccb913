import { expect } from "bun:test";
import { onEachDatabase, type Place } from "../storage.ts";
import {
  expectStatus,
  faultOf,
  openStage,
  readFault,
  readIds,
  readProject,
  readProjects,
  readToken,
  readTokens,
  type Stage,
} from "./stage.ts";

const key = "sk-proj-0123456789abcdefghij";
const masked = "sk-proj-...ghij";
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

onEachDatabase((test, makePlace) => {
  /** A test on a stage of its own. */
  const onStage = (name: string, run: (stage: Stage, place: Place) => Promise<void>) =>
    test(name, async () => {
      await using place = await makePlace();
      await using stage = await openStage(place);
      await run(stage, place);
      expect(stage.faults).toEqual([]);
    });
  const patch = (stage: Stage, id: string, body: unknown) => stage.ask("PATCH", `/manage/projects/${id}`, body);
  const get = async (stage: Stage, id: string) =>
    readProject(await expectStatus(200, stage.ask("GET", `/manage/projects/${id}`)));

  onStage("a new project is active, has all its members, and shows no key", async (stage) => {
    const body = {
      name: "  search ",
      provider_keys: { openai: key, anthropic: "sk-ant-9876543210zyxw" },
      metadata: { team: "zoë", note: "two\nlines" },
      policy: {
        allowed_methods: ["post", "GET"],
        allowed_endpoints: ["/v1/chat/completions"],
        param_whitelist: { model: ["gpt-4o", "gpt-4.1-*"] },
        allowed_origins: ["https://app.example.com", "*"],
        required_headers: ["X-Team"],
      },
      settings: { use_operator_keys: false, stream_usage: "off", on_disconnect: "drain", validate: null },
    };
    const made = await expectStatus(201, stage.ask("POST", "/manage/projects", body));
    const project = readProject(made);
    expect(project).toEqual({
      id: expect.stringMatching(uuid),
      name: "search",
      provider_keys: { openai: masked, anthropic: "sk-ant-9...zyxw" },
      is_active: true,
      deactivated_at: null,
      created_at: "2026-03-01T12:00:00.000Z",
      updated_at: "2026-03-01T12:00:00.000Z",
      metadata: { team: "zoë", note: "two\nlines" },
      policy: { ...body.policy, allowed_methods: ["POST", "GET"], required_headers: ["x-team"] },
      settings: {
        use_operator_keys: false,
        allow_own_keys: null,
        stream_usage: "off",
        stream_error_event: null,
        on_disconnect: "drain",
        validate: null,
        cache: null,
        exchange_log: null,
      },
      limits: {
        requests_per_minute: null,
        tokens_per_minute: null,
        requests_per_day: null,
        tokens_per_day: null,
        concurrent: null,
      },
      budget: [],
    });
    expect(await get(stage, project.id)).toEqual(project);
    expect(made.text).not.toContain(key);
    expect((await patch(stage, project.id, { provider_keys: { openai: key } })).text).not.toContain(key);
    expect((await stage.ask("GET", "/manage/projects")).text).not.toContain(key);
    expect(JSON.stringify(await stage.audit())).not.toContain(key);
  });

  onStage("a project needs a name and nothing else", async (stage) => {
    const project = readProject(
      await expectStatus(201, stage.ask("POST", "/manage/projects", { name: "bare", is_active: false })),
    );
    expect(project).toMatchObject({
      provider_keys: {},
      is_active: false,
      metadata: {},
      deactivated_at: "2026-03-01T12:00:00.000Z",
    });
    expect(project.policy).toEqual({
      allowed_methods: null,
      allowed_endpoints: null,
      param_whitelist: null,
      allowed_origins: null,
      required_headers: null,
    });
  });

  onStage("the OpenAI key has three names, which must say one thing", async (stage) => {
    for (const body of [
      { openai_api_key: key },
      { api_key: key },
      { provider_keys: { openai: key } },
      { api_key: key, openai_api_key: key, provider_keys: { openai: key } },
      { api_key: key, provider_keys: { anthropic: null } },
    ]) {
      const id = await stage.createProject(body);
      expect((await get(stage, id)).provider_keys).toEqual({ openai: masked });
    }
    for (const body of [
      { api_key: key, openai_api_key: `${key}x` },
      { api_key: key, provider_keys: { openai: `${key}x` } },
      { api_key: null, provider_keys: { openai: key } },
    ])
      expect(await faultOf(stage.ask("POST", "/manage/projects", { name: "never", ...body }))).toBe("400 body_invalid");
  });

  onStage("a key that is none is refused, in the old words too, and never repeated", async (stage) => {
    const id = await stage.createProject({ api_key: key });
    const canary = "canary";
    for (const bad of [
      "",
      masked,
      `${canary}****ghij`,
      "****",
      "**",
      `${canary} key`,
      `${canary}\n`,
      `${canary}\u0000`,
      `${canary}é`,
      7,
      {},
      [],
    ])
      for (const body of [{ api_key: bad }, { openai_api_key: bad }, { provider_keys: { openai: bad } }]) {
        const answer = await patch(stage, id, body);
        expect([bad, answer.status, readFault(answer).code]).toEqual([bad, 400, "body_invalid"]);
        expect(answer.text).not.toContain(canary);
        expect((await stage.ask("POST", "/manage/projects", { name: "never", ...body })).status).toBe(400);
      }
    const answer = await patch(stage, id, { api_key: masked });
    expect(readFault(answer).message).toContain("invalid request body");
    expect(readFault(answer).message).toContain("cannot save obfuscated API key");
    expect((await get(stage, id)).provider_keys).toEqual({ openai: masked });
  });

  onStage("keys are for providers that there are; one of a provider that is gone can be taken away", async (stage) => {
    const answer = await stage.ask("POST", "/manage/projects", { name: "a", provider_keys: { groq: key } });
    expect(answer.status).toBe(400);
    expect(readFault(answer).message).toContain("provider_keys.groq");
    expect(readFault(answer).message).toContain("openai, anthropic, gemini");
    const id = await stage.createProject();
    await expectStatus(200, patch(stage, id, { provider_keys: { groq: null } }));
  });

  onStage("keys, rules and settings are changed one by one, and null takes one away", async (stage) => {
    const id = await stage.createProject({
      provider_keys: { openai: key, anthropic: "sk-ant-9876543210zyxw" },
      policy: { allowed_methods: ["POST"], required_headers: ["x-team"] },
      settings: { validate: true, on_disconnect: "drain" },
      metadata: { a: "1", b: "2" },
    });
    const json = readProject(
      await expectStatus(
        200,
        patch(stage, id, {
          provider_keys: { anthropic: null, gemini: "AIza0123456789abcdefghij" },
          policy: { required_headers: null, allowed_origins: ["https://app.example.com"] },
          settings: { validate: null, stream_usage: "inject" },
          metadata: { c: "3" },
        }),
      ),
    );
    expect(json.provider_keys).toEqual({ openai: masked, gemini: "AIza0123...ghij" });
    expect(json.policy).toMatchObject({
      allowed_methods: ["POST"],
      required_headers: null,
      allowed_origins: ["https://app.example.com"],
    });
    expect(json.settings).toMatchObject({ validate: null, on_disconnect: "drain", stream_usage: "inject" });
    expect(json.metadata).toEqual({ c: "3" });
    // Whoever checks calls takes what isn't there for no rule, and knows no null.
    const stored = await stage.stores.projects.find(id);
    expect(stored?.policy).toEqual({ allowedMethods: ["POST"], allowedOrigins: ["https://app.example.com"] });
    expect(stored?.settings).toEqual({ onDisconnect: "drain", streamUsage: "inject" });
    expect(await get(stage, id)).toEqual(json);
  });

  onStage("what was answered can be sent back, but for its keys", async (stage) => {
    const id = await stage.createProject({ policy: { allowed_methods: ["POST"] }, metadata: { a: "1" } });
    const { name, is_active, metadata, policy, settings } = await get(stage, id);
    const json = readProject(
      await expectStatus(200, patch(stage, id, { name, is_active, metadata, policy, settings })),
    );
    expect(json).toEqual(await get(stage, id));
    expect(json.policy).toEqual(policy);
  });

  onStage("a change of nothing is none", async (stage) => {
    const id = await stage.createProject();
    const before = await get(stage, id);
    const entries = (await stage.audit()).length;
    stage.clock.now += 1000;
    expect(readProject(await expectStatus(200, patch(stage, id, {})))).toEqual(before);
    expect((await stage.audit()).length).toBe(entries);
  });

  const faults: Readonly<Record<string, unknown>> = {
    "no name": { api_key: key },
    "an empty name": { name: "" },
    "a blank name": { name: " \t " },
    "a name of two lines": { name: "a\nb" },
    "a name with a NUL": { name: "a\u0000b" },
    "a name that is half a character": { name: "a\ud800" },
    "a long name": { name: "x".repeat(201) },
    "a number for a name": { name: 7 },
    "keys that are text": { name: "a", provider_keys: key },
    "an is_active that is text": { name: "a", is_active: "true" },
    "metadata that is a list": { name: "a", metadata: ["a"] },
    "metadata with a NUL": { name: "a", metadata: { a: "\u0000" } },
    "metadata with too many entries": {
      name: "a",
      metadata: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [at, ""])),
    },
    "metadata that is too long": { name: "a", metadata: { a: "x".repeat(16_384) } },
    "a setting that is none": { name: "a", settings: { exchange_logs: "off" } },
    "a setting of the wrong kind": { name: "a", settings: { validate: "yes" } },
    "a setting that can't be": { name: "a", settings: { stream_usage: "on" } },
    "a rule that is none": { name: "a", policy: { allowed_models: ["x"] } },
    "an empty rule": { name: "a", policy: { allowed_methods: [] } },
    "a method that is none": { name: "a", policy: { allowed_methods: ["PO ST"] } },
    "an endpoint without a slash": { name: "a", policy: { allowed_endpoints: ["v1"] } },
    "an endpoint with a query": { name: "a", policy: { allowed_endpoints: ["/v1?x"] } },
    "an encoded endpoint": { name: "a", policy: { allowed_endpoints: ["/v1/%2e%2e"] } },
    "an endpoint with dots": { name: "a", policy: { allowed_endpoints: ["/v1/../x"] } },
    "an origin with a path": { name: "a", policy: { allowed_origins: ["https://app.example.com/"] } },
    "an origin that is none": { name: "a", policy: { allowed_origins: ["null"] } },
    "a header that is none": { name: "a", policy: { required_headers: ["x team"] } },
    "patterns that are text": { name: "a", policy: { param_whitelist: { model: "gpt-4o" } } },
    "a parameter without patterns": { name: "a", policy: { param_whitelist: { model: [] } } },
    "a field that nobody knows": { name: "a", base_url: "http://127.0.0.1" },
    "revoke_tokens, which is for changes": { name: "a", revoke_tokens: true },
  };
  onStage("with what is wrong it is refused, and nothing is made", async (stage) => {
    for (const [what, body] of Object.entries(faults))
      expect([what, await faultOf(stage.ask("POST", "/manage/projects", body))]).toEqual([what, "400 body_invalid"]);
    expect(readProjects(await stage.ask("GET", "/manage/projects")).projects).toEqual([]);
    const unknown = await stage.ask("POST", "/manage/projects", { name: "a", settings: { base_url: 1 }, base_url: 1 });
    expect(readFault(unknown).message).toContain("unknown field settings.base_url");
    expect(readFault(await stage.ask("POST", "/manage/projects", { api_key: key })).message).toContain(
      "name is required",
    );
  });

  onStage("no two have one name, and the attempt is an entry", async (stage) => {
    await stage.createProject({ name: "taken" });
    const id = await stage.createProject({ name: "other" });
    expect(await faultOf(stage.ask("POST", "/manage/projects", { name: "taken" }))).toBe("409 project_exists");
    expect(await faultOf(patch(stage, id, { name: "taken" }))).toBe("409 project_exists");
    await expectStatus(200, patch(stage, id, { name: "other" }));
    const failed = (await stage.audit()).filter(({ outcome }) => outcome === "failure");
    expect(failed.map(({ action, reason, projectId, after }) => [action, reason, projectId, after])).toEqual([
      ["project.create", "project_exists", undefined, { name: "taken" }],
      ["project.update", "project_exists", id, { name: "taken" }],
    ]);
  });

  onStage("deactivation is told with its time, stops new tokens, and is undone by activation", async (stage) => {
    const id = await stage.createProject();
    stage.clock.now += 5000;
    expect((await patch(stage, id, { is_active: false })).json).toMatchObject({
      is_active: false,
      deactivated_at: "2026-03-01T12:00:05.000Z",
      updated_at: "2026-03-01T12:00:05.000Z",
    });
    const refused = await stage.ask("POST", "/manage/tokens", { project_id: id, duration: "1h" });
    expect([refused.status, readFault(refused).code]).toEqual([403, "project_inactive"]);
    expect(readFault(refused).message).toContain("cannot create tokens for inactive projects");
    expect((await stage.audit()).at(-1)).toMatchObject({ action: "token.create", outcome: "denied", projectId: id });
    expect((await patch(stage, id, { is_active: true })).json).toMatchObject({ is_active: true, deactivated_at: null });
    await stage.createToken(id);
  });

  onStage("tokens are revoked with a deactivation, and with nothing else", async (stage) => {
    const id = await stage.createProject();
    await stage.createToken(id);
    for (const body of [{ revoke_tokens: true }, { revoke_tokens: true, is_active: true }, { revoke_tokens: false }]) {
      const answer = await patch(stage, id, body);
      expect(answer.status).toBe(400);
      expect(readFault(answer).message).toContain("revoke_tokens requires is_active=false");
    }
    const listActive = async () =>
      readTokens(await stage.ask("GET", `/manage/tokens?project_id=${id}&active_only=true`)).tokens;
    expect((await listActive()).length).toBe(1);
    await expectStatus(200, patch(stage, id, { is_active: false, revoke_tokens: true }));
    expect(await listActive()).toEqual([]);
  });

  onStage("all tokens of a project are revoked at once, again and again", async (stage) => {
    const id = await stage.createProject();
    const other = await stage.createToken(await stage.createProject());
    const tokens = [
      await stage.createToken(id),
      await stage.createToken(id),
      await stage.createToken(id),
      await stage.createToken(id),
    ];
    await stage.ask("DELETE", `/manage/tokens/${tokens[0]?.id}`);
    const revoke = () => stage.ask("POST", `/manage/projects/${id}/tokens/revoke`);
    expect((await revoke()).json).toEqual({ revoked_count: 3, already_revoked_count: 1, total_tokens: 4 });
    expect((await revoke()).json).toEqual({ revoked_count: 0, already_revoked_count: 4, total_tokens: 4 });
    expect(readToken(await stage.ask("GET", `/manage/tokens/${other.id}`)).is_active).toBe(true);
  });

  onStage("it is never deleted, and who tries is told what to do and is an entry", async (stage) => {
    const id = await stage.createProject();
    const asking = stage.ask("DELETE", `/manage/projects/${id}`);
    expect(await faultOf(asking)).toBe("405 method_not_allowed");
    expect((await asking).headers.get("allow")).toBe("GET, PATCH");
    expect(readFault(await asking).message).toContain("is_active: false");
    expect((await get(stage, id)).is_active).toBe(true);
    expect((await stage.audit()).find(({ action }) => action === "project.delete")).toMatchObject({
      outcome: "failure",
      projectId: id,
    });
  });

  onStage("what nobody made is not found, whatever its id looks like", async (stage) => {
    for (const id of [
      crypto.randomUUID(),
      "1",
      "x",
      "'; drop table projects; --",
      "%2e",
      "\u0000",
      "a/b",
      "é",
      "x".repeat(2000),
    ]) {
      const path = `/manage/projects/${encodeURIComponent(id)}`;
      expect([id, await faultOf(stage.ask("GET", path))]).toEqual([id, "404 project_not_found"]);
      expect(await faultOf(stage.ask("PATCH", path, { name: "a" }))).toBe("404 project_not_found");
      expect(await faultOf(stage.ask("POST", `${path}/tokens/revoke`))).toBe("404 project_not_found");
    }
    const id = await stage.createProject();
    expect((await get(stage, id.toUpperCase())).id).toBe(id);
  });

  onStage("the list is walked by its cursor, searched, filtered, and paged in every way", async (stage) => {
    const made: string[] = [];
    for (const name of ["Alpha", "beta_one", "beta-two", "50% off", "inactive"])
      made.unshift(await stage.createProject({ name, is_active: name !== "inactive" }));
    const ask = (query: string) => expectStatus(200, stage.ask("GET", `/manage/projects?${query}`));
    const list = async (query: string) => readProjects(await ask(query)).projects;
    const idsOf = async (query: string) => (await list(query)).map(({ id }) => id);
    const walked: string[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const page = readProjects(await ask(`limit=2${cursor && `&cursor=${cursor}`}`));
      walked.push(...page.projects.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(walked).toEqual(made);
    expect(await idsOf("page=2&page_size=2")).toEqual(made.slice(2, 4));
    expect(readIds(await ask("format=array"))).toEqual(made);
    expect(readIds(await ask("format=array&limit=1"))).toEqual(made.slice(0, 1));
    const names = async (query: string) => (await list(query)).map(({ name }) => name);
    expect(await names("search=ALPHA")).toEqual(["Alpha"]);
    expect(await names("search=_")).toEqual(["beta_one"]);
    expect(await names("search=%25")).toEqual(["50% off"]);
    expect(await names("active=false")).toEqual(["inactive"]);
    expect((await names("active=true")).length).toBe(4);
    expect((await list("limit=0")).length).toBe(1);
    expect((await list("limit=1000")).length).toBe(5);
    for (const query of [
      "cursor=x",
      "cursor=%00",
      "active=x",
      "format=x",
      "search=",
      "search=%00",
      "searhc=a",
      `page=1&cursor=${made[0]}`,
      "limit=1&page_size=2",
      "limit=1&limit=2",
    ])
      expect([query, await faultOf(stage.ask("GET", `/manage/projects?${query}`))]).toEqual([
        query,
        "400 query_invalid",
      ]);
    expect(readFault(await stage.ask("GET", "/manage/projects?searhc=a")).message).toContain(
      "unknown parameter searhc",
    );
  });
});
