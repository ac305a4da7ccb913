import { Database } from "bun:sqlite";
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "bun:test";
import { isDatabaseFailure, isDataRefused, mayDatabaseRecover } from "./database-failure.ts";

function thrownBy(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

test("what SQLite and the system say is the database's trouble", () => {
  const database = new Database(":memory:");
  expect(isDatabaseFailure(thrownBy(() => database.run("select * from nothing")))).toBe(true);
  database.close();
  expect(isDatabaseFailure(thrownBy(() => database.query("select 1").all()))).toBe(true);
  expect(isDatabaseFailure(thrownBy(() => writeFileSync("/nowhere/at/all", "x")))).toBe(true);
  expect(isDatabaseFailure(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }))).toBe(true);
});

test("what PostgreSQL says is its trouble, unless it is about the data that it was given", () => {
  const say = (code: string) => Object.assign(new Error("as PostgreSQL says it"), { severity: "ERROR", code });
  for (const code of ["57P01", "53300", "42P01", "40001", "25006"]) expect(isDatabaseFailure(say(code))).toBe(true);
  for (const code of ["22021", "23505", "54000"]) expect(isDatabaseFailure(say(code))).toBe(false);
  for (const words of [
    "timeout exceeded when trying to connect",
    "Query read timeout",
    "Connection terminated unexpectedly",
    "Client has encountered a connection error and is not queryable",
    "Cannot use a pool after calling end on the pool",
    "driver has already been destroyed",
  ])
    expect(isDatabaseFailure(new Error(words))).toBe(true);
});

test("of what a database says, only what is about data is refused again", () => {
  const say = (code: string) => Object.assign(new Error("as PostgreSQL says it"), { severity: "ERROR", code });
  for (const code of ["22021", "23505", "54000"]) expect([code, isDataRefused(say(code))]).toEqual([code, true]);
  for (const code of ["57P01", "53300", "42P01", "40001"])
    expect([code, isDataRefused(say(code))]).toEqual([code, false]);
  const database = new Database(":memory:");
  database.run("create table t (n integer not null)");
  expect(isDataRefused(thrownBy(() => database.run("insert into t values (null)")))).toBe(true);
  expect(isDataRefused(thrownBy(() => database.run("select * from nothing")))).toBe(false);
  expect(isDataRefused(new Error("The server does not support SSL connections"))).toBe(false);
});

test("a server that is away, starts or is full may come; what it refuses for good doesn't change by itself", () => {
  const say = (code: string) => Object.assign(new Error("as PostgreSQL says it"), { severity: "FATAL", code });
  for (const code of ["57P03", "53300", "53100", "08006", "25006", "XX000"])
    expect([code, mayDatabaseRecover(say(code))]).toEqual([code, true]);
  for (const code of ["28P01", "28000", "3D000", "42501", "23505"])
    expect([code, mayDatabaseRecover(say(code))]).toEqual([code, false]);
  expect(mayDatabaseRecover(new Error("timeout exceeded when trying to connect"))).toBe(true);
  expect(mayDatabaseRecover(Object.assign(new Error("refused"), { code: "ECONNREFUSED", syscall: "connect" }))).toBe(
    true,
  );
  expect(mayDatabaseRecover(thrownBy(() => readFileSync("/nowhere/ca.pem")))).toBe(false);
  expect(mayDatabaseRecover(new Error("The server does not support SSL connections"))).toBe(false);
});

test("anything else is a fault of ours", () => {
  for (const error of [
    new TypeError("undefined is not an object"),
    new Error("The project is gone"),
    "text",
    undefined,
  ])
    expect(isDatabaseFailure(error)).toBe(false);
});
