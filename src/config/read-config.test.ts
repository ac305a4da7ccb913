import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Config } from "./config.ts";
import { type ConfigSources, readConfig } from "./read-config.ts";
import { registry } from "./registry.ts";
import { listTopics } from "./topics.ts";

function configOf(sources: ConfigSources): Config {
  const result = readConfig(sources);
  if (result.kind === "faults") throw new Error(result.faults.join("\n"));
  return result.config;
}

function faultsOf(sources: ConfigSources): readonly string[] {
  const result = readConfig(sources);
  return result.kind === "faults" ? result.faults : [];
}

const env = (variables: ConfigSources["env"]) => ({ env: variables });
const yaml = (text: string, variables: ConfigSources["env"] = {}) => ({
  env: variables,
  files: { yaml: { path: "weir.yaml", text } },
});

test("without a word from its operator it listens for this machine alone and knows three providers", () => {
  const { host, port, gateway, telemetry } = configOf({});
  expect({ host, port }).toEqual({ host: "127.0.0.1", port: 3000 });
  expect(Object.fromEntries(gateway.providers.map(({ name, baseUrl }) => [name, baseUrl]))).toEqual({
    anthropic: "https://api.anthropic.com",
    gemini: "https://generativelanguage.googleapis.com",
    openai: "https://api.openai.com",
  });
  expect(gateway.providers.every(({ key }) => key === undefined)).toBe(true);
  expect(gateway.authMode).toEqual(["open"]);
  expect(telemetry.enabled).toBe(true);
});

test.each([
  ["PORT", "abc", 'PORT must be a number from 1 to 65535, or 0 for any that is free, not "abc"'],
  [
    "PROXY_TIMEOUT_MS",
    "abc",
    'PROXY_TIMEOUT_MS must be milliseconds or a duration such as 30s or 1h, and at most 24 days, not "abc"',
  ],
  [
    "PROXY_TIMEOUT_MS",
    "-1",
    'PROXY_TIMEOUT_MS must be milliseconds or a duration such as 30s or 1h, and at most 24 days, not "-1"',
  ],
  ["REQUEST_TIMEOUT", "30", 'REQUEST_TIMEOUT must have a unit, such as 30s, not "30"'],
  [
    "UPSTREAM_BASE_URL",
    "api.openai.com",
    'UPSTREAM_BASE_URL must be an http:// or https:// URL without credentials, query and fragment, not "api.openai.com"',
  ],
  [
    "UPSTREAM_BASE_URL",
    "https://me:pw@x.com/?key=s",
    'UPSTREAM_BASE_URL must be an http:// or https:// URL without credentials, query and fragment, not "https://***@x.com/?***"',
  ],
  [
    "UPSTREAM_BASE_URL",
    "http://localhost:3000/v1",
    'UPSTREAM_BASE_URL must be the provider\'s own URL, not "http://localhost:3000/v1", where this gateway itself listens (127.0.0.1:3000); if you set it for a client of the gateway, unset it in this shell',
  ],
  ["ANTHROPIC_VERSION", "latest", 'ANTHROPIC_VERSION must be a date such as 2023-06-01, not "latest"'],
  ["LOG_LEVEL", "verbose", 'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, not "verbose"'],
  [
    "TELEMETRY_MAX_BODY_BYTES",
    "abc",
    'TELEMETRY_MAX_BODY_BYTES must be a size such as 512KB, 10MB or a number of bytes, not "abc"',
  ],
  [
    "LANGFUSE_BASE_URL",
    "notaurl",
    'LANGFUSE_BASE_URL must be an http:// or https:// URL without credentials, query and fragment, not "notaurl"',
  ],
  [
    "LANGFUSE_PUBLIC_KEY",
    "pk-lf-1",
    "LANGFUSE_PUBLIC_KEY is set without LANGFUSE_SECRET_KEY; set both to send to Langfuse, or neither",
  ],
  ["HOST", "0.0.0.0:3000", 'HOST must be a host name or an address, not "0.0.0.0:3000"'],
  ["LISTEN_ADDR", "8080", 'LISTEN_ADDR must be host:port or :port, not "8080"'],
  [
    "TRUSTED_PROXIES",
    "10.0.0.0/8,proxy",
    'TRUSTED_PROXIES must be a list with commas between, each an address or a network such as 10.0.0.0/8, not "10.0.0.0/8,proxy"',
  ],
  [
    "CORS_ALLOWED_ORIGINS",
    "app.example.com",
    'CORS_ALLOWED_ORIGINS must be a list with commas between, each * or an origin such as https://app.example.com, not "app.example.com"',
  ],
  [
    "CORS_ALLOWED_ORIGINS",
    "*,https://a.com",
    'CORS_ALLOWED_ORIGINS must be * alone or a list of origins, not "*,https://a.com"',
  ],
  ["METRICS_PATH", "metrics", 'METRICS_PATH must be a path such as /metrics, not "metrics"'],
  [
    "DEFAULT_API_PROVIDER",
    "gemni",
    'DEFAULT_API_PROVIDER must be one of anthropic, gemini, openai, not "gemni"; did you mean gemini?',
  ],
  ["EVENT_BUS", "kafka", 'EVENT_BUS must be one of sqlite, in-memory, redis-streams, redis, not "kafka"'],
  [
    "LLM_PROXY_EVENT_BUS",
    "redis-streams",
    'LLM_PROXY_EVENT_BUS must be sqlite or in-memory, not "redis-streams": this build has no Redis backend',
  ],
  ["WEIR_WORKERS", "0", 'WEIR_WORKERS must be a whole number from 1 to 256, or auto, not "0"'],
  [
    "OUTBOX_MAX_BYTES",
    "1KB",
    'OUTBOX_MAX_BYTES must be a size of at least 65536 bytes such as 512KB, 10MB or a number of bytes, not "1KB"',
  ],
  ["LANGFUSE_SAMPLE_RATE", "50", 'LANGFUSE_SAMPLE_RATE must be a number from 0 to 1, not "50"'],
])("%s=%s is a fault that says what would be right", (name, value, fault) => {
  expect(faultsOf(env({ [name]: value }))).toEqual([fault]);
});

test("all faults are told at once", () => {
  expect(faultsOf(env({ PORT: "abc", LOG_LEVEL: "loud", GEMINI_BASE_URL: "x", MAX_BODY_BYTES: "much" }))).toHaveLength(
    4,
  );
});

test("no fault shows a secret", () => {
  const canary = "canary secret";
  const secrets = listTopics(registry)
    .flatMap(({ settings }) => Object.values(settings))
    .filter(({ secret }) => secret);
  const given = Object.fromEntries(secrets.flatMap(({ env: name }) => (name === undefined ? [] : [[name, canary]])));
  const faults = [
    ...faultsOf(env(given)),
    ...faultsOf(
      yaml(
        `providers: { x: { base_url: https://x.com, dialect: openai, key: ${canary}, headers: { "a b": ${canary} } } }`,
      ),
    ),
    ...faultsOf(yaml(`providers: { x: { key: "${canary}\\q" } }`)),
  ];
  expect(faults.length).toBeGreaterThan(5);
  expect(faults.join("\n")).not.toContain(canary);
});

test("empty counts as not set, whatever the setting", () => {
  const names = listTopics(registry).flatMap(({ settings }) =>
    Object.values(settings).flatMap((s) => [s.env ?? [], s.aliases ?? []].flat()),
  );
  expect(configOf(env(Object.fromEntries(names.map((name) => [name, " "]))))).toEqual(configOf({}));
});

test("a flag beats the environment, which beats .env, which beats the file, which beats a command's own default", () => {
  const layers: ConfigSources = {
    flags: { "--port": "1" },
    env: { PORT: "2" },
    files: { dotenv: { path: ".env", text: "PORT=3" }, yaml: { path: "weir.yaml", text: "port: 4" } },
    defaults: { PORT: "5" },
  };
  const { flags: _, ...fromEnv } = layers;
  const { env: __, ...fromDotenv } = fromEnv;
  const fromYaml = { ...fromDotenv, files: { yaml: { path: "weir.yaml", text: "port: 4" } } };
  const read = [layers, fromEnv, fromDotenv, fromYaml, { defaults: { PORT: "5" } }, {}].map(
    (sources) => configOf(sources).port,
  );
  expect(read).toEqual([1, 2, 3, 4, 5, 3000]);
});

test("an alias means the same as the name, and the name wins where both are given", () => {
  expect(configOf(env({ REQUEST_TIMEOUT: "30s" })).gateway.proxyTimeoutMs).toBe(30_000);
  expect(configOf(env({ REQUEST_TIMEOUT: "30s", PROXY_TIMEOUT_MS: "1000" })).gateway.proxyTimeoutMs).toBe(1000);
  expect(configOf(env({ MAX_REQUEST_SIZE: "10MB" })).gateway.maxBodyBytes).toBe(10_485_760);
});

test("0 switches a wait off", () => {
  const waits = { PROXY_TIMEOUT_MS: "0", STREAM_IDLE_TIMEOUT_MS: "0", REQUEST_TIMEOUT: "0" };
  const { proxyTimeoutMs, streamIdleTimeoutMs } = configOf(env(waits)).gateway;
  expect([proxyTimeoutMs, streamIdleTimeoutMs]).toEqual([0, 0]);
});

test("an address beats host and port apart, and :port is every address", () => {
  expect(configOf(env({ LISTEN_ADDR: ":8080", HOST: "127.0.0.1" }))).toMatchObject({ host: "0.0.0.0", port: 8080 });
  expect(configOf({ flags: { "--addr": "[::1]:0" }, env: { PORT: "8080" } })).toMatchObject({ host: "::1", port: 0 });
});

test("an address and a port that differ are a fault, wherever each was said", () => {
  expect(faultsOf({ flags: { "--addr": ":8080" }, env: { PORT: "3000" } })).toEqual([
    "--addr and PORT must name one port, not 8080 and 3000; set one of them",
  ]);
  expect(faultsOf(env({ LISTEN_ADDR: ":8080", PORT: "8080" }))).toEqual([]);
});

test.each([
  [{}, false, "json"],
  [{}, true, "pretty"],
  [{ NODE_ENV: "production" }, true, "json"],
  [{ NODE_ENV: "development" }, false, "json"],
  [{ LOG_FORMAT: "console", NODE_ENV: "production" }, false, "pretty"],
  [{ LOG_FORMAT: "json" }, true, "json"],
  [{ LOG_FILE: "weir.log" }, true, "json"],
])("with %j and a terminal %p lines are %s", (variables, terminal, format) => {
  expect(configOf({ env: variables, terminal }).log.format).toBe(format as "json" | "pretty");
});

test("levels are known in any case, and silly is trace", () => {
  expect(configOf(env({ LOG_LEVEL: "SILLY" })).log.level).toBe("trace");
});

test("an upstream at this machine's own address is refused where the gateway listens on every one", () => {
  const itself = { HOST: "0.0.0.0", PORT: "3000", UPSTREAM_BASE_URL: "http://192.0.2.2:3000" };
  expect(faultsOf({ env: itself, machine: ["192.0.2.2"] })).toEqual([
    'UPSTREAM_BASE_URL must be the provider\'s own URL, not "http://192.0.2.2:3000", where this gateway itself listens (0.0.0.0:3000); if you set it for a client of the gateway, unset it in this shell',
  ]);
  expect(faultsOf({ env: itself, machine: ["192.0.2.3"] })).toEqual([]);
});

test("auto is as many workers as processors", () => {
  expect(configOf({ env: { WEIR_WORKERS: "auto" }, processors: 6 }).lifecycle.workers).toBe(6);
});

test("an unknown key of the file is a fault that names what was meant, or what there is", () => {
  expect(faultsOf(yaml("gatway: { max_body_bytes: 1MB }\nlog: { levle: debug }\nmetrics: { port: 9 }"))).toEqual([
    "gatway is not a setting of this build; did you mean gateway?",
    "log.levle is not a setting of this build; did you mean log.level?",
    "metrics.port is not a setting of this build; metrics may have enabled, path, token",
  ]);
  expect(faultsOf(yaml("log: debug"))).toEqual(["log must be a map with keys such as level, format, file"]);
});

test.each([
  ["a: [1", "weir.yaml must be YAML, which it isn't at line 1 (BAD_INDENT)"],
  ["port: 1\nport: 2", "weir.yaml must be YAML, which it isn't at line 2 (DUPLICATE_KEY)"],
  [
    "port: *there",
    "weir.yaml must have an anchor (&name) before each alias (*name), and no more than a hundred aliases",
  ],
  [
    "log: &a { level: *a }",
    "weir.yaml must have an anchor (&name) before each alias (*name), and no more than a hundred aliases",
  ],
  ["- port", 'weir.yaml must be a map of settings, such as "port: 3000"'],
  ["data_dir: ${NOT_THERE}/x", "NOT_THERE must be set, because data_dir takes its value from it"],
  ["data_dir: ${A:-b}", "data_dir must have a variable's name alone between ${ and }, such as ${MY_KEY}"],
])("the file %j is a fault", (text, fault) => {
  expect(faultsOf(yaml(text))).toEqual([fault]);
});

test("an empty file, and keys without a value, say nothing", () => {
  expect(configOf(yaml(""))).toEqual(configOf({}));
  expect(configOf(yaml("log:\nport:\nproviders: {}\nhost: ''"))).toEqual(configOf({}));
});

test("variables in the file come from the environment and from .env, inside maps too", () => {
  const files = {
    dotenv: { path: ".env", text: "B=/from-dotenv\nA=/other" },
    yaml: { path: "weir.yaml", text: 'data_dir: "${A}${B}"\nmetrics: { token: ${A} }\n' },
  };
  const { dataDir, metrics } = configOf({ env: { A: "/from-env" }, files });
  expect(dataDir).toBe("/from-env/from-dotenv");
  expect(metrics.token).toBe("/from-env");
});

test("a number in the file stays as it was written", () => {
  expect(configOf(yaml("metrics: { token: 12345678901234567890 }")).metrics.token).toBe("12345678901234567890");
});

test("variables that do nothing although somebody thinks so are warned of", () => {
  const result = readConfig({
    env: { LANGFUSE_PUBLICKEY: "pk", OBSERVABILITY_ENABLED: "false", PATH: "/bin", LOG_FILES: "x" },
    files: { dotenv: { path: ".env", text: "PROXY_TIMEOUT_SM=1\nPORT 3000" } },
  });
  expect(result).toMatchObject({
    kind: "ok",
    warnings: [
      ".env is passed over at line 2, which is not NAME=value",
      "LANGFUSE_PUBLICKEY is not a setting; did you mean LANGFUSE_PUBLIC_KEY?",
      "OBSERVABILITY_ENABLED has no effect here. TELEMETRY=off switches recording off.",
    ],
  });
});

test("any text in any variable and in the file is read without a throw", () => {
  const names = listTopics(registry).flatMap(({ settings }) =>
    Object.values(settings).flatMap(({ env: name }) => name ?? []),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), fc.string()), fc.string(), (variables, text) => {
      expect(["ok", "faults"]).toContain(readConfig(yaml(text, variables)).kind);
    }),
    { numRuns: 50 },
  );
});

test("ENABLE_TLS=true stops the start, since calls would come without TLS all the same", () => {
  const refused = readConfig({ env: { ENABLE_TLS: "true" } });
  expect(refused.kind === "faults" ? refused.faults : []).toEqual([
    'ENABLE_TLS must not be "true", because Weir listens without TLS, which a proxy in front of it has to end. Leave it out',
  ]);
  expect(readConfig({ env: { ENABLE_TLS: "false" } }).kind).toBe("ok");
});

test("OPENAI_API_URL says where OpenAI's calls go", () => {
  const { gateway } = configOf({ env: { OPENAI_API_URL: "https://one.example/v1" } });
  expect(gateway.providers.find(({ name }) => name === "openai")?.baseUrl).toContain("https://one.example");
});

test.each(["MASK_API_KEYS", "LLM_PROXY_ENFORCE_PROJECT_ACTIVE"])(
  "%s=false, which would be unsafe, stops the start; true is only said to do nothing",
  (name) => {
    const read = (value: string) => readConfig({ env: { [name]: value } });
    const refused = read("False");
    expect(refused.kind === "faults" ? refused.faults : []).toEqual([
      expect.stringMatching(new RegExp(`^${name} must not be "False", because .+ here\\. Leave it out$`)),
    ]);
    expect(read("true")).toMatchObject({
      kind: "ok",
      warnings: [expect.stringContaining(`${name} has no effect here`)],
    });
  },
);

test("a shell that points its clients at the gateway stops no command that runs none", () => {
  const sources = env({ ANTHROPIC_BASE_URL: "http://127.0.0.1:3000" });
  expect(faultsOf(sources)).toEqual([
    expect.stringMatching(/^ANTHROPIC_BASE_URL .*for a client of the gateway, unset/),
  ]);
  expect(readConfig({ ...sources, serves: false }).kind).toBe("ok");
});
