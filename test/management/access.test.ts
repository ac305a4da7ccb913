import { describe, expect, test } from "bun:test";
import { createApi, publicPaths } from "../../src/management/api.ts";
import { makeSqlitePlace, onEachDatabase } from "../storage.ts";
import { waitFor } from "../weir.ts";
import { type Request, send } from "../wire/client.ts";
import type { Header } from "../wire/upstream.ts";
import { faultOf, managementToken, openStage, readFault, readProjects } from "./stage.ts";

test("every route but the page of the documentation is shut without a credential", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const api = createApi(stage.parts, { add: () => Promise.resolve() });
  const routes = api.routes.filter(({ method }) => method !== "ALL");
  const asked = [
    ...new Set(routes.map(({ method, path }) => `${method} ${path.replaceAll(/:\w+/g, crypto.randomUUID())}`)),
  ];
  expect(asked.length).toBeGreaterThan(15);
  const open: string[] = [];
  for (const question of asked) {
    const [method = "", path = ""] = question.split(" ");
    const { status } = await stage.ask(method, path, undefined, { authorization: null });
    if (status !== 401) open.push(`${question} ${status}`);
  }
  expect(open).toEqual(["GET /api/docs 200"]);
  expect([...publicPaths]).toEqual(["/api/docs"]);
});

test("what isn't there, and what only looks like the public page, is shut as well", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const paths = [
    "/manage",
    "/manage/",
    "/manage/nothing",
    "/",
    "/api/docs/",
    "/api/docs/x",
    "/API/docs",
    "//api/docs",
    "/api/docs%2f..",
    "/api/%64ocs",
  ];
  for (const path of paths)
    for (const method of ["GET", "HEAD", "POST", "OPTIONS", "PROPFIND"])
      expect([method, path, (await stage.ask(method, path, undefined, { authorization: null })).status]).toEqual([
        method,
        path,
        401,
      ]);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"])
    expect((await stage.ask(method, "/api/docs", undefined, { authorization: null })).status).toBe(401);
  expect((await stage.ask("HEAD", "/api/docs", undefined, { authorization: null })).status).toBe(200);
});

onEachDatabase((databaseTest, makePlace) => {
  databaseTest("each refusal is an entry of the audit that says who was refused where, and no secret", async () => {
    await using place = await makePlace();
    await using stage = await openStage(place);
    const refused = [
      [null, "401 credential_missing"],
      ["", "401 credential_missing"],
      ["Bearer ", "401 credential_missing"],
      ["Bearer", "401 credential_missing"],
      [managementToken, "401 credential_missing"],
      [`Basic ${btoa(`admin:${managementToken}`)}`, "401 credential_missing"],
      [`Bearer ${managementToken} x`, "401 credential_missing"],
      ["Bearer wrong", "401 management_token_invalid"],
      [`Bearer ${managementToken}x`, "401 management_token_invalid"],
      [`Bearer ${managementToken.slice(0, -1)}`, "401 management_token_invalid"],
      [`Bearer ${managementToken.toUpperCase()}`, "401 management_token_invalid"],
    ] as const;
    for (const [authorization, fault] of refused) {
      const headers = { "x-request-id": "req-7", "user-agent": "u".repeat(1000), "x-weir-origin": "cli" };
      expect(await faultOf(stage.ask("GET", "/manage/projects?a=b", undefined, { authorization, headers }))).toBe(
        fault,
      );
    }
    const entries = await stage.audit();
    expect(entries.map(({ action, outcome, reason }) => [action, outcome, reason])).toEqual(
      refused.map(([, fault]) => ["management.refused", "denied", fault.slice(4)]),
    );
    expect(entries[0]?.actor).toEqual({
      name: "anonymous",
      origin: "cli",
      requestId: "req-7",
      clientAddress: "192.0.2.7",
      method: "GET",
      path: "/manage/projects",
      userAgent: "u".repeat(256),
    });
    expect(JSON.stringify(entries)).not.toContain(managementToken.slice(0, -1));
  });
});

describe("the door", () => {
  test("says what it wants, in the old words too", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    const missing = await stage.ask("GET", "/manage/projects", undefined, { authorization: null });
    expect(readFault(missing).message).toContain("missing or invalid Authorization header");
    expect(missing.headers.get("www-authenticate")).toStartWith("Bearer");
    const wrong = await stage.ask("GET", "/manage/projects", undefined, { authorization: "Bearer wrong" });
    expect(readFault(wrong).message).toContain("invalid management token");
    for (const scheme of ["bearer", "BEARER", "Bearer "])
      expect(
        (await stage.ask("GET", "/manage/projects", undefined, { authorization: `${scheme} ${managementToken}` }))
          .status,
      ).toBe(200);
  });

  test("after twenty wrong tokens each answer to an address waits, and the right token doesn't", async () => {
    await using place = await makeSqlitePlace();
    const waits: (() => void)[] = [];
    const sleep = () => new Promise<void>((resolve) => waits.push(resolve));
    await using stage = await openStage(place, { sleep });
    const attempt = (authorization: string, peer?: string) =>
      stage.ask("GET", "/manage/projects", undefined, { authorization, ...(peer ? { peer } : {}) });
    for (let count = 0; count < 20; count += 1)
      expect(await faultOf(attempt("Bearer wrong"))).toBe("401 management_token_invalid");
    let answered = 0;
    const late = Array.from({ length: 16 }, () => attempt("Bearer wrong").then(() => (answered += 1)));
    await waitFor(() => waits.length === 16, "Not all wait");
    expect(answered).toBe(0);
    const crowded = await attempt("Bearer wrong");
    expect([crowded.status, crowded.headers.get("retry-after")]).toEqual([429, "5"]);
    expect(answered).toBe(0);
    expect((await attempt(`Bearer ${managementToken}`)).status).toBe(200);
    for (const end of waits) end();
    await Promise.all(late);
    expect((await stage.audit()).some(({ reason }) => reason === "attempts_exceeded")).toBe(true);
  }, 30_000);

  test("who sends no token at all is never slowed: nothing was guessed", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    for (let count = 0; count < 30; count += 1)
      expect(await faultOf(stage.ask("GET", "/manage/projects", undefined, { authorization: null }))).toBe(
        "401 credential_missing",
      );
    expect((await stage.ask("GET", "/manage/projects")).status).toBe(200);
  });

  test("a flood of refusals leaves a bounded number of entries, and one that counts the others", async () => {
    await using place = await makeSqlitePlace();
    const stage = await openStage(place);
    for (let count = 0; count < 200; count += 1)
      await stage.ask("GET", "/manage/projects", undefined, { authorization: null });
    await stage.close();
    const entries = await stage.audit();
    expect(entries.length).toBe(61);
    expect(entries.at(-1)?.reason).toContain("140 more refusals");
  });

  test("a refusal is told though the audit can't be written, and the log hears of it", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place, { changes: { note: () => Promise.reject(new Error("no room")) } });
    expect(await faultOf(stage.ask("GET", "/manage/projects", undefined, { authorization: null }))).toBe(
      "401 credential_missing",
    );
    expect(stage.faults).toEqual([new Error("no room")]);
  });
});

describe("who asks", () => {
  test("is the peer, unless a trusted proxy says otherwise", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    const headers = { "x-forwarded-for": "203.0.113.9, 198.51.100.1" };
    await stage.ask("GET", "/manage/config", undefined, { headers });
    await stage.ask("GET", "/manage/config", undefined, { headers, peer: "10.0.0.3" });
    await stage.ask("GET", "/manage/config", undefined, { headers, peer: "::ffff:10.0.0.3" });
    expect((await stage.audit()).map(({ actor }) => actor.clientAddress)).toEqual([
      "192.0.2.7",
      "198.51.100.1",
      "198.51.100.1",
    ]);
  });

  test("is told apart by origin, of which there are three", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    for (const origin of ["cli", "admin-ui", "proxy", "system", "<script>"])
      await stage.ask("GET", "/manage/config", undefined, { headers: { "x-weir-origin": origin } });
    expect((await stage.audit()).map(({ actor }) => [actor.name, actor.origin])).toEqual(
      ["cli", "admin-ui", "api", "api", "api"].map((origin) => ["management_token", origin]),
    );
  });

  test("who takes a token for an id leaves it nowhere", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    const text = "sk-weir-0123456789abcdefghijABCDEFGHIJ01234567";
    for (const authorization of [null, undefined])
      for (const path of [`/manage/tokens/${text}`, `/manage/tokens/x${text}/y`]) {
        const answer = await stage.ask("GET", path, undefined, { authorization });
        expect([401, 404]).toContain(answer.status);
        expect(answer.text).not.toContain(text);
      }
    expect(JSON.stringify(await stage.audit())).not.toContain(text);
  });
});

describe("every answer", () => {
  test("has the request's id where it can be kept, else one of ours", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    const idFor = async (sent: string | undefined, path = "/manage/projects") => {
      const headers: Record<string, string> = sent === undefined ? {} : { "x-request-id": sent };
      return (await stage.ask("GET", path, undefined, { headers })).headers.get("x-request-id");
    };
    for (const kept of ["my-id_1.2", "a b", "x".repeat(128)]) expect(await idFor(kept)).toBe(kept);
    const uuid = /^[0-9a-f-]{36}$/;
    for (const odd of [undefined, "", "x".repeat(129), "caf\u00e9", "a\tb"]) expect(await idFor(odd)).toMatch(uuid);
    for (const path of ["/manage/nothing", "/api/docs", "/manage/projects/x"])
      expect(await idFor("kept", path)).toBe("kept");
  });

  test("is not to be stored, has no CORS headers, and is JSON where it is an error", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    const questions = [
      ["GET", "/manage/projects", 200],
      ["GET", "/manage/openapi.json", 200],
      ["GET", "/api/docs", 200],
      ["GET", "/manage/projects/x", 404],
      ["GET", "/manage/nothing", 404],
      ["PUT", "/manage/projects", 405],
      ["OPTIONS", "/manage/projects", 405],
      ["POST", "/manage/projects", 400],
    ] as const;
    for (const [method, path, status] of questions) {
      const headers = { origin: "https://evil.example", "access-control-request-method": "POST" };
      const answer = await stage.ask(method, path, undefined, { headers });
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
      if (status >= 400) expect(answer.headers.get("content-type")).toBe("application/json");
    }
  });

  test("to a wrong method names those that are right", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    const allow = async (method: string, path: string) => {
      const asking = stage.ask(method, path);
      expect(await faultOf(asking)).toBe("405 method_not_allowed");
      return (await asking).headers.get("allow");
    };
    const id = crypto.randomUUID();
    expect(await allow("PUT", "/manage/projects")).toBe("GET, POST");
    expect(await allow("PUT", `/manage/projects/${id}`)).toBe("GET, PATCH");
    expect(await allow("DELETE", `/manage/projects/${id}`)).toBe("GET, PATCH");
    expect(await allow("GET", `/manage/projects/${id}/tokens/revoke`)).toBe("POST");
    expect(await allow("POST", `/manage/tokens/${id}`)).toBe("GET, PATCH, DELETE");
    expect(await allow("DELETE", "/manage/audit")).toBe("GET");
    expect(await allow("POST", "/manage/audit/verify")).toBe("GET");
    expect(await allow("POST", "/manage/config")).toBe("GET");
    expect(await allow("GET", "/manage/cache/purge")).toBe("POST");
    expect(await allow("POST", "/api/docs")).toBe("GET");
    expect(await faultOf(stage.ask("GET", "/manage/projects/"))).toBe("404 not_found");
    expect(await faultOf(stage.ask("GET", "/manage/projects/a/b"))).toBe("404 not_found");
  });
});

describe("a body", () => {
  test("is JSON, by its type and by what stands in it", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    const post = (body: string | undefined, type?: string) =>
      faultOf(
        stage.ask("POST", "/manage/projects", body, type === undefined ? {} : { headers: { "content-type": type } }),
      );
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/jsonp",
      "text/json",
    ])
      expect([type, await post('{"name":"a"}', type)]).toEqual([type, "415 content_type_invalid"]);
    for (const body of ["{", "", "x", '{"name":"a"} x', "[".repeat(100_000), "\u0000", "{name:1}"])
      expect([body.slice(0, 20), await post(body)]).toEqual([body.slice(0, 20), "400 body_invalid"]);
    for (const body of ["null", "[]", "7", '"text"', "true", '{"__proto__":{"is_active":false},"name":"p"}'])
      expect([body, await post(body)]).toEqual([body, "400 body_invalid"]);
    expect(await post(undefined)).toBe("400 body_invalid");
    expect(
      (
        await stage.ask("POST", "/manage/projects", '{"name":"a"}', {
          headers: { "content-type": "application/json; charset=utf-8" },
        })
      ).status,
    ).toBe(201);
    expect(stage.faults).toEqual([]);
  });

  test("comes through a server however the host is called, with a length or without", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => stage.fetch(request) });
    const port = server.port ?? 0;
    const text = (name: string) => JSON.stringify({ name });
    for (const host of ["[::1", "localhost", "", ":", "a b", "evil.example:99999999", "é"]) {
      const headers: readonly Header[] = [
        ["host", host],
        ["content-type", "application/json"],
      ];
      const own: Header = ["authorization", `Bearer ${managementToken}`];
      const ask = (request: Request, more: readonly Header[] = []) =>
        send(port, { target: "/manage/projects", ...request, headers: [...headers, ...more] });
      expect([host, [400, 401].includes((await ask({})).status)]).toEqual([host, true]);
      for (const request of [{ body: text(`a${host}`) }, { chunks: [text(`b${host}`)] }]) {
        const { status } = await ask({ method: "POST", ...request }, [own]);
        // The runtime itself may refuse such a head.
        expect([host, request, [201, 400].includes(status)]).toEqual([host, request, true]);
      }
    }
    await server.stop(true);
    expect(stage.faults).toEqual([]);
    expect(readProjects(await stage.ask("GET", "/manage/projects")).projects.length).toBeGreaterThan(3);
  });

  test("without a type is refused", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    const answer = await stage.fetch(
      new globalThis.Request("http://localhost/manage/projects", {
        method: "POST",
        headers: { authorization: `Bearer ${managementToken}` },
        body: new TextEncoder().encode('{"name":"a"}'),
      }),
    );
    expect(answer.status).toBe(415);
  });

  test("of more than a megabyte is refused, whether it tells its length or not", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    const text = JSON.stringify({ name: "a", metadata: { text: "x".repeat(1024 * 1024) } });
    expect(await faultOf(stage.ask("POST", "/manage/projects", text))).toBe("413 body_too_large");
    const bytes = new TextEncoder().encode(text);
    let at = 0;
    const pieces = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(bytes.subarray(at, at + 65_536));
        at += 65_536;
        if (at >= bytes.length) controller.close();
      },
    });
    const streamed = await stage.fetch(
      new globalThis.Request("http://localhost/manage/projects", {
        method: "POST",
        headers: { authorization: `Bearer ${managementToken}`, "content-type": "application/json" },
        body: pieces,
      }),
    );
    expect([streamed.status, streamed.headers.get("x-weir-error")]).toEqual([413, "body_too_large"]);
    expect(readProjects(await stage.ask("GET", "/manage/projects")).projects).toEqual([]);
  });

  test("is not read before the credential is", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place);
    let read = false;
    const body = new ReadableStream(
      {
        pull(controller) {
          read = true;
          controller.enqueue(new TextEncoder().encode("{"));
        },
      },
      { highWaterMark: 0 },
    );
    const answer = await stage.fetch(
      new globalThis.Request("http://localhost/manage/projects", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      }),
    );
    expect([answer.status, read]).toEqual([401, false]);
  });
});
