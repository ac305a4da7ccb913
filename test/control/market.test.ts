import { createHash, createHmac } from "node:crypto";
import { describe, expect, test } from "bun:test";
import { openRaw, send } from "../wire/client.ts";
import type { Header } from "../wire/upstream.ts";
import {
  expectStatus,
  families,
  familyNames,
  managementToken,
  onEachDatabase,
  providerKeys,
  readProjects,
  readTokens,
  refusalOf,
  useControl,
} from "./control.ts";
import { alterToken, forgeToken } from "./forge.ts";

/** Texts that end a statement where one is put together from text. */
const injections = [
  "sk-weir-' OR '1'='1",
  "sk-weir-' OR 1=1 --",
  "sk-weir-'; UPDATE tokens SET is_active = 1; --",
  'sk-weir-" OR ""="',
  "sk-weir-') UNION SELECT * FROM tokens --",
  "sk-weir-%",
  "sk-weir-%27%20OR%201=1--",
  "sk-weir-\\' OR 1=1 #",
  "' OR '1'='1",
];

onEachDatabase((kind) => {
  const find = useControl({ kind });
  const mint = async (more: object = {}) => {
    const project = await find().createProject();
    return { project, ...(await find().createToken(project.id, more)) };
  };
  const port = () => find().weirs[0]?.port ?? 0;

  test("CVE-2026-42208: SQL in a credential finds no token, in no place, and changes none", async () => {
    const { id, token } = await mint();
    const inactive = await mint();
    expectStatus(204, await find().manage("DELETE", `/manage/tokens/${inactive.id}`));
    expect((await find().call({ token })).answer.status).toBe(200);
    for (const text of injections) {
      const calls = [
        { token: text },
        ...["x-api-key", "x-goog-api-key", "api-key", "x-weir-key"].map((name) => ({
          headers: [[name, text]] as readonly Header[],
        })),
        { target: `/openai/v1/responses?key=${encodeURIComponent(text)}` },
      ];
      for (const call of calls) {
        const { answer, seen } = await find().call(call);
        expect([text, answer.status, seen.length]).toEqual([text, 401, 0]);
        expect(answer.text.toLowerCase()).not.toMatch(/sql|syntax|select|sqlite|postgres/);
      }
    }
    expect((await find().findToken(id)).is_active).toBe(true);
    expect((await find().findToken(inactive.id)).is_active).toBe(false);
  });

  test("CVE-2026-42208: SQL in a path or a query of the API finds nothing and fails nowhere", async () => {
    const { project } = await mint();
    for (const text of injections) {
      const part = encodeURIComponent(text);
      const lists = [
        `/manage/tokens?project_id=${part}`,
        `/manage/tokens?project_id=${project.id}${part}`,
        `/manage/audit?project_id=${part}`,
        `/manage/audit?actor=${part}`,
      ];
      for (const path of lists) {
        const { status, json } = await find().manage("GET", path);
        expect([path, [200, 400].includes(status)]).toEqual([path, true]);
        if (status === 200) expect(Object.values(json as object)[0]).toEqual([]);
      }
      for (const path of [
        `/manage/projects?search=${part}`,
        `/manage/projects?cursor=${part}`,
        `/manage/tokens?cursor=${part}`,
        `/manage/tokens?expires_before=${part}`,
        `/manage/audit?search=${part}`,
        `/manage/audit?start_time=${part}`,
        `/manage/projects/${part}`,
        `/manage/tokens/${part}`,
        `/manage/audit/${part}`,
      ]) {
        const { status } = await find().manage("GET", path);
        expect([path, [200, 400, 404].includes(status)]).toEqual([path, true]);
      }
    }
    expect(readProjects(await find().manage("GET", "/manage/projects")).length).toBeGreaterThan(0);
  });

  test("CVE-2026-35030: no part of a token stands for the whole, though the whole is warm", async () => {
    const { token } = await mint();
    for (let calls = 0; calls < 5; calls += 1) expect((await find().call({ token })).answer.status).toBe(200);
    for (const at of [0, 1, 12, 20, 30, 31]) {
      const { answer, seen } = await find().call({ token: alterToken(token, at) });
      expect([at, refusalOf(answer), seen.length]).toEqual([at, "401 token_unknown", 0]);
    }
    for (const kept of [8, 16, 24, 31]) {
      const { answer, seen } = await find().call({ token: forgeToken(token, kept) });
      expect([kept, refusalOf(answer), seen.length]).toEqual([kept, "401 token_unknown", 0]);
    }
    for (const text of [
      token.slice(0, 20),
      token.slice(0, 40),
      `${token}a`,
      token.toUpperCase(),
      token.toLowerCase(),
      ` ${token}a`,
    ]) {
      const { answer, seen } = await find().call({ token: text });
      expect([text, answer.status, seen.length]).toEqual([text, 401, 0]);
    }
    expect((await find().call({ token })).answer.status).toBe(200);
  });

  test("GHSA-69x8: nothing that is kept of a token is a credential, and no plain hash of it is kept", async () => {
    const { id, token } = await mint();
    expect((await find().call({ token })).answer.status).toBe(200);
    const rows = await find().store.dump();
    const digest = createHash("sha256").update(token).digest();
    for (const encoding of ["hex", "base64", "base64url", "latin1"] as const)
      expect([encoding, rows.includes(digest.toString(encoding))]).toEqual([encoding, false]);

    const kept = new Set<string>([id, digest.toString("hex"), createHmac("sha256", "").update(digest).digest("hex")]);
    for (const table of await find().store.listTables()) {
      for (const row of await find().store.query(`SELECT * FROM ${table}`)) {
        for (const value of Object.values(row)) for (const text of textsOf(value)) kept.add(text);
      }
    }
    expect(kept.size).toBeGreaterThan(5);
    for (const text of kept) {
      for (const credential of [text, `sk-weir-${text}`]) {
        const { answer, seen } = await find().call({ token: credential });
        expect([credential, answer.status, seen.length]).toEqual([credential, 401, 0]);
      }
    }
  }, 60_000);

  describe("CVE-2026-47101: a token opens no more than its calls", () => {
    test("it is no credential of the API, wherever it stands", async () => {
      const { id, project, token } = await mint({ max_requests: 5 });
      const asked: readonly (readonly [string, string, unknown])[] = [
        ["GET", "/manage/projects", undefined],
        ["GET", `/manage/tokens/${id}`, undefined],
        ["PATCH", `/manage/tokens/${id}`, { max_requests: 0, expires_at: "2099-01-01T00:00:00Z" }],
        ["POST", "/manage/tokens", { project_id: project.id, never_expires: true }],
        [
          "PATCH",
          `/manage/projects/${project.id}`,
          { settings: { allow_own_keys: true }, provider_keys: { openai: "evil" } },
        ],
        ["GET", "/manage/audit", undefined],
      ];
      for (const [method, path, body] of asked) {
        for (const credential of [token, providerKeys.openai]) {
          const byBearer = await find().manage(method, path, body, { authorization: `Bearer ${credential}` });
          const byOthers = await find().manage(method, `${path}?key=${credential}`, body, {
            authorization: null,
            headers: { "x-api-key": credential, "x-weir-key": credential, cookie: `session=${credential}` },
          });
          expect([method, path, byBearer.status, byOthers.status]).toEqual([method, path, 401, 401]);
        }
      }
      expect(await find().findToken(id)).toMatchObject({ max_requests: 5, is_active: true });
      expect(readTokens(await find().manage("GET", `/manage/tokens?project_id=${project.id}`)).length).toBe(1);
    });

    test("no header, query or body of a call widens it", async () => {
      const { token } = await mint({ max_requests: 1 });
      await find().call({ token });
      const { answer, seen } = await find().call({
        token,
        target: "/v1/chat/completions?max_requests=100&admin=true&project_id=1",
        headers: [
          ["x-weir-project", "other"],
          ["x-weir-max-requests", "100"],
          ["x-weir-admin", "true"],
          ["x-forwarded-user", "admin"],
        ],
        body: '{"model":"gpt-4o","max_requests":100,"allowed_routes":["/*"],"metadata":{"max_requests":100}}',
      });
      expect([refusalOf(answer), seen.length]).toEqual(["429 quota_exceeded", 0]);
    });

    test("what goes upstream from a path of ours is nothing", async () => {
      const { token } = await mint();
      for (const path of ["/manage/projects", "/manage/../manage/tokens", "/admin/", "/metrics", "/health"]) {
        const { seen } = await find().call({ method: "GET", target: path, token });
        expect([path, seen.length]).toEqual([path, 0]);
      }
    });
  });

  test("CVE-2026-49468, CVE-2026-12773: Host, and what a proxy says of it, plays no part in who may do what", async () => {
    const { token } = await mint();
    const hosts: readonly (readonly Header[])[] = [
      [["host", "localhost"]],
      [["host", "127.0.0.1"]],
      [["host", "admin.internal"]],
      [
        ["host", `127.0.0.1:${port()}`],
        ["x-forwarded-host", "localhost"],
        ["x-forwarded-for", "127.0.0.1"],
        ["x-real-ip", "127.0.0.1"],
      ],
      [["host", "evil.example/manage"]],
      [["host", "x/health?"]],
      [["host", "x/manage/openapi.json#"]],
      [["host", "[::1"]],
      [
        ["host", "evil.example"],
        ["x-original-url", "/health"],
        ["x-rewrite-url", "/health"],
      ],
    ];
    for (const host of hosts) {
      const shut = await send(port(), { target: "/manage/projects", headers: host });
      expect([host[0]?.[1], [400, 401, 404].includes(shut.status)]).toEqual([host[0]?.[1], true]);
      const nobody = await find().call({ headers: host });
      expect([host[0]?.[1], [400, 401, 404].includes(nobody.answer.status), nobody.seen.length]).toEqual([
        host[0]?.[1],
        true,
        0,
      ]);
    }
    for (const host of ["localhost", "admin.internal", "evil.example"]) {
      const open = await send(port(), {
        target: "/manage/projects",
        headers: [
          ["host", host],
          ["authorization", `Bearer ${managementToken}`],
        ],
      });
      expect([host, open.status]).toEqual([host, 200]);
      const { answer, seen } = await find().call({ token, headers: [["host", host]] });
      expect([host, answer.status, seen.length]).toEqual([host, 200, 1]);
    }
  });

  test("CVE-2025-66405: no header, query or address of a call chooses where it goes", async () => {
    const { token } = await mint();
    const hits: string[] = [];
    const target = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => {
        hits.push(request.url);
        return Response.json({});
      },
    });
    const url = `http://127.0.0.1:${target.port}`;
    try {
      for (const name of [
        "x-portkey-custom-host",
        "x-weir-base-url",
        "x-base-url",
        "x-upstream",
        "x-target-url",
        "x-forwarded-host",
        "host",
      ]) {
        const value = name.endsWith("host") && !name.includes("custom") ? `127.0.0.1:${target.port}` : url;
        await find().call({ token, headers: [[name, value]] });
      }
      for (const path of [
        `/v1/proxy/${url}/x`,
        `/v1/${url}`,
        `/v1/models?base_url=${url}`,
        `//127.0.0.1:${target.port}/v1/models`,
        `/v1/@127.0.0.1:${target.port}/`,
      ])
        await find().call({ token, target: path });
      const head = `Authorization: Bearer ${token}\r\nContent-Length: 2\r\n\r\n{}`;
      for (const bytes of [
        `POST ${url}/v1/models HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n${head}`,
        `CONNECT 127.0.0.1:${target.port} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n${head}`,
      ]) {
        const raw = openRaw(port(), bytes, { method: "POST", limitMs: 2000 });
        await raw.answer.catch(() => {});
        raw.leave();
      }
      expect(hits).toEqual([]);
    } finally {
      await target.stop(true);
    }
    expect((await find().manage("POST", "/manage/projects", { name: "elsewhere", base_url: url })).status).toBe(400);
  });

  test("LiteLLM 32202: neither the management token nor a token ever goes upstream as a forwarded header", async () => {
    const { token } = await mint();
    const before = find().seen.length;
    for (const family of familyNames) {
      const target = `/${family}${families[family].target}`;
      for (const name of [
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "api-key",
        "x-weir-key",
        "proxy-authorization",
      ]) {
        for (const secret of [token, managementToken]) {
          await find().call({ family, target, headers: [[name, secret]] });
          await find().call({ family, target, headers: [[name, `Bearer ${secret}`]] });
          await find().call({
            family,
            target,
            token,
            headers: [[name === "authorization" ? "api-key" : name, secret]],
          });
        }
      }
    }
    const seen = find().seen.slice(before);
    expect(seen.length).toBeGreaterThan(10);
    expect(
      seen.map(({ head }) => head).filter((head) => head.includes("sk-weir-") || head.includes(managementToken)),
    ).toEqual([]);
  }, 30_000);

  test("Portkey: whatever is thrown at the API, it answers in JSON, stays up and tells nothing of itself", async () => {
    const bodies = [
      "",
      "null",
      "[]",
      "{",
      '{"name":{"$gt":""}}',
      '{"__proto__":{"is_active":false},"name":"p"}',
      `{"name":"${"x".repeat(100_000)}"}`,
      '{"name":"\\u0000"}',
      '{"name":"\\ud800"}',
      '{"name":"a","name":"b","name":7}',
      "[".repeat(50_000),
    ];
    for (const body of bodies) {
      for (const path of ["/manage/projects", "/manage/tokens"]) {
        const answer = await find().manage("POST", path, body);
        expect([body.slice(0, 40), path, answer.status < 500]).toEqual([body.slice(0, 40), path, true]);
        expect(answer.headers.get("content-type")).toStartWith("application/json");
        expect(answer.text).not.toMatch(/\bat .+:\d+:\d+|node_modules|src\//);
      }
    }
    expect((await find().manage("GET", "/manage/projects")).status).toBe(200);
  });
});

/** What a value of a row may be sent as. */
function textsOf(value: unknown): readonly string[] {
  if (value instanceof Uint8Array) return [Buffer.from(value).toString("hex"), Buffer.from(value).toString("base64")];
  const isPlain = typeof value === "string" && value.length >= 16 && value.length < 200 && /^[\x21-\x7e]+$/.test(value);
  return isPlain ? [value] : [];
}
