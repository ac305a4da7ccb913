import { expect, test } from "bun:test";
import type { Provider } from "../providers/provider.ts";
import { type ConfigSources, readConfig } from "./read-config.ts";
import { registry } from "./registry.ts";

const sources = (text: string, env: ConfigSources["env"] = {}) => ({
  env: { AUTH_MODE: "open", ...env },
  files: { yaml: { path: "weir.yaml", text } },
});

function providersOf(text: string, env: ConfigSources["env"] = {}): ReadonlyMap<string, Provider> {
  const result = readConfig(sources(text, env));
  if (result.kind === "faults") throw new Error(result.faults.join("\n"));
  return new Map(result.config.gateway.providers.map((provider) => [provider.name, provider]));
}

function faultsOf(text: string, env: ConfigSources["env"] = {}): readonly string[] {
  const result = readConfig(sources(text, env));
  return result.kind === "faults" ? result.faults : [];
}

test("a provider of the file speaks its family's dialects, with the key where the family has it", () => {
  const text = `
providers:
  deepseek: { base_url: https://api.deepseek.com/, dialect: openai, key: \${DEEPSEEK_API_KEY} }
  kimi: { base_url: https://api.moonshot.ai/anthropic, dialect: anthropic }
`;
  const providers = providersOf(text, { DEEPSEEK_API_KEY: "sk-deep" });
  const { openai, anthropic } = registry.families;
  expect(providers.get("deepseek")).toEqual({
    name: "deepseek",
    family: "openai",
    baseUrl: "https://api.deepseek.com",
    keyIn: "bearer",
    key: "sk-deep",
    streamUsage: "inject",
    forwardAttribution: false,
    dialects: openai.dialects,
  });
  expect(providers.get("kimi")).toMatchObject({ keyIn: "x-api-key", dialects: anthropic.dialects });
  expect(providers.get("kimi")).not.toHaveProperty("key");
});

test("everything about a provider of the file can be said", () => {
  const text = `
providers:
  azure:
    base_url: https://me.openai.azure.com/openai
    dialect: openai
    key: "123"
    key_in: api-key
    headers: { x-team: research }
    query: { api-version: 2024-10-21 }
    stream_usage: off
    forward_attribution: true
    timeout_ms: 10s
`;
  expect(providersOf(text).get("azure")).toMatchObject({
    key: "123",
    keyIn: "api-key",
    headers: { "x-team": "research" },
    query: { "api-version": "2024-10-21" },
    streamUsage: "off",
    forwardAttribution: true,
    timeoutMs: 10_000,
  });
});

test("a built-in name changes that provider, and variables beat the file", () => {
  const text =
    "providers: { openai: { base_url: https://a.com/v1, key: from-file, timeout_ms: 5s }, gemini: { key: from-file } }";
  const providers = providersOf(text, { UPSTREAM_API_KEY: "from-env", GEMINI_BASE_URL: "https://g.com/v1beta/" });
  expect(providers.get("openai")).toMatchObject({
    baseUrl: "https://a.com/v1",
    key: "from-env",
    timeoutMs: 5000,
    keyIn: "bearer",
  });
  expect(providers.get("gemini")).toMatchObject({ baseUrl: "https://g.com/v1beta", key: "from-file" });
});

test("one Anthropic-compatible upstream can be named on the command line", () => {
  const result = readConfig({ flags: { "--url": "https://api.kimi.com/coding", "--key": "sk-kimi" } });
  const anthropic =
    result.kind === "ok" ? result.config.gateway.providers.find(({ name }) => name === "anthropic") : undefined;
  expect(anthropic).toMatchObject({ baseUrl: "https://api.kimi.com/coding", key: "sk-kimi" });
});

test("STREAM_USAGE=off holds for every provider that says nothing itself", () => {
  const text = `
providers:
  one: { base_url: https://one.com, dialect: openai }
  two: { base_url: https://two.com, dialect: openai, stream_usage: inject }
`;
  const providers = providersOf(text, { STREAM_USAGE: "off" });
  expect(["openai", "one", "two"].map((name) => providers.get(name)?.streamUsage)).toEqual(["off", "off", "inject"]);
});

test("the provider of bare paths can be one of the file", () => {
  const text = "default_api: mine\nproviders: { mine: { base_url: https://one.com, dialect: openai } }";
  const result = readConfig(sources(text));
  expect(result.kind === "ok" && result.config.gateway.defaultApi).toBe("mine");
});

test.each(["v1", "v1beta", "v1alpha", "api", "manage", "admin", "health", "ready", "live", "metrics", "upload", "ws"])(
  "no provider is named %s, which is a path of its own",
  (name) => {
    expect(faultsOf(`providers: { ${name}: { base_url: https://one.com, dialect: openai } }`)).toEqual([
      `providers.${name} must have another name: /${name} is a path of its own`,
    ]);
  },
);

test.each([
  [
    "{ My_One: { base_url: https://one.com, dialect: openai } }",
    'providers.My_One must have a name of small letters, digits and -, such as "my-provider"',
  ],
  [
    "{ one: { base_url: https://one.com, dialect: cohere } }",
    'providers.one.dialect must be one of openai, anthropic, gemini, not "cohere"',
  ],
  [
    "{ one: { base_url: one.com, dialect: openai } }",
    'providers.one.base_url must be an http:// or https:// URL without credentials, query and fragment, not "one.com"',
  ],
  [
    "{ one: { base_url: http://127.0.0.1:3000, dialect: openai } }",
    'providers.one.base_url must be the provider\'s own URL, not "http://127.0.0.1:3000", where this gateway itself listens (127.0.0.1:3000)',
  ],
  [
    "{ one: { base_url: https://one.com, dialect: openai, key_in: cookie } }",
    'providers.one.key_in must be one of bearer, x-api-key, x-goog-api-key, api-key, query, not "cookie"',
  ],
  [
    "{ one: { base_url: https://one.com, dialect: openai, headers: { host: a.com } } }",
    "providers.one.headers must be header names with values that a header can have; its value isn't shown",
  ],
  [
    "{ one: { base_url: https://one.com, dialect: openai, timout_ms: 1 } }",
    "providers.one.timout_ms is not a setting of this build; did you mean providers.one.timeout_ms?",
  ],
  [
    "{ openai: { dialect: anthropic } }",
    "providers.openai.dialect must be openai; add a provider of another name for another API",
  ],
  ["one", "providers must be a map with keys such as anthropic, gemini, openai"],
])("%s is a fault", (text, fault) => {
  expect(faultsOf(`providers: ${text}`)).toEqual([fault]);
});

test("a provider of the file without a URL or a dialect says which is missing", () => {
  expect(faultsOf("providers: { one: { key: a } }")).toEqual([
    expect.stringMatching(/^providers\.one\.base_url must be set\./),
    expect.stringMatching(/^providers\.one\.dialect must be set\./),
  ]);
  expect(faultsOf("providers: { one: }")).toHaveLength(2);
});

test("a policy is read as it is checked: methods in capitals, origins and names of headers as they come, paths without an end", () => {
  const text = `
providers:
  openai:
    allowed_methods: get, post
    allowed_endpoints: [/v1/chat/completions, /v1/responses/]
    param_whitelist: { model: [gpt-4o, gpt-4.1-*], n: [1], stream: false }
    allowed_origins: [https://App.example.com/]
    required_headers: [Origin]
`;
  const policy = {
    allowedMethods: ["GET", "POST"],
    allowedEndpoints: ["/v1/chat/completions", "/v1/responses"],
    paramWhitelist: { model: ["gpt-4o", "gpt-4.1-*"], n: ["1"], stream: ["false"] },
    allowedOrigins: ["https://app.example.com"],
    requiredHeaders: ["origin"],
  };
  const providers = providersOf(text);
  expect(providers.get("openai")?.policy).toEqual(policy);
  expect(providers.get("anthropic")).not.toHaveProperty("policy");
});

test.each([
  ["allowed_methods: [POSTT]", "a list with commas between, each a method such as GET or POST"],
  ["allowed_methods: []", "a list of at least one; leave it out to allow all"],
  ["allowed_methods: ['']", "a list of at least one; leave it out to allow all"],
  ["allowed_endpoints: [v1/models]", "a list with commas between, each a path such as /v1/chat/completions"],
  ["allowed_endpoints: [/v1/*]", "a list with commas between, each a path such as /v1/chat/completions"],
  ["allowed_endpoints: [/v1/%2e%2e]", "a list with commas between, each a path such as /v1/chat/completions"],
  ["allowed_endpoints: [/v1/../x]", "a list with commas between, each a path such as /v1/chat/completions"],
  ["allowed_endpoints: [/v1//x]", "a list with commas between, each a path such as /v1/chat/completions"],
  ["allowed_endpoints: { a: b }", "a list with commas between its values"],
  ["param_whitelist: [model]", "a map such as { model: [gpt-4o, gpt-4.1-*] }"],
  ["param_whitelist: {}", "a map such as { model: [gpt-4o, gpt-4.1-*] }"],
  ["param_whitelist: { model: [] }", "a map such as { model: [gpt-4o, gpt-4.1-*] }"],
  ["param_whitelist: { model: }", "a map such as { model: [gpt-4o, gpt-4.1-*] }"],
  ["param_whitelist: { model: { gpt: 4 } }", "a map such as { model: [gpt-4o, gpt-4.1-*] }"],
  ["allowed_origins: [app.example.com]", "a list with commas between, each * or an origin"],
  ["required_headers: ['a b']", "a list with commas between, each a header's name"],
])("the rule %s is a fault", (rule, expected) => {
  const [fault, ...others] = faultsOf(`providers: { openai: { ${rule} } }`);
  expect(fault).toStartWith(`providers.openai.${rule.split(":")[0]} must be ${expected}`);
  expect(others).toEqual([]);
});

test.each(["allowed_methods", "allowed_endpoints", "param_whitelist", "allowed_origins", "required_headers"])(
  "%s without a word in it is a fault, since it would allow everything",
  (key) => {
    for (const nothing of ["", "null", "''", "' '"]) {
      expect(faultsOf(`providers: { openai: { ${key}: ${nothing} } }`)).toEqual([
        `providers.openai.${key} must say what is allowed; leave it out to allow all`,
      ]);
    }
  },
);

const oldFile = `
default_api: mine
apis:
  openai:
    base_url: https://api.openai.com
    allowed_endpoints: [/v1/chat/completions]
    allowed_methods: [POST]
    timeouts: { request: 300s, response_header: 30s, idle_connection: 90s, flush_interval: 100ms }
    connection: { max_idle_conns: 100, max_idle_conns_per_host: 20 }
    param_whitelist: { model: [gpt-4o, gpt-4.1-*] }
    allowed_origins: [https://www.example.com, http://localhost:4000]
    required_headers: [origin]
  mine: { base_url: https://mine.example/v1, allowed_endpoints: [/v1/chat], allowed_methods: [POST, GET] }
`;

test("an api_providers.yaml of sofatutor's is read as it is, with a warning for what has no effect", () => {
  const result = readConfig(sources(oldFile));
  if (result.kind === "faults") throw new Error(result.faults.join("\n"));
  const providers = new Map(result.config.gateway.providers.map((provider) => [provider.name, provider]));
  expect(result.config.gateway.defaultApi).toBe("mine");
  expect(providers.get("openai")?.policy).toEqual({
    allowedMethods: ["POST"],
    allowedEndpoints: ["/v1/chat/completions"],
    paramWhitelist: { model: ["gpt-4o", "gpt-4.1-*"] },
    allowedOrigins: ["https://www.example.com", "http://localhost:4000"],
    requiredHeaders: ["origin"],
  });
  expect(providers.get("mine")).toMatchObject({
    family: "openai",
    baseUrl: "https://mine.example/v1",
    keyIn: "bearer",
  });
  expect(result.warnings.map((warning) => warning.split(" ")[0])).toEqual([
    "apis.openai.timeouts.request",
    "apis.openai.timeouts.response_header",
    "apis.openai.timeouts.idle_connection",
    "apis.openai.timeouts.flush_interval",
    "apis.openai.connection.max_idle_conns",
    "apis.openai.connection.max_idle_conns_per_host",
  ]);
  expect(result.warnings[0]).toContain("PROXY_TIMEOUT_MS");
});

const rules = "allowed_endpoints: [/v1], allowed_methods: [GET]";

test.each([
  [`openai: { base_url: https://a.com, allowed_methods: [GET] }`, "apis.openai.allowed_endpoints must be set"],
  [`openai: { base_url: https://a.com, allowed_endpoints: [/v1] }`, "apis.openai.allowed_methods must be set"],
  [`openai: { ${rules}, key: a }`, "apis.openai.key is not a setting of this build"],
  [`openai: { ${rules}, timeouts: { reqest: 1s } }`, "apis.openai.timeouts.reqest is not a setting of this build"],
  [`mine: { ${rules} }`, "apis.mine.base_url must be set."],
  [`my_api: { base_url: https://a.com, ${rules} }`, "apis.my_api must have a name of small letters"],
  [
    `openai: { ${rules}, param_whitelist: { model: ["gpt-[45]"] } }`,
    "apis.openai.param_whitelist.model must have no ?,",
  ],
  [`openai: { ${rules}, param_whitelist: { model: ["**"] } }`, "apis.openai.param_whitelist.model must have no ?,"],
  [`openai: { ${rules}, allowed_origins: }`, "apis.openai.allowed_origins must say what is allowed"],
])("apis: { %s } is a fault", (text, expected) => {
  const faults = faultsOf(`apis: { ${text} }`);
  expect(faults).toEqual([expect.stringContaining(expected)]);
});

test("a provider is named in one section of the file only", () => {
  expect(faultsOf(`apis: { openai: { ${rules} } }\nproviders: { openai: { key: a } }`)).toEqual([
    "apis.openai must not stand beside providers.openai, which is the same provider; keep one of them",
  ]);
});
