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

test.each(["allowed_methods", "allowed_endpoints", "param_whitelist", "allowed_origins", "required_headers"])(
  "%s, which would narrow what may be called, is refused rather than passed over",
  (key) => {
    const [fault] = faultsOf(`providers: { openai: { ${key}: [a] } }`);
    expect(fault).toStartWith(`providers.openai.${key} is not a setting of this build`);
  },
);
