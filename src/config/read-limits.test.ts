import { expect, test } from "bun:test";
import type { Config } from "./config.ts";
import { type ConfigSources, readConfig } from "./read-config.ts";

type Env = ConfigSources["env"];

function sourcesOf(env: Env, text = ""): ConfigSources {
  return { ...(env && { env }), files: { yaml: { path: "weir.yaml", text } } };
}

function configOf(env: Env, text = ""): Config {
  const result = readConfig(sourcesOf(env, text));
  if (result.kind === "faults") throw new Error(result.faults.join("\n"));
  return result.config;
}

function faultsOf(env: Env, text = ""): readonly string[] {
  const result = readConfig(sourcesOf(env, text));
  return result.kind === "faults" ? result.faults : [];
}

const none = { requestsPerMinute: 0, tokensPerMinute: 0, requestsPerDay: 0, tokensPerDay: 0, concurrent: 0 };

test("without a word nothing is bounded, and each process counts by itself", () => {
  const { limits, redis } = configOf({});
  expect(limits).toEqual({
    rules: { base: none, global: none, perAddress: none, overrides: {}, count: "total", optimisticFirst: true },
    estimation: {
      maxSampleBytes: 20_000,
      bytesPerToken: 4,
      charsPerToken: 4,
      providerCharsPerToken: { openai: 5, anthropic: 3 },
    },
    backend: "memory",
    onFailure: "local",
  });
  expect(redis).toBeUndefined();
});

test("limits come from the environment", () => {
  const { rules } = configOf({
    REQUESTS_PER_MINUTE: "1",
    TOKENS_PER_MINUTE: "2",
    REQUESTS_PER_DAY: "3",
    TOKENS_PER_DAY: "4",
    CONCURRENT_REQUESTS: "5",
    GLOBAL_RATE_LIMIT: "6",
    IP_RATE_LIMIT: "7",
    MAX_CONCURRENT_REQUESTS: "8",
  }).limits;
  expect(rules).toMatchObject({
    base: { requestsPerMinute: 1, tokensPerMinute: 2, requestsPerDay: 3, tokensPerDay: 4, concurrent: 5 },
    global: { ...none, requestsPerMinute: 6, concurrent: 8 },
    perAddress: { ...none, requestsPerMinute: 7 },
  });
});

test("limits come from the file, with overrides and how to estimate", () => {
  const { limits } = configOf(
    {},
    `limits:
  requests_per_minute: 1e1
  concurrent: 2
  count: input
  optimistic_first: false
  backend: memory
  on_failure: closed
  global: { tokens_per_day: 1000000 }
  per_address: { requests_per_minute: 60 }
  overrides:
    model: { "gpt-4o*": { tokens_per_minute: 200000 }, "models/x.y": { requests_per_minute: 0 } }
    user:
      alice: { requests_per_day: 1e3 }
      bob:
    provider:
  estimation: { max_sample_bytes: 10KB, chars_per_token: 3.5, provider_chars_per_token: { gemini: 4.5 } }
`,
  );
  expect(limits).toMatchObject({
    rules: {
      base: { requestsPerMinute: 10, concurrent: 2 },
      global: { tokensPerDay: 1_000_000 },
      perAddress: { requestsPerMinute: 60 },
      count: "input",
      optimisticFirst: false,
    },
    estimation: { maxSampleBytes: 10_240, bytesPerToken: 4, charsPerToken: 3.5 },
    onFailure: "closed",
  });
  expect(limits.estimation.providerCharsPerToken).toEqual({ gemini: 4.5 });
  expect(limits.rules.overrides).toEqual({
    model: { "gpt-4o*": { tokensPerMinute: 200_000 }, "models/x.y": { requestsPerMinute: 0 } },
    user: { alice: { requestsPerDay: 1000 }, bob: {} },
  });
});

test.each([
  [
    "requests_per_minute: 1_000",
    'limits.requests_per_minute must be a whole number of at least 0, without "_" between its digits, not "1_000"',
  ],
  ["requests_per_minute: -1", 'limits.requests_per_minute must be a whole number of at least 0, not "-1"'],
  [
    "requests_per_minutes: 1",
    "limits.requests_per_minutes is not a setting of this build; did you mean limits.requests_per_minute?",
  ],
  [
    "global: 5",
    "limits.global must be a map with keys such as requests_per_minute, tokens_per_minute, requests_per_day",
  ],
  ["overrides: [1]", 'limits.overrides in weir.yaml must be a map, not ["1"]'],
  ["overrides: { modell: {} }", 'limits.overrides in weir.yaml must have no "modell"; did you mean model?'],
  ["overrides: { user: { a: 5 } }", 'limits.overrides.user.a in weir.yaml must be a map, not "5"'],
  [
    "overrides: { user: { a: { tokens_per_minut: 5 } } }",
    'limits.overrides.user.a in weir.yaml must have no "tokens_per_minut"; did you mean tokens_per_minute?',
  ],
  [
    "overrides: { user: { a: { concurrent: -5 } } }",
    'limits.overrides.user.a.concurrent in weir.yaml must be a whole number of at least 0, not "-5"',
  ],
  [
    "overrides: { user: { a: { concurrent: [] } } }",
    "limits.overrides.user.a.concurrent in weir.yaml must be a whole number of at least 0, not []",
  ],
  ["estimation: { bytes_per_token: 0 }", 'limits.estimation.bytes_per_token must be a number greater than 0, not "0"'],
  [
    "estimation: { provider_chars_per_token: { openai: -1 } }",
    'limits.estimation.provider_chars_per_token must be numbers greater than 0 by provider, such as { openai: 5 }, not "{"openai":"-1"}"',
  ],
])("limits: { %s } is a fault that says what would be right", (text, fault) => {
  expect(faultsOf({}, `limits: { ${text} }`)).toEqual([fault]);
});

test("names in overrides that nothing is counted by are told, and no secret is told again", () => {
  const faults = faultsOf(
    {},
    `limits:
  overrides:
    address: { "10.0.0.300": { concurrent: 1 }, "127.0.0.0/8": { concurrent: 1 } }
    project: { free: { concurrent: 1 } }
    token: { sk-weir-s3cr3t: { concurrent: -1 } }
    key: { sk-s3cr3t: { concurrent: 1 } }
`,
  );
  expect(faults.map((fault) => fault.slice(0, fault.indexOf(" in ")))).toEqual([
    "limits.overrides.address",
    "limits.overrides.address",
    "limits.overrides.project",
    "limits.overrides.token",
    "limits.overrides.key",
  ]);
  expect(faults.join()).not.toContain("s3cr3t");
});

test("what changes nothing is warned of", () => {
  const text = `limits:
  overrides: { provider: { opnai: { concurrent: 1 } }, model: { gpt: {} } }
  estimation: { provider_chars_per_token: { antropic: 5, gemini: 4 } }
`;
  expect(readConfig(sourcesOf({}, text)).warnings).toEqual([
    expect.stringMatching(
      /^limits\.estimation\.provider_chars_per_token should name one of .*did you mean anthropic\?$/,
    ),
    expect.stringMatching(/^limits\.overrides\.provider in weir\.yaml should name one of .*did you mean openai\?$/),
    "limits.overrides.model.gpt in weir.yaml changes nothing, because it has no figures",
  ]);
});

test("limits are counted in Redis where there is one, unless the operator wants it otherwise", () => {
  const backendOf = (env: Env) => configOf(env).limits.backend;
  expect(backendOf({ REDIS_URL: "redis://r" })).toBe("redis");
  expect(backendOf({ REDIS_ADDR: "r:6379" })).toBe("redis");
  expect(backendOf({ REDIS_ADDR: "r:6379", LIMITS_BACKEND: "memory" })).toBe("memory");
  expect(faultsOf({ LIMITS_BACKEND: "redis" })).toEqual([
    "REDIS_URL or REDIS_ADDR must be set, because LIMITS_BACKEND is redis: redis://user:password@host:6379/0",
  ]);
});

test("what the URL of Redis doesn't say is taken from the settings beside it", () => {
  const urlOf = (env: Env) => configOf(env).redis?.url;
  const more = { REDIS_DB: "3", REDIS_USERNAME: "me", REDIS_PASSWORD: "p@ss/w:rd" };
  expect(urlOf({ REDIS_ADDR: "redis:6379", ...more })).toBe("redis://me:p%40ss%2Fw%3Ard@redis:6379/3");
  expect(urlOf({ REDIS_URL: "rediss://redis:6380", ...more })).toBe("rediss://me:p%40ss%2Fw%3Ard@redis:6380/3");
  expect(urlOf({ REDIS_URL: "redis://you:own@redis/0", REDIS_ADDR: "other:1", ...more })).toBe(
    "redis://you:own@redis/0",
  );
  expect(faultsOf({ REDIS_URL: "http://redis" })).toHaveLength(1);
  expect(faultsOf({ REDIS_URL: "redis://redis/db" })).toHaveLength(1);
  expect(faultsOf({ REDIS_ADDR: "redis" })).toEqual(['REDIS_ADDR must be host:port, not "redis"']);
});

test("the distributed limits of old are limits of each token", () => {
  const old = { DISTRIBUTED_RATE_LIMIT_ENABLED: "true", DISTRIBUTED_RATE_LIMIT_MAX: "5", REDIS_ADDR: "r:6379" };
  const limitsOf = (env: Env) => configOf({ ...old, ...env }).limits;
  expect(limitsOf({})).toMatchObject({ rules: { base: { ...none, requestsPerMinute: 5 } }, onFailure: "local" });
  expect(limitsOf({ DISTRIBUTED_RATE_LIMIT_WINDOW: "24h" }).rules.base).toEqual({ ...none, requestsPerDay: 5 });
  expect(limitsOf({ DISTRIBUTED_RATE_LIMIT_FALLBACK: "false" }).onFailure).toBe("closed");
  expect(limitsOf({ DISTRIBUTED_RATE_LIMIT_FALLBACK: "false", LIMITS_ON_FAILURE: "open" }).onFailure).toBe("open");
  expect(limitsOf({ REQUESTS_PER_MINUTE: "7" }).rules.base.requestsPerMinute).toBe(7);
  expect(limitsOf({ DISTRIBUTED_RATE_LIMIT_ENABLED: "false" }).rules.base).toEqual(none);
  expect(faultsOf({ ...old, DISTRIBUTED_RATE_LIMIT_WINDOW: "10s" })).toEqual([
    'DISTRIBUTED_RATE_LIMIT_WINDOW must be 1m or 24h, not "10s": other windows are not counted here',
  ]);
  expect(faultsOf({ DISTRIBUTED_RATE_LIMIT_ENABLED: "true" })).toHaveLength(1);
  expect(readConfig({ env: { ...old, REDIS_ADDR: "" } }).warnings).toEqual([
    expect.stringContaining("each process counts by itself"),
  ]);
});

test("figures change while a process runs, and where they are counted doesn't", () => {
  const start = sourcesOf({ REDIS_URL: "redis://one", REQUESTS_PER_MINUTE: "1" });
  const result = readConfig({ ...sourcesOf({ LIMITS_ON_FAILURE: "open", REQUESTS_PER_MINUTE: "2" }), start });
  expect(result).toMatchObject({
    held: ["LIMITS_ON_FAILURE", "REDIS_URL"],
    config: {
      redis: { url: "redis://one" },
      limits: { backend: "redis", onFailure: "local", rules: { base: { requestsPerMinute: 2 } } },
    },
  });
});

test("one of several processes that count by themselves is told so, where anything is bounded", () => {
  const warned = (env: Env) => {
    const result = readConfig(sourcesOf(env));
    return result.warnings.filter((warning) => warning.startsWith("Each process counts")).length;
  };
  const bound = { REQUESTS_PER_MINUTE: "5" };
  expect(warned({ ...bound, WEIR_WORKERS: "2" })).toBe(1);
  expect(warned({ ...bound, DB_DRIVER: "postgres", DATABASE_URL: "postgres://db/weir" })).toBe(1);
  for (const env of [bound, { WEIR_WORKERS: "2" }, { ...bound, WEIR_WORKERS: "2", REDIS_URL: "redis://r" }])
    expect(warned(env)).toBe(0);
});
