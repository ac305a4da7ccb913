import { expect, test } from "bun:test";
import { readConfig } from "../config/read-config.ts";
import { configOfWorker, readWorkerNumber } from "./workers.ts";

test("each of several processes writes files of its own", () => {
  const result = readConfig({
    env: { WEIR_WORKERS: "2", DATA_DIR: "/tmp/w", LOG_FILE: "/tmp/w/weir.log", FILE_EVENT_LOG: "/tmp/w/events.jsonl" },
  });
  if (result.kind === "faults") throw new Error(result.faults.join());
  const { dataDir, log, telemetry } = configOfWorker(result.config, "1");
  expect(dataDir).toBe("/tmp/w/worker-1");
  expect(log.file).toBe("/tmp/w/weir-1.log");
  expect(telemetry.sinks.map(({ values }) => values["path"])).toEqual(["/tmp/w/events-1.jsonl"]);
});

test("only a number makes a process one of several", () => {
  expect(readWorkerNumber({ WEIR_PROCESS_NUMBER: "3" })).toBe("3");
  expect(readWorkerNumber({})).toBeUndefined();
  expect(readWorkerNumber({ WEIR_PROCESS_NUMBER: "x" })).toBeUndefined();
});

test("each of several processes has a chain of the audit, or they share the copy of the database's", () => {
  for (const [inDatabase, file] of [
    ["true", "/tmp/w/audit.log"],
    ["false", "/tmp/w/audit-1.log"],
  ] as const) {
    const result = readConfig({ env: { DATA_DIR: "/tmp/w", AUDIT_STORE_IN_DB: inDatabase } });
    if (result.kind === "faults") throw new Error(result.faults.join());
    expect(configOfWorker(result.config, "1").control.audit.file).toBe(file);
  }
});
