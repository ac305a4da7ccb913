import { expect, test } from "bun:test";
import { type ConfigLine, describeConfig } from "./describe-config.ts";
import type { ConfigSources } from "./read-config.ts";

function describe(sources: ConfigSources): ReadonlyMap<string, Omit<ConfigLine, "name">> {
  const lines = describeConfig(sources);
  expect(new Set(lines.map(({ name }) => name)).size).toBe(lines.length);
  return new Map(lines.map(({ name, ...line }) => [name, line]));
}

const yaml = (text: string) => ({ yaml: { path: "weir.yaml", text } });

test("every setting is there, with what the docs say it is by default", () => {
  const lines = describe({});
  expect(lines.get("PORT")).toEqual({ value: "3000", source: "default" });
  expect(lines.get("DB_DRIVER")).toEqual({ value: "sqlite", source: "default" });
  expect(lines.get("MANAGEMENT_TOKEN")).toEqual({ value: undefined, source: "default" });
  expect(lines.get("UPSTREAM_BASE_URL")?.value).toBe("https://api.openai.com");
  expect(lines.get("providers.gemini.timeout_ms")).toEqual({ value: undefined, source: "default" });
  expect([...lines.keys()].filter((name) => name === "" || name.includes("<"))).toEqual([]);
});

test("each source is named, and the one that counts first wins", () => {
  const files = {
    dotenv: { path: ".env", text: "LOG_LEVEL=warn\nPORT=1\nHOST=10.0.0.1" },
    ...yaml("port: 2\nhost: 10.0.0.2\nmanagement: { token_cleanup_interval: 5m }"),
  };
  const lines = describe({
    flags: { "--port": "4" },
    env: { PORT: "3", HOST: "" },
    files,
    defaults: { DATA_DIR: "/d" },
  });
  expect(lines.get("PORT")).toEqual({ value: "4", source: "flag" });
  expect(lines.get("HOST")).toEqual({ value: "10.0.0.1", source: ".env" });
  expect(lines.get("LOG_LEVEL")).toEqual({ value: "warn", source: ".env" });
  expect(lines.get("TOKEN_CLEANUP_INTERVAL")).toEqual({ value: "5m", source: "file" });
  expect(lines.get("DATA_DIR")).toEqual({ value: "/d", source: "default" });
  expect(describe({ env: { PORT: "3" }, files }).get("PORT")).toEqual({ value: "3", source: "environment" });
});

test("a setting that came under another of its names is told under its own", () => {
  expect(describe({ env: { INTERNAL_API_KEY: "gate" } }).get("PROXY_API_KEY")).toEqual({
    value: "set",
    source: "environment",
  });
});

test("providers of the file are told by their names, in either section of it", () => {
  const lines = describe({
    env: { DEEPSEEK: "sk-secret" },
    files: yaml(
      "providers:\n  deepseek: { base_url: https://api.deepseek.com, dialect: openai, key: '${DEEPSEEK}' }\n  openai: { stream_usage: off }\napis:\n  old: { base_url: https://old.example, allowed_methods: [POST] }",
    ),
  });
  expect(lines.get("providers.deepseek.base_url")).toEqual({ value: "https://api.deepseek.com", source: "file" });
  expect(lines.get("providers.deepseek.key")).toEqual({ value: "set", source: "file" });
  expect(lines.get("providers.openai.stream_usage")).toEqual({ value: "off", source: "file" });
  expect(lines.get("apis.old.base_url")).toEqual({ value: "https://old.example", source: "file" });
  expect(lines.get("apis.old.allowed_methods")).toEqual({ value: '["POST"]', source: "file" });
});

test("no secret is told, wherever it came from", () => {
  const secret = "canary-0123456789";
  const variables = {
    PROXY_API_KEY: secret,
    MANAGEMENT_TOKEN: secret,
    ENCRYPTION_KEY: secret,
    DATABASE_URL: `postgres://user:${secret}@host/name`,
    UPSTREAM_API_KEY: secret,
    ANTHROPIC_API_KEY: secret,
    LANGFUSE_SECRET_KEY: secret,
    METRICS_TOKEN: secret,
    LANGFUSE_BASE_URL: `https://user:${secret}@langfuse.example`,
  };
  const text = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const file = `providers: { openai: { headers: { x-key: ${secret} }, query: { key: ${secret} }, key: ${secret} } }\nauth: { gate_key: ${secret} }`;
  for (const sources of [
    { env: variables },
    { files: { dotenv: { path: ".env", text: text.join("\n") } } },
    { flags: { "--key": secret } },
    { files: yaml(file) },
    { defaults: variables },
  ])
    expect(JSON.stringify(describeConfig(sources))).not.toContain(secret);
});

test("a file that can't be read is no trouble here", () => {
  expect(describe({ files: yaml("a: [") }).get("PORT")).toEqual({ value: "3000", source: "default" });
});

test("what holds until the end of the process is as it was at its start", () => {
  const lines = describe({ env: { PORT: "2", LOG_LEVEL: "warn" }, start: { env: { PORT: "1" } } });
  expect(lines.get("PORT")).toEqual({ value: "1", source: "environment" });
  expect(lines.get("LOG_LEVEL")).toEqual({ value: "warn", source: "environment" });
});
