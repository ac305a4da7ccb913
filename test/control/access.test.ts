import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { send } from "../wire/client.ts";
import type { Header } from "../wire/upstream.ts";
import {
  codeOf,
  expectStatus,
  type Managed,
  managementToken,
  onEachDatabase,
  readAudit,
  useControl,
} from "./control.ts";

/** What a route may answer without any credential. */
const open = new Set(["GET /manage/openapi.json"]);

const description = z.looseObject({
  openapi: z.string().startsWith("3.1"),
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
});

onEachDatabase((kind) => {
  const find = useControl({ kind });

  const wrong: Readonly<Record<string, { authorization: string | null; code: string }>> = {
    nothing: { authorization: null, code: "credential_missing" },
    "another scheme": { authorization: `Token ${managementToken}`, code: "credential_missing" },
    "the bare token": { authorization: managementToken, code: "credential_missing" },
    "an empty bearer": { authorization: "Bearer ", code: "credential_missing" },
    "a wrong bearer": { authorization: "Bearer wrong", code: "management_token_invalid" },
    "the token cut short": {
      authorization: `Bearer ${managementToken.slice(0, -1)}`,
      code: "management_token_invalid",
    },
    "the token and more": { authorization: `Bearer ${managementToken}x`, code: "management_token_invalid" },
    "the token in small letters": {
      authorization: `Bearer ${managementToken.toUpperCase()}`,
      code: "management_token_invalid",
    },
  };
  for (const [what, { authorization, code }] of Object.entries(wrong)) {
    test(`with ${what} the API is shut, and the audit has an entry that says so`, async () => {
      const id = `access-${crypto.randomUUID()}`;
      const answer = await find().manage("GET", "/manage/projects", undefined, {
        authorization,
        headers: { "x-request-id": id },
      });
      expect(codeOf(answer)).toBe(`401 ${code}`);
      expect(answer.headers.get("content-type")).toStartWith("application/json");
      expect(answer.headers.get("x-request-id")).toBe(id);
      expect(answer.text).not.toContain(managementToken.slice(0, -1));
      const entries = readAudit(await find().manage("GET", `/manage/audit?request_id=${id}`));
      expect(entries.length).toBe(1);
      expect(entries[0]).toMatchObject({ request_id: id, method: "GET", path: "/manage/projects" });
      expect(entries[0]?.outcome).not.toBe("success");
      expect(JSON.stringify(entries)).not.toContain(managementToken.slice(0, -1));
    });
  }

  test("Basic credentials that nobody set are refused", async () => {
    for (const pair of [`admin:${managementToken}`, `:${managementToken}`, "admin:", ":"]) {
      const answer = await find().manage("GET", "/manage/projects", undefined, {
        authorization: `Basic ${btoa(pair)}`,
      });
      expect(answer.status).toBe(401);
    }
  });

  test("wrong credentials are slowed by their address, which holds up nobody else, and each is an entry of the audit", async () => {
    const ask = (address: string, authorization = "Bearer wrong") =>
      find().manage("GET", "/manage/projects", undefined, { authorization, headers: { "x-forwarded-for": address } });
    for (let tries = 0; tries < 24; tries += 1) expect([401, 429]).toContain((await ask("203.0.113.9")).status);
    const order: string[] = [];
    const note = (what: string) => (answer: Managed) => void order.push(`${what} ${answer.status}`);
    await Promise.all([
      ask("203.0.113.9").then(() => order.push("the next guess")),
      ask("203.0.113.9", `Bearer ${managementToken}`).then(note("the right token")),
      ask("203.0.113.10").then(note("another address")),
    ]);
    expect(order.slice(0, 2).toSorted()).toEqual(["another address 401", "the right token 200"]);
    const entries = readAudit(await find().manage("GET", "/manage/audit?client_ip=203.0.113.9&limit=100"));
    expect(entries.filter(({ outcome }) => outcome === "denied").length).toBe(25);
  }, 30_000);

  test("the scheme's letters don't matter, and no other place of the token opens the API", async () => {
    const { status } = await find().manage("GET", "/manage/projects", undefined, {
      authorization: `bearer ${managementToken}`,
    });
    expect(status).toBe(200);
    for (const [header, text] of [
      ["x-api-key", managementToken],
      ["x-weir-key", managementToken],
      ["cookie", `session=${managementToken}`],
      ["x-management-token", managementToken],
    ] as const) {
      const headers = { [header]: text };
      const answer = await find().manage("GET", "/manage/projects", undefined, { authorization: null, headers });
      expect(answer.status).toBe(401);
    }
    const query = await find().manage("GET", `/manage/projects?key=${managementToken}`, undefined, {
      authorization: null,
    });
    expect(query.status).toBe(401);
  });

  test("Bifrost 518: every route of the API but the description itself is shut without the token", async () => {
    const answer = expectStatus(200, await find().manage("GET", "/manage/openapi.json"));
    const { paths } = description.parse(answer.json);
    const routes = Object.entries(paths)
      .filter(([path]) => path.startsWith("/manage"))
      .flatMap(([path, item]) =>
        Object.keys(item)
          .filter((method) => ["get", "post", "put", "patch", "delete"].includes(method))
          .map((method) => ({ method: method.toUpperCase(), path })),
      );
    for (const needed of [
      "/manage/projects",
      "/manage/projects/{id}",
      "/manage/projects/{id}/tokens/revoke",
      "/manage/tokens",
      "/manage/tokens/{id}",
      "/manage/audit",
      "/manage/audit/{id}",
      "/manage/audit/verify",
    ])
      expect(routes.map(({ path }) => path)).toContain(needed);
    for (const { method, path } of routes) {
      if (open.has(`${method} ${path}`)) continue;
      const asked = path.replaceAll(/\{[^}]+\}/g, crypto.randomUUID());
      for (const variant of [
        asked,
        `${asked}/`,
        asked.replace("/manage", "//manage"),
        asked.replace("/manage", "/MANAGE"),
        asked.replace("/manage", "/%6danage"),
        asked.replace("/manage/", "/manage/x/../"),
      ]) {
        const { status } = await send(find().weirs[0]?.port ?? 0, {
          method,
          target: variant,
          headers: [["content-type", "application/json"]],
          body: "{}",
        });
        expect([method, variant, [401, 403, 404].includes(status)]).toEqual([method, variant, true]);
        if (variant === asked) expect([method, variant, status]).toEqual([method, variant, 401]);
      }
    }
  }, 30_000);

  test("a path that isn't there and a method that isn't taken are told in JSON", async () => {
    expect(codeOf(await find().manage("GET", "/manage/nothing"))).toBe("404 not_found");
    const answer = await find().manage("PUT", "/manage/projects", {});
    expect(codeOf(answer)).toBe("405 method_not_allowed");
    expect(answer.headers.get("allow")?.split(/, ?/).toSorted()).toEqual(["GET", "POST"]);
  });

  test("a request's id is echoed where it is short and printable, else one is made", async () => {
    const { headers } = await find().manage("GET", "/manage/projects", undefined, {
      headers: { "x-request-id": "my-id_1.2" },
    });
    expect(headers.get("x-request-id")).toBe("my-id_1.2");
    for (const odd of ["x".repeat(5000), "a\tb", "caf\u00e9"]) {
      const answer = await send(find().weirs[0]?.port ?? 0, {
        target: "/manage/projects",
        headers: [
          ["authorization", `Bearer ${managementToken}`],
          ["x-request-id", odd],
        ],
      });
      expect(answer.status).toBe(200);
      expect(answer.header("x-request-id")?.length).toBeWithin(1, 300);
      expect(answer.header("x-request-id")).not.toBe(odd);
    }
  });

  test("no web page reads the API: it has no CORS headers, and answers no preflight", async () => {
    const origin: Header = ["origin", "https://evil.example"];
    const port = find().weirs[0]?.port ?? 0;
    const preflight = await send(port, {
      method: "OPTIONS",
      target: "/manage/projects",
      headers: [origin, ["access-control-request-method", "POST"], ["access-control-request-headers", "authorization"]],
    });
    const got = await send(port, {
      target: "/manage/projects",
      headers: [origin, ["authorization", `Bearer ${managementToken}`]],
    });
    for (const answer of [preflight, got])
      expect(answer.headers.filter(([name]) => name.toLowerCase().startsWith("access-control-"))).toEqual([]);
  });

  describe("the configuration", () => {
    test("CVE-2026-35029: is changed by no request", async () => {
      for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
        for (const path of ["/manage/config", "/manage/config/update", "/config/update", "/manage/providers"]) {
          const { status } = await find().manage(method, path, { UPSTREAM_BASE_URL: "http://127.0.0.1:1" });
          expect([method, path, [401, 404, 405].includes(status)]).toEqual([method, path, true]);
        }
      }
    });
  });
});
