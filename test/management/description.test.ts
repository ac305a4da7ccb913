import { expect, test } from "bun:test";
import { hc } from "hono/client";
import type { ManagementApi } from "../../src/management/management.ts";
import { makeSqlitePlace } from "../storage.ts";
import { askDescription } from "./openapi.ts";
import { expectStatus, managementToken, openStage, readProject, readToken } from "./stage.ts";

test("the description is OpenAPI 3.1, with a summary and the parameters of every operation", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const { api, operations } = await askDescription(stage);
  expect(api.openapi).toBe("3.1.0");
  expect(api.info).toMatchObject({ title: "Weir", version: "1.2.3" });
  const tags = new Set(api.tags.map(({ name }) => name));
  for (const { method, path, operation } of operations) {
    expect([path, operation.summary.length > 5, tags.has(operation.tags[0] ?? "")]).toEqual([path, true, true]);
    const named = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = ""]) => name);
    const described = operation.parameters.filter((each) => each.in === "path").map(({ name }) => name);
    expect([method, path, ...described.toSorted()]).toEqual([method, path, ...named.toSorted()]);
  }
  const own = operations.filter((each) => each.own);
  expect(new Set(own.map(({ operation }) => operation.operationId)).size).toBe(own.length);
  expect(own.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual([
    "DELETE /manage/projects/{id}",
    "DELETE /manage/tokens/{id}",
    "GET /api/docs",
    "GET /manage/audit",
    "GET /manage/audit/verify",
    "GET /manage/audit/{id}",
    "GET /manage/config",
    "GET /manage/dead-letters",
    "GET /manage/exchanges",
    "GET /manage/exchanges/live",
    "GET /manage/exchanges/{id}",
    "GET /manage/exchanges/{id}/body",
    "GET /manage/openapi.json",
    "GET /manage/projects",
    "GET /manage/projects/{id}",
    "GET /manage/providers",
    "GET /manage/sinks",
    "GET /manage/tokens",
    "GET /manage/tokens/{id}",
    "GET /manage/usage",
    "PATCH /manage/projects/{id}",
    "PATCH /manage/tokens/{id}",
    "POST /manage/cache/purge",
    "POST /manage/projects",
    "POST /manage/projects/{id}/tokens/revoke",
    "POST /manage/sinks/{name}/pause",
    "POST /manage/sinks/{name}/replay",
    "POST /manage/sinks/{name}/resume",
    "POST /manage/tokens",
  ]);
});

test("it refers to nothing that isn't there, and asks for the token everywhere but for its page", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const { api, operations } = await askDescription(stage);
  const references = JSON.stringify(api).match(/#\/components\/schemas\/\w+/g) ?? [];
  expect(references.length).toBeGreaterThan(30);
  for (const reference of references)
    expect(Object.keys(api.components.schemas)).toContain(reference.split("/").at(-1) ?? "");
  expect(api.security).toEqual([{ management: [] }]);
  const open = operations.filter(({ operation, own }) => own && operation.security !== undefined);
  expect(open.map(({ path }) => path)).toEqual(["/api/docs"]);
  const schemes = operations.flatMap(({ operation }) =>
    (operation.security ?? []).flatMap((each) => Object.keys(each)),
  );
  for (const scheme of schemes) expect(Object.keys(api.components.securitySchemes)).toContain(scheme);
});

test("it tells of proxied paths what is ours: credentials, refusals, added headers", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const { api } = await askDescription(stage);
  const { responses = {}, security = [] } = api.paths["/v1/{path}"]?.["post"] ?? {};
  expect(responses["401"]?.description).toContain("token_expired");
  expect(responses["429"]?.description).toContain("quota_exceeded");
  expect(Object.keys(responses["default"]?.headers ?? {})).toContain("x-weir-exchange-id");
  expect(security.map((each) => Object.keys(each)[0] ?? "")).toContain("x-goog-api-key");
});

test("its examples are taken", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const { api } = await askDescription(stage);
  const exampleOf = (name: string) => ({ ...(api.components.schemas[name]?.example as object) });
  const project = readProject(await expectStatus(201, stage.ask("POST", "/manage/projects", exampleOf("NewProject"))));
  const wanted = { ...exampleOf("NewToken"), project_id: project.id };
  const token = readToken(await expectStatus(201, stage.ask("POST", "/manage/tokens", wanted)));
  await expectStatus(200, stage.ask("PATCH", `/manage/tokens/${token.id}`, exampleOf("TokenChange")));
  await expectStatus(200, stage.ask("PATCH", `/manage/projects/${project.id}`, exampleOf("ProjectChange")));
});

test("the types of the routes reach a client", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const { manage } = hc<ManagementApi>("http://127.0.0.1:3000", {
    headers: { authorization: `Bearer ${managementToken}` },
    fetch: (input: string | URL | Request, init?: RequestInit) =>
      stage.fetch(input instanceof Request ? input : new Request(String(input), init)),
  });
  const made = await manage.projects.$post({
    json: { name: "typed", provider_keys: { openai: "sk-0123456789abcdefghij" } },
  });
  if (made.status !== 201) throw new Error((await made.json()).error.message);
  const { id, provider_keys: keys, policy } = await made.json();
  const shown: string | undefined = keys["openai"];
  const methods: readonly string[] | null = policy.allowed_methods;
  expect(shown).toBe("sk-01234...ghij");
  expect(methods).toBeNull();

  const minted = await manage.tokens.$post({ json: { project_id: id, duration: "24h", max_requests: 5 } });
  if (minted.status !== 201) throw new Error((await minted.json()).error.message);
  const token = await minted.json();
  const bound: number | null = token.max_requests;
  expect(bound).toBe(5);
  const changed = await manage.tokens[":id"].$patch({ param: { id: token.id }, json: { never_expires: true } });
  if (changed.status !== 200) throw new Error((await changed.json()).error.message);
  const expiry: string | null = (await changed.json()).expires_at;
  expect(expiry).toBeNull();

  const listed = await manage.tokens.$get({ query: { project_id: id, limit: "5" } });
  if (listed.status !== 200) throw new Error((await listed.json()).error.message);
  const { tokens, next_cursor: cursor } = await listed.json();
  const next: string | null = cursor;
  expect(tokens.map((each) => each.id)).toEqual([token.id]);
  expect(next).toBeNull();

  const revoked = await manage.projects[":id"].tokens.revoke.$post({ param: { id } });
  if (revoked.status !== 200) throw new Error((await revoked.json()).error.message);
  const count: number = (await revoked.json()).revoked_count;
  expect(count).toBe(1);
  const verified = await manage.audit.verify.$get();
  if (verified.status !== 200) throw new Error((await verified.json()).error.message);
  expect((await verified.json()).ok).toBe(true);
});
