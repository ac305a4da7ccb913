import { expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { findFreePort } from "../free-port.ts";
import { createDatabase, queryPostgres } from "../postgres.ts";
import { testOnPostgres } from "../storage.ts";
import { makeFolder } from "../runtime-contract/child.ts";
import { runWeir, startWeir, waitFor } from "../weir.ts";

/** What a start that can't be says, in one line and with the exit code 1. */
async function refusal(env: Readonly<Record<string, string>>): Promise<string> {
  const { code, stderr } = await runWeir({ env });
  expect(stderr).not.toMatch(/\n|\bat .*:\d+:\d+|Bun v/);
  expect([code, stderr === ""]).toEqual([1, false]);
  return stderr;
}

test("a place that can't be written to is told by the name of its setting, and why", async () => {
  await using folder = await makeFolder({ taken: "a file", "not.db": "garbage ".repeat(1000) });
  const taken = join(folder.path, "taken");
  const nowhere = "/proc/nope/x";
  expect(await refusal({ LOG_FILE: nowhere })).toStartWith(`LOG_FILE ${nowhere} can't be written to: the system makes`);
  expect(await refusal({ LOG_FILE: folder.path })).toContain("it is a folder (EISDIR). Set LOG_FILE to another place");
  expect(await refusal({ DATA_DIR: taken })).toStartWith(`DATA_DIR ${taken} can't be written to: what should be`);
  expect(await refusal({ DATA_DIR: nowhere })).toStartWith(`DATA_DIR ${nowhere} can't be written to`);
  expect(await refusal({ DATABASE_PATH: nowhere })).toStartWith(`DATABASE_PATH ${nowhere} can't be written to`);
  expect(await refusal({ DATABASE_PATH: folder.path })).toStartWith(`DATABASE_PATH ${folder.path} can't be written to`);
  await mkdir(join(folder.path, "own/weir.lock"), { recursive: true });
  const own = join(folder.path, "own");
  expect(await refusal({ DATA_DIR: own })).toStartWith(`DATA_DIR ${own} can't be taken: weir.lock there`);
  const foreign = join(folder.path, "foreign");
  await mkdir(foreign);
  await writeFile(join(foreign, "weir.lock"), "garbage ".repeat(1000));
  expect(await refusal({ DATA_DIR: foreign })).toBe(
    `DATA_DIR ${foreign} can't be taken: weir.lock there can't be locked (file is not a database). Delete that file, or set DATA_DIR to a place on a file system with file locks.`,
  );
  const chain = { AUDIT_STORE_IN_DB: "false", AUDIT_LOG_FILE: nowhere };
  expect(await refusal(chain)).toStartWith(`AUDIT_LOG_FILE ${nowhere} can't be written to`);
  const other = await refusal({ DATABASE_PATH: join(folder.path, "not.db") });
  expect(other).toMatch(/not\.db can't be used: file is not a database\. Set DATABASE_PATH/);
}, 60_000);

test("an address that can't be listened on is told by the name of its setting, with one process and with several", async () => {
  const several: Readonly<Record<string, string>> = { WEIR_WORKERS: "2", PORT: String(await findFreePort()) };
  for (const more of [{}, several]) {
    expect(await refusal({ HOST: "10.9.9.9", ...more })).toStartWith("HOST 10.9.9.9 is nowhere to listen on");
    expect(await refusal({ HOST: "nosuch.invalid", ...more })).toStartWith("HOST nosuch.invalid is nowhere to listen");
    const management = { MANAGEMENT_LISTEN_ADDR: "10.9.9.9:4999", MANAGEMENT_TOKEN: "management-0123456789-abcdef" };
    expect(await refusal({ ...management, ...more })).toStartWith("MANAGEMENT_LISTEN_ADDR 10.9.9.9:4999 is nowhere");
  }
}, 60_000);

test("an audit's copy that can't be written stops no start, and the log says why once", async () => {
  await using folder = await makeFolder();
  await using weir = await startWeir({ env: { AUDIT_LOG_FILE: folder.path } });
  const line = await waitFor(
    () => weir.lines.find((each) => each.includes("the file of the audit lags behind")),
    () => weir.output(),
  );
  const { err } = z.object({ err: z.object({ message: z.string() }) }).parse(JSON.parse(line));
  expect(err.message.match(/EISDIR/g)).toHaveLength(1);
}, 30_000);

testOnPostgres(
  "what a PostgreSQL refuses for good stops the start, with what to mend in DATABASE_URL",
  async () => {
    await using database = await createDatabase();
    const at = (change: (url: URL) => void) => {
      const url = new URL(database.url);
      change(url);
      return refusal({ DB_DRIVER: "postgres", DATABASE_URL: url.href });
    };
    expect(await at((url) => void (url.pathname = "/none"))).toMatch(/"none" does not exist\. Make the database/);
    expect(await at((url) => void (url.username = "nobody"))).toMatch(/"nobody" does not exist\. Correct the user/);
    expect(await at((url) => void (url.search = "?sslmode=verify-full"))).toMatch(
      /can't be used: The server does not support SSL connections\. sslmode=verify-full asks for TLS in DATABASE_URL/,
    );
    expect(await at((url) => void (url.search = "?sslmode=bogus"))).toMatch(
      /sslmode in DATABASE_URL must be one of disable, .*, not "bogus"/,
    );
    expect(await at((url) => void (url.search = "?sslmode=verify-full&sslrootcert=/none.pem"))).toMatch(
      /A file that DATABASE_URL names/,
    );
  },
  60_000,
);

testOnPostgres(
  "a right that is missing in PostgreSQL stops the start, with the statement that gives it",
  async () => {
    await using database = await createDatabase();
    const role = `weir_${crypto.randomUUID().slice(0, 8)}`;
    const url = new URL(database.url);
    url.username = role;
    const query = (sql: string) => queryPostgres(database.url, sql);
    const env = { DB_DRIVER: "postgres", DATABASE_URL: url.href };
    const remedy = async (fault: string) => {
      const [, told, statement = ""] = /can't be used: ([^.]*)\. .*: ([^:]*)$/.exec(await refusal(env)) ?? [];
      expect(told).toStartWith(fault);
      return statement;
    };
    await query(`create role ${role} login`);
    try {
      expect(await remedy("permission denied for database")).toBe(`create schema weir authorization ${role}`);
      await query("create schema weir");
      await query(await remedy("permission denied for schema weir"));
      // The schema is his now, but not what another has made there.
      await query("create table weir.schema_changes (name varchar(255) primary key, timestamp varchar(255) not null)");
      const forTable = await remedy("permission denied for table schema_changes");
      await query(forTable.replace("…", "weir.schema_changes"));
      await using weir = await startWeir({ env });
      await waitFor(async () => (await fetch(`${weir.url}/ready`)).ok, weir.output);
    } finally {
      await query(`drop owned by ${role} cascade; drop role ${role}`);
    }
  },
  60_000,
);
