import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { runWeir, waitFor } from "../weir.ts";
import { hash, noise } from "./bytes.ts";
import type { Answer, Request } from "./client.ts";
import type { Header } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

const app = "https://app.example.com";
const maxInspectBytes = 200_000;
const gateKey = "canary-gate-8Kd3vQ";

/** Its providers have policies. */
let strict: Wire;
/** Its file is one of sofatutor's, and who calls has to show a key. */
let old: Wire;
beforeAll(async () => {
  [strict, old] = await Promise.all([
    openWire({
      env: { CORS_ALLOWED_ORIGINS: app, MAX_INSPECT_BYTES: String(maxInspectBytes) },
      yaml: ({ other }) => `
        providers:
          openai:
            allowed_methods: [GET, POST]
            allowed_endpoints: [/v1/chat/completions, /v1/models, /v1/audio/transcriptions, /v1/realtime]
            param_whitelist: { model: [gpt-4o, gpt-4.1-*] }
          anthropic: { param_whitelist: { model: [claude-*] } }
          gemini: { param_whitelist: { model: [gemini-2.5-*] } }
          pages: { base_url: "${other}", dialect: openai, allowed_origins: ["${app}"], required_headers: [Origin] }
          mine: { base_url: "${other}/api/v1", dialect: openai, allowed_endpoints: [/v1/responses] }`,
    }),
    openWire({
      env: { PROXY_API_KEY: gateKey, UPSTREAM_API_KEY: "canary-upstream-2Hf7Lw" },
      yaml: ({ openai }) => `
        default_api: openai
        apis:
          openai:
            base_url: "${openai}"
            allowed_endpoints: [/v1/chat/completions, /v1/models]
            allowed_methods: [POST, GET]
            timeouts: { request: 120s, idle_connection: 90s }
            connection: { max_idle_conns: 100 }
            param_whitelist: { model: [gpt-4o] }`,
    }),
  ]);
});
afterAll(async () => {
  for (const wire of [strict, old]) await wire[Symbol.asyncDispose]();
});

const json: Header = ["content-type", "application/json"];

function post(body: Request["body"], target = "/v1/chat/completions", headers: readonly Header[] = [json]): Request {
  return { method: "POST", target, headers, body: body ?? "" };
}

function verdict(answer: Answer): string {
  return [answer.status, answer.header("x-weir-error")].filter((part) => part !== undefined).join(" ");
}

/** What becomes of a request: what it is answered with, and what of it went up, byte for byte. */
async function tell(request: Request, wire = strict): Promise<string> {
  const { answer, seen } = await wire.exchange(request);
  const sent =
    request.chunks === undefined ? (request.body ?? "") : Buffer.concat(request.chunks.map((one) => Buffer.from(one)));
  for (const one of seen) expect(hash(await one.body)).toBe(hash(sent));
  return `${verdict(answer)}${seen.length === 0 ? ", not sent" : ""}`;
}

const refusedEndpoint = "403 endpoint_not_allowed, not sent";
const refusedParam = "400 param_not_allowed, not sent";

describe("what may be called", () => {
  test.concurrent("a method that isn't allowed is answered with 405 and those that are", async () => {
    const { answer, seen } = await strict.exchange({ method: "DELETE", target: "/v1/models/gpt-4o" });
    expect([verdict(answer), answer.header("allow"), seen]).toEqual(["405 method_not_allowed", "GET, POST", []]);
    expect(answer.json()).toEqual({
      error: {
        message: "This method may not be used here. Use one of those that the Allow header names.",
        type: "invalid_request_error",
        param: null,
        code: "method_not_allowed",
      },
    });
    expect(await strict.recordOf(answer)).toMatchObject({
      outcome: "refused",
      cause: "method_not_allowed",
      status: 405,
    });
    const override: Header = ["x-http-method-override", "DELETE"];
    expect(await tell({ target: "/v1/models", headers: [override] })).toBe("405 method_not_allowed, not sent");
  });

  for (const [target, expected] of [
    ["/v1/models", "200"],
    ["/v1/models/gpt-4o?verbose=1", "200"],
    ["/openai/v1/models/org%2Fmodel", "200"],
    ["/v1/v1/models", "200"],
    ["/mine/v1/responses/resp_1", "200"],
    ["/v1/evil", refusedEndpoint],
    ["/v1/modelsX", refusedEndpoint],
    ["/openai/v1/evil", refusedEndpoint],
    ["/openai//v1/models", refusedEndpoint],
    ["/v1/models/../evil", refusedEndpoint],
    ["/v1/models/%2e%2e/evil", refusedEndpoint],
    ["/v1/models/..%2fevil", refusedEndpoint],
    ["/v1/models/%2E%2E%2Fevil", refusedEndpoint],
    ["/v1/models/%252e%252e%252fevil", refusedEndpoint],
    ["/v1/models\\..\\evil", refusedEndpoint],
    ["/v1/models/..%5cevil", refusedEndpoint],
    ["/v1/models/..;/evil", refusedEndpoint],
    ["/openai/v1%2fmodels", refusedEndpoint],
    ["/v1/evil#/../models", refusedEndpoint],
    ["/mine/responses", refusedEndpoint],
    ["/mine/v1/chat/completions", refusedEndpoint],
  ] as const)
    test.concurrent(`${target} is ${expected}`, async () => {
      expect(await tell({ target })).toBe(expected);
    });

  test.concurrent("another provider's paths are its own affair", async () => {
    expect(await tell({ target: "/anthropic/v1/evil" })).toBe("200");
  });

  test.concurrent("an upgrade is checked like any other call, and answered with plain HTTP", async () => {
    const handshake: readonly Header[] = [
      ["connection", "Upgrade"],
      ["upgrade", "websocket"],
      ["sec-websocket-version", "13"],
      ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
    ];
    const upgrade = (target: string) => tell({ target, headers: handshake });
    expect(await upgrade("/v1/realtime?model=gpt-4o")).toBe("200");
    expect(await upgrade("/v1/realtime?model=o9")).toBe(refusedParam);
    expect(await upgrade("/v1/responses")).toBe(refusedEndpoint);
    expect(await upgrade("/pages/v1/realtime")).toBe("400 header_required, not sent");
  });
});

const filler = "x".repeat(100_000);

describe("which parameters may be sent", () => {
  const bodies: Readonly<Record<string, readonly [request: Request, expected: string]>> = {
    "an allowed model": [post('{"model":"gpt-4o"}'), "200"],
    "a model that fits a pattern": [post('{ "messages":[], "model" : "gpt-4.1-mini" }'), "200"],
    "no model": [post('{"messages":[{"model":"o9"}]}'), "200"],
    "no body": [post(undefined), "200"],
    "another model": [post('{"model":"o9"}'), refusedParam],
    "another model with a charset": [
      post('{"model":"o9"}', undefined, [["content-type", "application/json; charset=utf-8"]]),
      refusedParam,
    ],
    "another model of no type": [post('{"model":"o9"}', undefined, []), refusedParam],
    "another model as text": [post('{"model":"o9"}', undefined, [["content-type", "text/plain"]]), refusedParam],
    "another model by PUT": [{ ...post('{"model":"o9"}', "/anthropic/v1/x"), method: "PUT" }, refusedParam],
    "another model by PATCH": [{ ...post('{"model":"o9"}', "/anthropic/v1/x"), method: "PATCH" }, refusedParam],
    "a model that stands twice": [post('{"model":"o9","model":"gpt-4o"}'), refusedParam],
    "a model with an escape in its name": [post('{"\\u006dodel":"o9"}'), refusedParam],
    "a body that is no JSON": [post('{"model":"gpt-4o"'), refusedParam],
    "a list": [post('[{"model":"gpt-4o"}]'), refusedParam],
    "a body in chunks": [
      { method: "POST", target: "/v1/chat/completions", headers: [json], chunks: ['{"mod', 'el":"o9"}'] },
      refusedParam,
    ],
    "a model at the end of much": [post(`{"a":"${filler}","model":"o9"}`), refusedParam],
    "an allowed model at the end of much": [post(`{"a":"${filler}","model":"gpt-4o"}`), "200"],
    "a body that is larger than what is held": [post(`{"a":"${filler}${filler}","model":"gpt-4o"}`), refusedParam],
    "a model in the query": [post("{}", "/v1/chat/completions?model=o9"), refusedParam],
    "Gemini's in the path": [post("{}", "/v1beta/models/gemini-2.5-pro:generateContent"), "200"],
    "another of Gemini's": [post("{}", "/v1beta/models/gemini-1.0-pro:generateContent"), refusedParam],
    "another of Gemini's in percent": [post("{}", "/v1beta/models/%67emini-1.0-pro%3agenerateContent"), refusedParam],
  };
  for (const [what, [request, expected]] of Object.entries(bodies))
    test.concurrent(`${what} is ${expected}`, async () => {
      expect(await tell(request)).toBe(expected);
    });

  test.concurrent("packed JSON is looked into, and goes up as it came", async () => {
    const packed = (text: string) => post(gzipSync(text), undefined, [json, ["content-encoding", "gzip"]]);
    expect(await tell(packed('{"model":"gpt-4o"}'))).toBe("200");
    expect(await tell(packed('{"model":"o9"}'))).toBe(refusedParam);
    expect(await tell(packed(`{"model":"gpt-4o","a":"${filler}${filler}"}`))).toBe(refusedParam);
    expect(await tell(post('{"model":"gpt-4o"}', undefined, [json, ["content-encoding", "dcb"]]))).toBe(refusedParam);
  });

  const form = (model: string, bytes: Uint8Array) =>
    Buffer.concat([
      Buffer.from('--b0\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'),
      bytes,
      Buffer.from(`\r\n--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n--b0--\r\n`),
    ]);
  const upload = (body: Uint8Array) =>
    post(body, "/v1/audio/transcriptions", [["content-type", "multipart/form-data; boundary=b0"]]);

  test.concurrent("a form's text fields are looked into before a byte goes up", async () => {
    expect(await tell(upload(form("gpt-4o", noise(100_000, 1))))).toBe("200");
    expect(await tell(upload(form("whisper-1", noise(100_000, 1))))).toBe(refusedParam);
    expect(
      await tell(upload(Buffer.from(form("gpt-4o", noise(9, 1)).toString("latin1").replaceAll("\r", ""), "latin1"))),
    ).toBe(refusedParam);
  });

  test.concurrent("an upload that is larger than what is held is refused, however it comes, and nothing of it goes up", async () => {
    const body = form("gpt-4o", noise(maxInspectBytes, 1));
    const { body: _, ...inChunks } = upload(body);
    const parts = Array.from({ length: 21 }, (_unused, at) => body.subarray(at * 10_000, (at + 1) * 10_000));
    for (const request of [upload(body), { ...inChunks, chunks: parts }]) {
      const { answer, seen } = await strict.exchange(request);
      expect([verdict(answer), seen]).toEqual(["400 param_not_allowed", []]);
      expect(answer.text).toContain(String(maxInspectBytes));
    }
  });

  test.concurrent("a refusal has its dialect's shape, and says what is allowed but not what was sent", async () => {
    const told = async (target: string) => {
      const { answer } = await strict.exchange(post('{"model":"canary-model-7Gs2","messages":[]}', target));
      expect(answer.text).not.toContain("canary");
      expect(answer.status).toBe(400);
      return [answer.json(), answer.header("x-weir-exchange-id")];
    };
    const message = (...allowed: readonly string[]) =>
      `The parameter model has a value that is not allowed here. Allowed are: ${allowed.map((pattern) => `"${pattern}"`).join(", ")}.`;
    const [[openai], [anthropic, id], [gemini]] = await Promise.all([
      told("/v1/chat/completions"),
      told("/v1/messages"),
      told("/v1beta/cachedContents"),
    ]);
    expect(openai).toEqual({
      error: {
        message: message("gpt-4o", "gpt-4.1-*"),
        type: "invalid_request_error",
        param: null,
        code: "param_not_allowed",
      },
    });
    expect(anthropic).toEqual({
      type: "error",
      error: { type: "invalid_request_error", message: message("claude-*") },
      request_id: id,
    });
    expect(gemini).toMatchObject({
      error: { code: 400, message: message("gemini-2.5-*"), status: "INVALID_ARGUMENT" },
    });
    expect(strict.weir.output()).not.toContain("canary-model");
  });
});

describe("from where and with what", () => {
  const call = (origin?: string): Request =>
    post("{}", "/pages/v1/responses", origin === undefined ? [json] : [json, ["origin", origin]]);

  test.concurrent("a header that is required has to be there", async () => {
    const { answer, seen } = await strict.exchange(call());
    expect([verdict(answer), seen]).toEqual(["400 header_required", []]);
    expect(answer.json()).toMatchObject({
      error: { message: "The header origin is required here, and is missing. Send it." },
    });
  });

  test.concurrent("a page of another origin is refused, and may read why where CORS allows it to", async () => {
    const { answer, seen } = await strict.exchange(call("https://evil.example"));
    expect([verdict(answer), answer.header("vary"), seen]).toEqual(["403 origin_not_allowed", "Origin", []]);
    expect(answer.header("access-control-allow-origin")).toBeUndefined();
  });

  test.concurrent("one of an allowed origin gets its answer", async () => {
    const { answer } = await strict.exchange(call(app));
    expect([verdict(answer), answer.header("access-control-allow-origin"), answer.header("vary")]).toEqual([
      "200",
      app,
      "Origin",
    ]);
  });

  test.concurrent("preflights are answered before any of it", async () => {
    for (const wire of [strict, old]) {
      const { answer, seen } = await wire.exchange({
        method: "OPTIONS",
        target: wire === strict ? "/pages/v1/evil" : "/v1/evil",
        headers: [
          ["origin", app],
          ["access-control-request-method", "DELETE"],
        ],
      });
      expect([answer.status, seen]).toEqual([204, []]);
    }
  });
});

describe("a file of sofatutor's", () => {
  const key: Header = ["authorization", `Bearer ${gateKey}`];

  test.concurrent("holds its policy", async () => {
    const told = (request: Request) => tell({ ...request, headers: [...(request.headers ?? []), key] }, old);
    expect(await told({ target: "/v1/models" })).toBe("200");
    expect(await told({ target: "/v1/evil" })).toBe(refusedEndpoint);
    expect(await told({ method: "DELETE", target: "/v1/models/a" })).toBe("405 method_not_allowed, not sent");
    expect(await told(post('{"model":"gpt-4o"}'))).toBe("200");
    expect(await told(post('{"model":"o9"}'))).toBe(refusedParam);
  });

  test.concurrent("says at the start what of it does nothing any more", async () => {
    for (const name of ["timeouts.request", "timeouts.idle_connection", "connection.max_idle_conns"])
      await waitFor(
        () => old.weir.output().includes(`apis.openai.${name} has no effect here`),
        `It says nothing of ${name}`,
      );
  });

  test.concurrent("tells nobody of its policy without a credential", async () => {
    for (const request of [{ target: "/v1/evil" }, { method: "DELETE", target: "/v1/models" }, post('{"model":"o9"}')])
      expect(await tell(request, old)).toBe("401 credential_missing, not sent");
  });
});

test("a policy that can't be read stops the start, with each fault named", async () => {
  const { code, stderr } = await runWeir({
    files: {
      "weir.yaml": `
        providers:
          openai:
            allowed_methods: [POSTT]
            allowed_endpoints:
            param_whitelist: [gpt-4o]
            allowed_origins: [app.example.com]
            required_headers: []
          anthropic: { allowed_endpoint: [/v1/messages], allowed_endpoints: [/v1/*] }`,
    },
  });
  expect(code).toBe(2);
  for (const name of ["allowed_methods", "allowed_endpoints", "param_whitelist", "allowed_origins", "required_headers"])
    expect(stderr).toContain(`providers.openai.${name} must`);
  expect(stderr).toContain("did you mean providers.anthropic.allowed_endpoints?");
  expect(stderr).toContain("providers.anthropic.allowed_endpoints must");
}, 60_000);
