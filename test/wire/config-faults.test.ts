import { createServer } from "node:net";
import { describe, expect, test } from "bun:test";
import { runWeir, startWeir, type WeirOptions } from "../weir.ts";
import { send } from "./client.ts";

type Env = Readonly<Record<string, string>>;

/** What it can't be run with, each set in one start with the others of its group, and what the complaint has to name. */
const groups: readonly (readonly (readonly [env: Env, named: readonly string[]])[])[] = [
  [
    [{ PORT: "abc" }, ["PORT", "abc"]],
    [{ PROXY_TIMEOUT_MS: "-1" }, ["PROXY_TIMEOUT_MS", "-1"]],
    [{ STREAM_IDLE_TIMEOUT_MS: "soon" }, ["STREAM_IDLE_TIMEOUT_MS", "soon"]],
    [{ MAX_BODY_BYTES: "10 elephants" }, ["MAX_BODY_BYTES", "10 elephants"]],
    [{ UPSTREAM_BASE_URL: "api.openai.com" }, ["UPSTREAM_BASE_URL", "api.openai.com"]],
    [{ ANTHROPIC_BASE_URL: "ftp://api.anthropic.com" }, ["ANTHROPIC_BASE_URL", "ftp://"]],
    [{ GEMINI_BASE_URL: "https://" }, ["GEMINI_BASE_URL"]],
    [{ LOG_LEVEL: "loud" }, ["LOG_LEVEL", "loud"]],
    [{ LOG_FORMAT: "xml" }, ["LOG_FORMAT", "xml"]],
    [{ LANGFUSE_PUBLIC_KEY: "pk-lf-1" }, ["LANGFUSE_SECRET_KEY"]],
    [{ ON_DISCONNECT: "ignore" }, ["ON_DISCONNECT", "ignore"]],
    [{ STREAM_USAGE: "maybe" }, ["STREAM_USAGE", "maybe"]],
    [{ AUTH_MODE: "everybody" }, ["AUTH_MODE", "everybody"]],
    [{ CORS_ALLOWED_ORIGINS: "*,https://app.example" }, ["CORS_ALLOWED_ORIGINS"]],
    [{ DEFAULT_API_PROVIDER: "nobody" }, ["DEFAULT_API_PROVIDER", "nobody"]],
  ],
  [
    [{ PORT: "70000" }, ["PORT", "70000"]],
    [{ LANGFUSE_SECRET_KEY: "sk-lf-canary" }, ["LANGFUSE_PUBLIC_KEY"]],
    [{ PROXY_TIMEOUT_MS: "abc" }, ["PROXY_TIMEOUT_MS", "abc"]],
    [{ AUTH_MODE: "gate" }, ["PROXY_API_KEY"]],
    [{ WEIR_CONFIG: "missing.yaml" }, ["WEIR_CONFIG", "missing.yaml"]],
  ],
  [
    [{ PORT: "4567", UPSTREAM_BASE_URL: "http://127.0.0.1:4567" }, ["UPSTREAM_BASE_URL", "4567"]],
    [{ PROXY_API_KEY: "gate-canary-one", INTERNAL_API_KEY: "gate-canary-two" }, ["PROXY_API_KEY", "INTERNAL_API_KEY"]],
  ],
  [[{ PORT: "4567", LISTEN_ADDR: ":4568" }, ["PORT", "LISTEN_ADDR"]]],
];

for (const group of groups) {
  const env = Object.assign({}, ...group.map(([one]) => one)) as Env;
  test(`${JSON.stringify(env)} stops the start with 2, and each fault is named`, async () => {
    const { code, stderr, stdout } = await runWeir({ env });
    expect(code).toBe(2);
    for (const [, named] of group) for (const name of named) expect(stderr).toContain(name);
    expect(stderr + stdout).not.toMatch(/canary|\bat \S+:\d+:\d+/);
    expect(stderr.trim().split("\n").length).toBeGreaterThanOrEqual(group.length);
  }, 60_000);
}

test("faults of the environment and of the file are told at once", async () => {
  const env = {
    PORT: "abc",
    PROXY_TIMEOUT_MS: "-1",
    LOG_LEVEL: "loud",
    UPSTREAM_BASE_URL: "nowhere",
    LANGFUSE_PUBLIC_KEY: "pk-lf-1",
  };
  const { code, stderr } = await runWeir({
    env,
    files: { "weir.yaml": "providers:\n  kimi: { base_url: 1, dialcet: openai }\nsurprise: 1\n" },
  });
  expect(code).toBe(2);
  for (const name of [...Object.keys(env).slice(0, 4), "LANGFUSE_SECRET_KEY", "kimi", "dialcet", "surprise"])
    expect(stderr).toContain(name);
}, 60_000);

const files: readonly (readonly [what: string, yaml: string, named: string])[] = [
  ["no YAML", "providers: [}", "weir.yaml"],
  ["an unknown key", "provider: {}", "provider"],
  ["a provider without a URL", "providers: { kimi: { dialect: openai } }", "base_url"],
  ["a provider with a reserved name", "providers: { v1: { base_url: 'http://a', dialect: openai } }", "v1"],
  [
    "a variable that is not set",
    "providers: { kimi: { base_url: 'http://a', dialect: openai, key: '${NOT_SET}' } }",
    "NOT_SET",
  ],
];

for (const [what, yaml, named] of files) {
  test(`a configuration file with ${what} stops the start with 2`, async () => {
    const { code, stderr } = await runWeir({ files: { "weir.yaml": yaml } });
    expect([code, stderr.includes(named)]).toEqual([2, true]);
  }, 60_000);
}

describe("an open relay for the operator's money", () => {
  const key = { UPSTREAM_API_KEY: "op-canary" };
  const relays: readonly Env[] = [
    { ...key, HOST: "0.0.0.0" },
    { ...key, LISTEN_ADDR: ":0" },
    { ...key, HOST: "::" },
    { ...key, AUTH_MODE: "open", PROXY_API_KEY: "gate-0123456789" },
    { ...key, AUTH_MODE: "open,gate", PROXY_API_KEY: "gate-0123456789" },
    { ...key, AUTH_MODE: "open", MANAGEMENT_TOKEN: "manage-0123456789abcdef" },
  ];
  for (const env of relays) {
    test(`${JSON.stringify(env)} doesn't start, and the ways out are named`, async () => {
      const { code, stderr } = await runWeir({ env: "LISTEN_ADDR" in env ? { ...env, PORT: "" } : env });
      expect(code).toBe(2);
      expect(stderr).toContain("ALLOW_OPEN_RELAY");
      if (env["AUTH_MODE"] === undefined)
        for (const way of ["PROXY_API_KEY", "MANAGEMENT_TOKEN", "HOST=127.0.0.1"]) expect(stderr).toContain(way);
      expect(stderr).not.toContain("canary");
    }, 60_000);
  }
});

test("a port in use is an error that names it", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = String(address !== null && typeof address === "object" ? address.port : 0);
  const { code, stderr } = await runWeir({ env: { PORT: port } });
  server.close();
  expect(code).not.toBe(0);
  expect(stderr).toContain(port);
}, 60_000);

const understood: readonly (readonly [what: string, options: WeirOptions])[] = [
  [
    "empty values are as if they weren't there",
    {
      env: {
        LANGFUSE_BASE_URL: "",
        LANGFUSE_PUBLIC_KEY: "",
        LANGFUSE_SECRET_KEY: "",
        UPSTREAM_BASE_URL: "",
        PROXY_API_KEY: "",
        LOG_LEVEL: "",
      },
    },
  ],
  [
    "a timeout of 0, durations and sizes with units, levels in any case",
    {
      env: {
        PROXY_TIMEOUT_MS: "0",
        STREAM_IDLE_TIMEOUT_MS: "10m",
        MAX_BODY_BYTES: "10MB",
        LOG_LEVEL: "INFO",
        REQUEST_TIMEOUT: "",
      },
    },
  ],
  ["an open gateway with no key of the operator's on every address", { env: { HOST: "0.0.0.0" } }],
  ["an open relay that is meant so", { env: { HOST: "0.0.0.0", UPSTREAM_API_KEY: "k", ALLOW_OPEN_RELAY: "true" } }],
  ["what a .env file says", { files: { ".env": "PROXY_API_KEY=gate-0123456789\n" } }],
];

for (const [what, options] of understood) {
  test(`it starts with ${what}`, async () => {
    await using weir = await startWeir(options);
    expect((await send(weir.port, { target: "/live" })).status).toBe(200);
    if (options.files !== undefined) expect((await send(weir.port, { target: "/v1/models" })).status).toBe(401);
  }, 60_000);
}

test("what has lost its meaning warns once, and starts", async () => {
  await using weir = await startWeir({ env: { OBSERVABILITY_ENABLED: "true" } });
  // Its errors come another way than the line that says that it listens.
  await weir.stop();
  expect(weir.output().match(/OBSERVABILITY_ENABLED/g)?.length).toBe(1);
}, 60_000);
