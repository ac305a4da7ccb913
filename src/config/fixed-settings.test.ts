import { expect, test } from "bun:test";
import { type ConfigSources, readConfig } from "./read-config.ts";

type Env = NonNullable<ConfigSources["env"]>;

/** What is read with `after` by a process that was started with `before`. */
function reload(before: Env, after: Env) {
  const result = readConfig({ env: after, start: { env: before } });
  if (result.kind === "faults") throw new Error(result.faults.join("\n"));
  return result;
}

function configOf(env: Env) {
  const result = readConfig({ env });
  if (result.kind === "faults") throw new Error(result.faults.join("\n"));
  return result.config;
}

test("what a process is bound to stays and is named, the rest changes", () => {
  const { config, held } = reload(
    { PORT: "3000" },
    { LISTEN_ADDR: ":4000", DURABILITY: "strict", LOG_LEVEL: "warn", UPSTREAM_API_KEY: "sk-1", PROXY_API_KEY: "gate" },
  );
  expect(held).toEqual(["LISTEN_ADDR", "DURABILITY"]);
  expect(config).toMatchObject({ host: "127.0.0.1", port: 3000, log: { level: "warn" } });
  expect(config.telemetry.durability).toBe("batched");
  expect(config.gateway.providers.find(({ name }) => name === "openai")?.key).toBe("sk-1");
  expect(reload({ PORT: "3000", HOST: "127.0.0.1" }, {}).held).toEqual([]);
});

test("whatever follows from what stays, stays", () => {
  const before = { DATA_DIR: "/before", ENCRYPTION_KEY: Buffer.alloc(32).toString("base64") };
  for (const changes of [
    { TELEMETRY: "off" },
    { DATA_DIR: "/after" },
    { MANAGEMENT_TOKEN: "a-management-token" },
    { REDIS_URL: "redis://other", HTTP_CACHE_BACKEND: "redis", HTTP_CACHE_ENABLED: "true" },
    { DB_DRIVER: "postgres", DATABASE_URL: "postgres://u@h/weir" },
    { AUDIT_LOG_FILE: "/after.log", LOG_FILE: "/after.log", LOG_FORMAT: "pretty" },
    { WEIR_WORKERS: "4", MANAGEMENT_LISTEN_ADDR: ":4000" },
    { BUDGET_WEBHOOK_URL: "http://after", BUDGET_WEBHOOK_SECRET: "s" },
  ]) {
    const after = { ...before, ...changes };
    expect(reload(before, after).config).toEqual(configOf(before));
    expect(reload(before, after).held).toEqual(expect.arrayContaining(Object.keys(changes)));
    expect(reload(after, before).config).toEqual(configOf(after));
  }
});

test("a check is made with what stays, and with what the next start finds", () => {
  const paid = { UPSTREAM_API_KEY: "sk-1" };
  const start = { env: { ...paid, HOST: "0.0.0.0", PROXY_API_KEY: "gate" } };
  expect(readConfig({ env: paid, start })).toMatchObject({
    kind: "faults",
    faults: [expect.stringMatching(/^UPSTREAM_API_KEY would pay for anybody who reaches 0\.0\.0\.0/)],
    held: ["HOST"],
  });
  expect(readConfig({ env: start.env, start: { env: paid } }).kind).toBe("ok");
  expect(readConfig({ env: { ...paid, HOST: "0.0.0.0" }, start: { env: paid } }).kind).toBe("faults");
  expect(readConfig({ env: { PORT: "many" }, start: {} })).toMatchObject({ kind: "faults", held: ["PORT"] });
});
