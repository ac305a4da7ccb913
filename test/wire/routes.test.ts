import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { send, type Request } from "./client.ts";
import type { Header } from "./upstream.ts";
import { openWire, type UpstreamName, type Wire } from "./wire.ts";

let wire: Wire;
beforeAll(async () => {
  wire = await openWire({
    yaml: ({ other }) => `
      providers:
        plain: { base_url: "${other}", dialect: openai }
        slash: { base_url: "${other}/", dialect: openai }
        path: { base_url: "${other}/deep/path", dialect: openai }
        version: { base_url: "${other}/api/v1", dialect: openai }
        version-slash: { base_url: "${other}/api/v1/", dialect: openai }
        kimi: { base_url: "${other}/anthropic", dialect: anthropic }
        beta: { base_url: "${other}/v1beta", dialect: gemini }`,
  });
});
afterAll(() => wire[Symbol.asyncDispose]());

/** Where a request went, as "upstream target". */
async function follow(request: Request): Promise<string> {
  const { answer, seen } = await wire.exchange(request);
  expect(seen.every(({ method }) => method === request.method)).toBe(true);
  return seen.map(({ upstream, target }) => `${upstream} ${target}`).join(", ") || `nowhere: ${answer.status}`;
}

const version: Header = ["anthropic-version", "2023-06-01"];
const goog: Header = ["x-goog-api-key", "AIza-own"];

type Row = readonly [
  method: string,
  target: string,
  upstream: UpstreamName,
  arrives?: string,
  headers?: readonly Header[],
];

const rows: Readonly<Record<string, readonly Row[]>> = {
  "a provider's prefix is removed, and beats everything behind it": [
    ["POST", "/openai/v1/chat/completions", "openai", "/v1/chat/completions"],
    ["POST", "/openai/v1/messages", "openai", "/v1/messages"],
    ["GET", "/openai/v1/models?key=own", "openai", "/v1/models?key=own"],
    ["GET", "/openai/v1/models", "openai", "/v1/models", [version]],
    ["GET", "/openai/anything/at/all", "openai", "/anything/at/all"],
    ["POST", "/anthropic/v1/messages", "anthropic", "/v1/messages"],
    ["POST", "/anthropic/v1/chat/completions", "anthropic", "/v1/chat/completions"],
    ["POST", "/gemini/v1beta/models/m:generateContent", "gemini", "/v1beta/models/m:generateContent"],
    ["GET", "/gemini/v1/models", "gemini", "/v1/models"],
  ],
  "a provider of the configuration file has a prefix too": [
    ["POST", "/plain/v1/chat/completions", "other", "/v1/chat/completions"],
    ["POST", "/kimi/v1/messages", "other", "/anthropic/v1/messages"],
  ],
  "a base URL may have a slash at its end, a path, and a version": [
    ["POST", "/slash/v1/chat/completions", "other", "/v1/chat/completions"],
    ["POST", "/path/v1/chat/completions", "other", "/deep/path/v1/chat/completions"],
    ["POST", "/version/v1/chat/completions", "other", "/api/v1/chat/completions"],
    ["POST", "/version-slash/v1/chat/completions", "other", "/api/v1/chat/completions"],
    ["POST", "/version/chat/completions", "other", "/api/v1/chat/completions"],
    ["POST", "/beta/v1beta/models/m:generateContent", "other", "/v1beta/models/m:generateContent"],
  ],
  "a version that stands twice is sent once": [
    ["POST", "/v1/v1/chat/completions", "openai", "/v1/chat/completions"],
    ["POST", "/v1/v1/messages", "anthropic", "/v1/messages"],
    ["POST", "/v1beta/v1beta/models/m:generateContent", "gemini", "/v1beta/models/m:generateContent"],
    ["POST", "/openai/v1/v1/chat/completions", "openai", "/v1/chat/completions"],
    ["POST", "/version/v1/v1/chat/completions", "other", "/api/v1/chat/completions"],
  ],
  "Anthropic has its own paths, and any /v1 path that carries its version": [
    ["POST", "/v1/messages", "anthropic"],
    ["POST", "/v1/messages/", "anthropic"],
    ["POST", "/v1/messages?beta=true", "anthropic"],
    ["POST", "/v1/messages/count_tokens", "anthropic"],
    ["POST", "/v1/messages/batches", "anthropic"],
    ["GET", "/v1/messages/batches/x", "anthropic"],
    ["POST", "/v1/complete", "anthropic"],
    ["GET", "/v1/models", "anthropic", "/v1/models", [version]],
    ["POST", "/v1/files", "anthropic", "/v1/files", [version]],
    ["DELETE", "/v1/skills/s", "anthropic", "/v1/skills/s", [version]],
    ["GET", "/v1/models", "anthropic", "/v1/models", [version, goog]],
    ["POST", "/v1/messages", "anthropic", "/v1/messages", [goog]],
  ],
  "Gemini has its own paths, its verbs, and any /v1 path that carries its key": [
    ["POST", "/v1beta/models/m:generateContent", "gemini"],
    ["POST", "/v1beta/models/m:streamGenerateContent?alt=sse", "gemini"],
    ["GET", "/v1beta/models", "gemini"],
    ["GET", "/v1beta/models", "gemini", "/v1beta/models", [version]],
    ["POST", "/v1beta/openai/chat/completions", "gemini"],
    ["GET", "/v1alpha/anything", "gemini"],
    ["POST", "/upload/v1beta/files", "gemini"],
    ["POST", "/v1/interactions", "gemini"],
    ["GET", "/v1/interactions/i", "gemini"],
    ["PATCH", "/v1/cachedContents/c", "gemini"],
    ["GET", "/v1/models", "gemini", "/v1/models", [goog]],
    ["GET", "/v1/models?key=own", "gemini"],
    ["GET", "/v1/models?pageSize=5&key=own", "gemini"],
    ...[
      "generateContent",
      "streamGenerateContent",
      "countTokens",
      "embedContent",
      "batchEmbedContents",
      "batchGenerateContent",
      "asyncBatchEmbedContent",
      "predict",
      "predictLongRunning",
    ].map((verb): Row => ["POST", `/v1/models/gemini-9:${verb}`, "gemini"]),
  ],
  "everything else under /v1 is OpenAI's": [
    ["POST", "/v1/chat/completions", "openai"],
    ["POST", "/v1/responses", "openai"],
    ["POST", "/v1/embeddings", "openai"],
    ["GET", "/v1/models", "openai"],
    ["GET", "/v1/models?monkey=own", "openai"],
    ["POST", "/v1/completions", "openai"],
    ["POST", "/v1/messagesx", "openai"],
    ["POST", "/v1/completes", "openai"],
    ["PUT", "/v1/of/tomorrow", "openai"],
    ["GET", "/v1/models/ft:gpt-4o:org::id", "openai"],
    ["DELETE", "/v1/models/ft:gpt-4o:org::id", "openai"],
    ["GET", "/v1/models/gemini-9:generateContent", "openai"],
    ["POST", "/v1/models/ft:gpt-4o:org", "openai"],
  ],
  "the path's percent-encoding and the query arrive byte for byte": [
    ["GET", "/v1/files/a%2Fb%20c%C3%A9%2e?x=%7B%22a%22%7D&y=a+b&z=&&=1&%6b", "openai"],
    ["GET", "/openai/v1/a%2fb?%c3%A9", "openai", "/v1/a%2fb?%c3%A9"],
    ["GET", "/v1/a;b=c,d@e!f$g'h(i)*j:k~l?m/n?o", "openai"],
    ["GET", "/v1/models?", "openai", "/v1/models?"],
    ["GET", "/v1//models", "openai"],
  ],
  "dot-segments are resolved": [["GET", "/v1/./chat/../models", "openai", "/v1/models"]],
};

for (const [fact, cases] of Object.entries(rows)) {
  describe(fact, () => {
    for (const [method, target, upstream, arrives = target, headers = []] of cases) {
      const named = headers.map(([name]) => name).join(" and ");
      test.concurrent(`${method} ${target}${named && ` with ${named}`} → ${upstream} ${arrives}`, async () => {
        const body = method === "GET" ? {} : { body: "{}" };
        expect(await follow({ method, target, headers, ...body })).toBe(`${upstream} ${arrives}`);
      });
    }
  });
}

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "SEARCH", "QUERY", "REPORT"];

for (const method of methods) {
  test.concurrent(`${method} passes as it is`, async () => {
    expect(await follow({ method, target: "/v1/things/1" })).toBe("openai /v1/things/1");
    expect(await follow({ method, target: "/openai/things/1" })).toBe("openai /things/1");
  });
}

for (const target of ["/", "/api/hello"]) {
  const probe: Request = {
    method: "HEAD",
    target,
    headers: [
      ["authorization", "Bearer own"],
      ["x-api-key", "own"],
      ["api-key", "own"],
      ["x-goog-api-key", "own"],
    ],
  };

  test.concurrent(`the probe HEAD ${target} goes to Anthropic without any credential, and its answer comes back`, async () => {
    const { answer, seen } = await wire.exchange(probe, (one) =>
      one.write("HTTP/1.1 204 No Content\r\nrequest-id: req_1\r\n\r\n"),
    );
    expect(seen.map(({ upstream, method, target: path }) => [upstream, method, path])).toEqual([
      ["anthropic", "HEAD", target],
    ]);
    expect(seen[0]?.head).not.toContain("own");
    expect([answer.status, answer.header("request-id")]).toEqual([204, "req_1"]);
  });

  test.concurrent(`GET and POST ${target} are nobody's`, async () => {
    expect(await follow({ method: "GET", target })).toBe("nowhere: 404");
    expect(await follow({ method: "POST", target, body: "{}" })).toBe("nowhere: 404");
  });
}

for (const target of ["/nope", "/v2/chat/completions", "/v1", "/V1/models", "/unknown/v1/models", "/v1/../nope"]) {
  test.concurrent(`${target} is 404 in JSON, and goes nowhere`, async () => {
    const { answer, seen } = await wire.exchange({ method: "GET", target });
    expect(seen).toEqual([]);
    expect(answer.status).toBe(404);
    expect(answer.header("content-type")).toStartWith("application/json");
    expect(answer.header("x-weir-error")).toBe("not_found");
    expect(answer.header("x-weir-exchange-id")).toBeString();
    expect(answer.json()).toEqual({ error: { message: expect.any(String), code: "not_found" } });
  });
}

const own = [
  "/api/health",
  "/health",
  "/ready",
  "/live",
  "/metrics",
  "/metrics.json",
  "/metrics/prometheus",
  "/manage/projects",
  "/admin",
  "/admin/x",
  "/api/docs",
  "/v1/../manage/projects",
  "/openai/../admin/x",
  "/v1/%2e%2e/health",
];

for (const target of own) {
  test.concurrent(`${target} is the gateway's own, by any method`, async () => {
    for (const method of ["GET", "POST", "DELETE"]) {
      const { answer, seen } = await wire.exchange({ method, target, headers: [version] });
      expect(seen).toEqual([]);
      expect(answer.status).toBeGreaterThanOrEqual(200);
    }
  });
}

test("what follows a query's ? or a path's % can't turn one provider's call into another's", async () => {
  expect(await follow({ method: "GET", target: "/v1/models?x=/anthropic/v1/messages" })).toBe(
    "openai /v1/models?x=/anthropic/v1/messages",
  );
  expect(await follow({ method: "GET", target: "/v1%2Fmessages" })).toBe("nowhere: 404");
});

test("built-in base URLs may have a path, a version and a slash too, and another provider may have /v1", async () => {
  await using based = await openWire({
    env: ({ openai, anthropic, gemini }) => ({
      UPSTREAM_BASE_URL: `${openai}/v1`,
      ANTHROPIC_BASE_URL: `${anthropic}/anthropic/`,
      GEMINI_BASE_URL: `${gemini}/v1beta/`,
      DEFAULT_API_PROVIDER: "deepseek",
    }),
    yaml: ({ other }) => `providers: { deepseek: { base_url: "${other}/ds/", dialect: openai } }`,
  });
  const targets = [
    "/openai/v1/models",
    "/openai/v1/v1/models",
    "/anthropic/v1/models",
    "/v1/messages",
    "/v1beta/models/m:countTokens",
    "/v1/chat/completions",
    "/v1/v1/embeddings",
  ];
  for (const target of targets) await send(based.weir.port, { method: "POST", target, body: "{}" });
  await based.exchange({ method: "HEAD", target: "/" });
  expect(based.seen.map(({ upstream, target }) => `${upstream} ${target}`)).toEqual([
    "openai /v1/models",
    "openai /v1/models",
    "anthropic /anthropic/v1/models",
    "anthropic /anthropic/v1/messages",
    "gemini /v1beta/models/m:countTokens",
    "other /ds/v1/chat/completions",
    "other /ds/v1/embeddings",
    "anthropic /anthropic/",
  ]);
});
