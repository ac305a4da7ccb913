import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import type { Header } from "../wire/upstream.ts";
import {
  type Control,
  expectStatus,
  families,
  familyNames,
  type Managed,
  managementToken,
  onEachDatabase,
  openControl,
} from "./control.ts";
import { mistypeToken } from "./forge.ts";

const gateKey = "canary-gate-8Qx1aZ7tR2";
const keys = {
  openai: "canary-openai-6Ov3cX9uS4",
  anthropic: "canary-anthropic-5Nu4dW8vT5",
  gemini: "canary-gemini-4Mt5eV7wU6",
} as const;
const rotated = "canary-rotated-3Ls6fU6xV7";
const operator = "canary-operator-2Kr7gT5yW8";
const own = "canary-own-1Jq8hS4zX9";

onEachDatabase((kind) => {
  test("no secret is in any file, row, log line, error, audit entry, record or status page, whatever is done", async () => {
    const encryptionKey = randomBytes(32).toString("base64");
    await using control = await openControl({
      kind,
      env: {
        AUTH_MODE: "gate,token",
        PROXY_API_KEY: gateKey,
        UPSTREAM_API_KEY: operator,
        ENCRYPTION_KEY: encryptionKey,
        LOG_LEVEL: "trace",
        AUDIT_READS: "all",
      },
      yaml: 'providers: { nowhere: { base_url: "http://127.0.0.1:1", dialect: openai, key_in: query } }',
    });
    const { tokens, answers } = await doEverything(control);
    for (const path of [
      "/health",
      "/api/health",
      "/metrics",
      "/metrics.json",
      "/manage/audit?limit=100",
      "/manage/projects?format=array",
      "/manage/tokens?format=array",
      "/manage/openapi.json",
      "/manage/config",
      "/manage/providers",
    ])
      answers.push((await control.manage("GET", path)).text);
    const rows = await control.store.dump();
    expect(await control.weirs[0]?.stop()).toBe(0);

    const secrets = [
      ...Object.values(keys),
      rotated,
      operator,
      own,
      gateKey,
      managementToken,
      encryptionKey,
      ...tokens,
      ...tokens.map(mistypeToken),
    ];
    const search = createSearch(secrets);
    expect(search("output", control.weirs[0]?.output() ?? "")).toEqual([]);
    expect(search("the database", rows)).toEqual([]);
    const files = await readFiles(control.folder);
    for (const name of ["exchanges.jsonl", "audit.log", "outbox.db"]) expect([...files.keys()].join()).toContain(name);
    for (const [name, bytes] of files) expect(search(name, bytes)).toEqual([]);
    expect(answers.flatMap((text) => search("an answer", text))).toEqual([]);
    for (const token of tokens) {
      for (const digest of ["hex", "base64", "base64url", "latin1"] as const) {
        const hash = createHash("sha256").update(token).digest().toString(digest);
        expect([digest, rows.includes(hash)]).toEqual([digest, false]);
      }
    }

    // What stands above would hold for a program that did nothing.
    expect(rows).toContain("enc:v2:");
    const passed = control.seen.map(({ head }) => head).join("\n");
    for (const key of [...Object.values(keys), rotated, operator, own]) expect(passed).toContain(key);
    for (const never of [gateKey, managementToken, encryptionKey, ...tokens, "sk-weir-"])
      expect(passed).not.toContain(never);
  }, 60_000);

  test("without ENCRYPTION_KEY no token can be read in the database, and every start warns", async () => {
    await using control = await openControl({ kind, env: { ENCRYPTION_KEY: undefined } });
    const { token } = await control.createToken((await control.createProject()).id);
    expect((await control.call({ token })).answer.status).toBe(200);
    const rows = await control.store.dump();
    expect(createSearch([token])("the database", rows)).toEqual([]);
    expect(rows).not.toContain(createHash("sha256").update(token).digest("hex"));
    const warned = () => control.weirs[0]?.output().includes("ENCRYPTION_KEY");
    await waitFor(warned, "The first start doesn't warn");
    await control.restart();
    await waitFor(warned, "The second start doesn't warn");
  }, 30_000);
});

/** Every kind of change and of fault, with canaries wherever a secret may stand; gives the tokens, and what was answered. */
async function doEverything(
  control: Control,
): Promise<{ readonly tokens: readonly string[]; readonly answers: string[] }> {
  const answers: string[] = [];
  const manage = async (method: string, path: string, body?: unknown, authorization?: string): Promise<Managed> => {
    const answer = await control.manage(method, path, body, authorization === undefined ? {} : { authorization });
    const headers = [...answer.headers].map((header) => header.join(": ")).join("\n");
    answers.push(`${headers}\n${answer.text}`);
    return answer;
  };
  const project = await control.createProject({
    provider_keys: { ...keys, nowhere: keys.openai },
    settings: { allow_own_keys: true },
  });
  const path = `/manage/projects/${project.id}`;
  const [active, revoked, limited] = [
    await control.createToken(project.id, { user_id: "zoë" }),
    await control.createToken(project.id),
    await control.createToken(project.id, { max_requests: 1 }),
  ];
  const tokens = [active.token, revoked.token, limited.token];

  const call = async (headers: readonly Header[], query: string, more: { readonly target?: string } = {}) => {
    for (const family of familyNames) {
      const target = `${more.target ?? `/${family}${families[family].target}`}${query}`;
      const { answer } = await control.call({ family, headers, target });
      answers.push(`${answer.headers.map((header) => header.join(": ")).join("\n")}\n${answer.text}`);
    }
  };
  expectStatus(204, await manage("DELETE", `/manage/tokens/${revoked.id}`));
  const texts = [...tokens, ...tokens.map((token) => mistypeToken(token)), gateKey, managementToken, own];
  for (const text of texts) {
    // First, since the audit tells of few denials in a minute.
    await call([], `?api_key=${text}&KEY=${text}&%6bey=${text}&a=1&access_token=${text}`);
    if (tokens.includes(text)) await call([], "", { target: `/openai/${text}/v1/responses` });
    await Promise.all([
      call([["authorization", `Bearer ${text}`]], ""),
      call([["authorization", `Basic ${btoa(`user:${text}`)}`]], ""),
      call([["x-api-key", text]], ""),
      call([["api-key", text]], ""),
      call([["x-weir-key", text]], ""),
      call(
        [
          ["x-weir-key", active.token],
          ["x-goog-api-key", text],
        ],
        "",
      ),
      call([], `?key=${text}&x=1`),
      call([["authorization", `Bearer ${text}`]], "", { target: "/nowhere/v1/responses" }),
      call([["sec-websocket-protocol", `realtime, openai-insecure-api-key.${text}`]], "", { target: "/v1/realtime" }),
      call([["authorization", `Bearer ${text}`]], "", { target: "/nothing" }),
    ]);
    for (const authorization of [`Bearer ${text}`, `Basic ${btoa(`admin:${text}`)}`])
      if (text !== managementToken) await manage("GET", "/manage/projects", undefined, authorization);
    await manage("GET", `/manage/tokens/${text}`);
    await manage("GET", `/manage/audit?search=${text}`);
  }

  const faults: readonly (readonly [string, string, unknown])[] = [
    ["POST", "/manage/projects", { name: project.name, provider_keys: keys }],
    ["POST", "/manage/projects", `{"name":"x","provider_keys":{"openai":"${rotated}"`],
    ["POST", "/manage/projects", { name: "x", provider_keys: { openai: [rotated] } }],
    ["POST", "/manage/projects", { name: "x", unknown: rotated }],
    ["POST", "/manage/projects", { name: "x", provider_keys: { unknown: rotated } }],
    ["PATCH", path, { provider_keys: { openai: rotated } }],
    ["PATCH", path, { openai_api_key: rotated, name: 7 }],
    ["PATCH", path, { is_active: false }],
    ["POST", "/manage/tokens", { project_id: project.id, duration_minutes: 5 }],
    ["PATCH", path, { is_active: true }],
    ["POST", "/manage/tokens", { project_id: active.token, duration_minutes: 5 }],
    ["PATCH", `/manage/tokens/${active.id}`, { name: "renamed", max_requests: 100 }],
    ["PATCH", `/manage/tokens/${active.id}`, { token: active.token }],
    ["GET", path, undefined],
    ["GET", `/manage/tokens/${active.id}`, undefined],
    ["GET", "/manage/audit/verify", undefined],
  ];
  for (const [method, target, body] of faults) await manage(method, target, body);

  await control.call({ token: active.token });
  await control.call({ token: active.token, script: (seen) => seen.reset() });
  await control.call({
    token: active.token,
    script: (seen) => {
      seen.begin();
      seen.chunk("data: {}\n\n");
      setTimeout(seen.reset, 30);
    },
  });
  const leaving = control.open({ token: active.token, script: () => {} });
  await leaving.arrived();
  leaving.leave();
  await manage("POST", `${path}/tokens/revoke`);
  await control.call({ token: active.token });
  return { tokens, answers };
}

/** Finds secrets in a text, in their own form and as somebody might have encoded them. */
function createSearch(secrets: readonly string[]): (where: string, text: string) => readonly string[] {
  const forms = secrets.flatMap((secret) => {
    const bytes = Buffer.from(secret);
    return [secret, bytes.toString("hex"), bytes.toString("base64").replace(/=+$/, ""), encodeURIComponent(secret)].map(
      (form) => [secret, form] as const,
    );
  });
  return (where, text) => forms.filter(([, form]) => text.includes(form)).map(([secret]) => `${where}: ${secret}`);
}

/** All files under a folder, as Latin-1, by their paths. */
async function readFiles(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (path) => [path, await readFile(path, "latin1")] as const)));
}
