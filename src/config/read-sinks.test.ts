import { expect, test } from "bun:test";
import type { SinkChoice } from "./config.ts";
import { type ConfigSources, readConfig } from "./read-config.ts";

const langfuse = { LANGFUSE_PUBLIC_KEY: "pk", LANGFUSE_SECRET_KEY: "sk" };

function sinksOf(env: ConfigSources["env"], text = ""): readonly SinkChoice[] {
  const result = readConfig({ env, files: { yaml: { path: "weir.yaml", text } } });
  if (result.kind === "faults") throw new Error(result.faults.join("\n"));
  return result.config.telemetry.sinks;
}

const namesOf = (env: ConfigSources["env"]) => sinksOf(env).map(({ name }) => name);

test("unset, every sink that is configured runs", () => {
  expect(namesOf({ ...langfuse, FILE_EVENT_LOG: "events.jsonl" })).toEqual(["file", "langfuse", "store"]);
  expect(namesOf(langfuse)).toEqual(["langfuse", "store"]);
});

test("SINKS names those that run", () => {
  expect(namesOf({ ...langfuse, FILE_EVENT_LOG: "events.jsonl", SINKS: "langfuse" })).toEqual(["langfuse"]);
});

test("where no sink is configured exchanges go to a file among the data", () => {
  const [choice, ...others] = sinksOf({ DATA_DIR: "/var/lib/weir" });
  expect(others).toMatchObject([{ name: "store" }]);
  expect(choice).toMatchObject({ name: "file", bodies: "full", sample: 1 });
  expect(Object.values(choice?.values ?? {})).toContain("/var/lib/weir/exchanges.jsonl");
  expect(namesOf({ SINKS: "file" })).toEqual(["file"]);
  expect(namesOf({ SINKS: "store" })).toEqual(["store"]);
});

test("EXCHANGE_LOG=off keeps sums alone, and says that exchanges are recorded nowhere", () => {
  const result = readConfig({ env: { EXCHANGE_LOG: "off" } });
  expect(result.kind === "ok" && result.config.telemetry).toMatchObject({
    sinks: [{ name: "store", bodies: "off" }],
    exchangeLog: { keepsRows: false },
  });
  expect(result.warnings).toEqual([expect.stringMatching(/recorded nowhere/)]);
});

test("EXCHANGE_LOG=metadata keeps bodies out of the log", () => {
  expect(sinksOf({ EXCHANGE_LOG: "metadata" })).toMatchObject([
    { name: "file", bodies: "metadata" },
    { name: "store", bodies: "metadata" },
  ]);
  expect(sinksOf({ EXCHANGE_LOG: "metadata", STORE_BODIES: "off" })).toMatchObject([
    {},
    { name: "store", bodies: "off" },
  ]);
  expect(sinksOf({ ...langfuse, EXCHANGE_LOG: "metadata" })).toMatchObject([
    { bodies: "full" },
    { bodies: "metadata" },
  ]);
});

test("EXCHANGE_LOG where the store doesn't run changes nothing, and says so", () => {
  const result = readConfig({ env: { ...langfuse, SINKS: "langfuse", EXCHANGE_LOG: "full" } });
  expect(result.warnings).toEqual(["EXCHANGE_LOG changes nothing, because SINKS leaves out store"]);
});

test("the exchange log lies in a file of its own among the data, or in the PostgreSQL of projects and tokens", () => {
  const databaseOf = (env: ConfigSources["env"]) => {
    const result = readConfig({ env });
    return result.kind === "ok" ? result.config.telemetry.exchangeLog.database : result.faults;
  };
  expect(databaseOf({ DATA_DIR: "/d", DATABASE_PATH: "/e/weir.db" })).toEqual({
    driver: "sqlite",
    path: "/d/exchanges.db",
  });
  const url = "postgres://u@h/weir";
  expect(databaseOf({ DB_DRIVER: "postgres", DATABASE_URL: url })).toMatchObject({ driver: "postgres", url });
});

test("the exchange log has room for exchanges, or no bound", () => {
  for (const [written, fault] of [
    ["10", true],
    ["300KB", true],
    ["10MB", false],
    ["0", false],
    ["much", true],
  ] as const) {
    const result = readConfig({ env: { EXCHANGE_MAX_BYTES: written } });
    const faults = [`EXCHANGE_MAX_BYTES must be 0, or a size of at least 10MB such as 500MB or 5GB, not "${written}"`];
    expect([written, result.kind === "faults" ? result.faults : []]).toEqual([written, fault ? faults : []]);
  }
});

test("TELEMETRY=off runs no sink", () => {
  expect(namesOf({ ...langfuse, TELEMETRY: "off" })).toEqual([]);
  expect(namesOf({ TELEMETRY: "off" })).toEqual([]);
});

test("how much a sink gets is its own affair", () => {
  const text = "sinks: { langfuse: { bodies: off, sample: 0.25 } }";
  expect(sinksOf({ ...langfuse, FILE_EVENT_LOG: "a" }, text)).toMatchObject([
    { name: "file", bodies: "full", sample: 1 },
    { name: "langfuse", bodies: "off", sample: 0.25 },
    { name: "store", bodies: "full", sample: 1 },
  ]);
  expect(sinksOf({ ...langfuse, LANGFUSE_SAMPLE_RATE: "0.5" })).toMatchObject([
    { name: "langfuse", sample: 0.5 },
    { name: "store", sample: 1 },
  ]);
});

test("a sink that is unknown, or not configured, can't be named", () => {
  const result = readConfig({ env: { SINKS: "langfuze,langfuse" } });
  expect(result.kind === "faults" && result.faults).toEqual([
    expect.stringMatching(/^SINKS must be a list of .*, not "langfuze"; did you mean langfuse\?$/),
    expect.stringMatching(/^SINKS names langfuse, which is not configured; its settings are LANGFUSE_PUBLIC_KEY, /),
  ]);
});

test("values of sinks can cross a thread", () => {
  const sinks = sinksOf({ ...langfuse, FILE_EVENT_LOG: "a" });
  expect(structuredClone(sinks)).toEqual([...sinks]);
});
