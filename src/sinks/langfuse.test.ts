import { expect, test } from "bun:test";

import { exampleExchange, recordsOf } from "../../test/fakes/exchanges.ts";
import { startFakeLangfuse } from "../../test/fakes/langfuse.ts";
import type { SettingValues } from "../lib/setting.ts";
import { langfuse } from "./langfuse.ts";

type Values = SettingValues<typeof langfuse.settings>;

/** The values that a configuration reads, of what is set by variable. */
function valuesOf(env: Readonly<Record<string, string>>): Values {
  const read = Object.entries(langfuse.settings).map(([name, setting]) => [
    name,
    setting.schema.parse(env[setting.env]),
  ]);
  return Object.fromEntries(read) as Values;
}

const keys = { LANGFUSE_PUBLIC_KEY: "pk-lf-test", LANGFUSE_SECRET_KEY: "sk-lf-test" };

test("both keys switch it on, neither leaves it off", () => {
  expect(langfuse.enabled(valuesOf(keys))).toBe(true);
  expect(langfuse.enabled(valuesOf({}))).toBe(false);
  expect(langfuse.fault?.(valuesOf(keys))).toBeUndefined();
  expect(langfuse.fault?.(valuesOf({}))).toBeUndefined();
});

test.each([
  ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"],
  ["LANGFUSE_SECRET_KEY", "LANGFUSE_PUBLIC_KEY"],
])("%s without %s is a fault that names both", (set, missing) => {
  const fault = langfuse.fault?.(valuesOf({ [set]: "k" }));
  expect(fault).toBe(`${set} is set without ${missing}; set both to send to Langfuse, or neither`);
});

test("without an address it is Langfuse's cloud", () => {
  expect(valuesOf(keys).baseUrl).toBe("https://cloud.langfuse.com");
});

const exchangeLog = { database: { driver: "sqlite", path: "exchanges.db" }, keepsRows: true, durable: false } as const;

test.each([
  [{ LANGFUSE_TRACING_ENVIRONMENT: "prod" }, "prod"],
  [{ DEPLOYMENT_ENVIRONMENT: "eu" }, "eu"],
  [{ LANGFUSE_TRACING_ENVIRONMENT: "prod", DEPLOYMENT_ENVIRONMENT: "eu" }, "prod"],
])("with %p traces are of the environment %p", async (env: Record<string, string>, environment) => {
  const fake = startFakeLangfuse();
  const values = valuesOf({ ...keys, ...env, LANGFUSE_BASE_URL: `${fake.url}/` });
  const sink = await langfuse.open(values, { fetch, now: Date.now, dataDir: ".", version: "1.2.3", exchangeLog });
  await sink.deliver(recordsOf([exampleExchange()]), AbortSignal.timeout(5_000));
  await fake.stop();

  expect(sink.target).toBe(fake.url);
  expect(fake.spans()[0]?.attributes["langfuse.environment"]).toBe(environment);
});
