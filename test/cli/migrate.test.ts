import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "kysely";
import { everyExchangeStep, openExchangeLog } from "../../src/storage/exchange-log.ts";
import { everyStep } from "../../src/storage/migrate.ts";
import { digestToken } from "../../src/storage/tokens.ts";
import { exchangeAt, logOf, writeExchanges } from "../exchange-answers.ts";
import { queryPostgres } from "../postgres.ts";
import {
  actor,
  makeKey,
  makePostgresPlace,
  makeSqlitePlace,
  onEachDatabase,
  type Place,
  testOnPostgres,
} from "../storage.ts";
import { containing, type Home, makeHome, matching } from "./program.ts";

const latest = everyStep.at(-1) ?? "";
const latestOfLog = everyExchangeStep.at(-1) ?? "";
const keyText = (...numbers: number[]) =>
  numbers.map((number) => Buffer.from(makeKey(number)).toString("base64")).join(",");

/** Runs a command that has to succeed, and gives what it prints as JSON. */
async function ask(home: Home, env: Home["env"], ...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await home.weir([...args, "--json"], env);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

/** How a command ended that has to fail, and that it printed nothing. */
async function failing(home: Home, env: Home["env"], ...args: string[]): Promise<readonly [number, string]> {
  const { code, stdout, stderr } = await home.weir(args, env);
  expect(stdout).toBe("");
  return [code, stderr];
}

/** A database that was used without a key: a project with two keys, and a token's text. */
async function fill(place: Place) {
  const { projects, tokens } = await place.openStores();
  const { id: projectId } = await projects.add(
    { name: "p", keys: { openai: "sk-0123456789-abcdefgh", gemini: "AIza" } },
    actor,
  );
  return { projectId, text: (await tokens.add({ projectId }, actor)).text };
}

async function readKeys(place: Place, text: string, ...keys: number[]) {
  const { tokens } = await place.openStores({ keys: keys.map(makeKey) });
  return Object.fromEntries((await tokens.findAccess(digestToken(text)))?.keys ?? []);
}

/** What tells the program of a place, with its exchange log in the place's own folder. */
function envOf({ env, folder }: Place): Place["env"] {
  return { ...env, DATA_DIR: folder };
}

function logPathOf(place: Place): string {
  return join(place.folder, "exchanges.db");
}

onEachDatabase((it, makePlace, driver) => {
  it("the schema goes up, down and up again, and says where it is", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    const env = envOf(place);
    const empty = (pending: readonly string[]) => ({
      version: null,
      applied: [],
      pending,
      unknown: [],
      database: matching(/weir|exchanges/),
    });
    expect(await ask(home, env, "migrate", "status")).toEqual({
      control: empty(everyStep),
      exchange_log: empty(everyExchangeStep),
    });
    if (place.config.driver === "sqlite") expect(existsSync(place.config.path)).toBe(false);
    expect((await home.weir(["migrate", "version"], env)).stdout).toBe("control: none\nexchange log: none\n");
    const done = {
      control: { applied: everyStep, version: latest },
      exchange_log: { applied: everyExchangeStep, version: latestOfLog },
    };
    expect(await ask(home, env, "migrate", "up")).toEqual(done);
    expect(await ask(home, env, "migrate", "up")).toEqual({
      control: { applied: [], version: latest },
      exchange_log: { applied: [], version: latestOfLog },
    });
    expect(await ask(home, env, "migrate")).toMatchObject({
      control: { version: latest, applied: everyStep, pending: [] },
      exchange_log: { version: latestOfLog, applied: everyExchangeStep, pending: [] },
    });
    const status = await home.weir(["migrate", "status"], env);
    const [steps, ofLog] = [everyStep.length, everyExchangeStep.length];
    expect(status.stdout).toStartWith(`control: ${steps} of ${steps}, exchange log: ${ofLog} of ${ofLog}\n\ncontrol (`);
    expect(status.stdout).toMatch(
      /\n {2}done +0001-control-plane\n[^]*\nexchange log \(.*\):\n {2}done +0001-exchange-log\n/,
    );
    expect(await ask(home, env, "migrate", "version")).toEqual({
      control: { version: latest, latest },
      exchange_log: { version: latestOfLog, latest: latestOfLog },
    });
    expect(await ask(home, env, "migrate", "down")).toMatchObject({
      control: { reverted: [latest] },
      exchange_log: { reverted: [latestOfLog] },
    });
    for (const step of everyStep.toReversed().slice(1))
      expect(await ask(home, env, "migrate", "down", "--only", "control")).toMatchObject({
        control: { reverted: [step] },
      });
    expect(await ask(home, env, "migrate", "down")).toEqual({
      control: { reverted: [], version: null },
      exchange_log: { reverted: [], version: null },
    });
    const again = await home.weir(["migrate", "up"], env);
    const lines = [
      ...everyStep.map((name) => `control: ${name}: done\n`),
      ...everyExchangeStep.map((name) => `exchange log: ${name}: done\n`),
    ];
    expect([again.code, again.stdout]).toEqual([0, lines.join("")]);
  }, 60_000);

  it("one schema alone is seen to where it is asked for, and a log that nothing writes is left alone", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    const env = envOf(place);
    expect(await ask(home, env, "migrate", "up", "--only", "exchanges")).toEqual({
      exchange_log: { applied: everyExchangeStep, version: latestOfLog },
    });
    expect((await home.weir(["migrate", "status"], env)).stdout).toStartWith(
      `control: 0 of ${everyStep.length}, exchange log: 1 of 1\n`,
    );
    expect(await ask(home, env, "migrate", "down", "--only", "exchanges")).toMatchObject({
      exchange_log: { reverted: [latestOfLog] },
    });
    const without = { ...env, SINKS: "file" };
    if (driver === "sqlite") await rm(logPathOf(place));
    expect(await ask(home, without, "migrate", "up")).toEqual({ control: { applied: everyStep, version: latest } });
    if (driver === "sqlite") expect(existsSync(logPathOf(place))).toBe(false);
  }, 60_000);

  it("of five programs that migrate at once, one does it and all succeed", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    const env = envOf(place);
    const done = await Promise.all(Array.from({ length: 5 }, () => ask(home, env, "migrate", "up")));
    for (const [member, steps] of [
      ["control", everyStep],
      ["exchange_log", everyExchangeStep],
    ] as const) {
      const applied = done.map((each) => (each as Record<string, { applied: readonly string[] }>)[member]?.applied);
      expect(applied.filter((names) => names?.length !== 0)).toEqual([steps]);
    }
  }, 60_000);

  it("a step that would take something with it asks first", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    const env = envOf(place);
    await fill(place);
    await writeExchanges(place, [exchangeAt(Date.now())]);
    expect(await failing(home, env, "migrate", "down")).toEqual([
      2,
      `Nothing was taken back, for what is held would be lost with it (control: ${latest}, exchange log: ${latestOfLog}). Say --yes where nobody can be asked, and --only control or --only exchanges for one of them.\n`,
    ]);
    expect(await failing(home, env, "migrate", "down", "--only", "exchanges")).toEqual([
      2,
      containing(`(exchange log: ${latestOfLog})`),
    ]);
    expect(await ask(home, env, "migrate", "version")).toMatchObject({
      control: { version: latest },
      exchange_log: { version: latestOfLog },
    });
    expect(await ask(home, env, "migrate", "down", "--yes", "--only", "control")).toMatchObject({
      control: { reverted: [latest] },
    });
    expect(await ask(home, env, "migrate", "status")).toMatchObject({ exchange_log: { version: latestOfLog } });
  }, 60_000);

  it("a log of a newer version is refused with what to do, before anything else is done", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    const env = envOf(place);
    await using log = await openExchangeLog(logOf(place), () => {});
    const table = driver === "sqlite" ? "exchange_log_changes" : "weir.exchange_log_changes";
    const advice =
      driver === "sqlite" ? "or move exchanges.db away, and a new log is begun" : "or use another database";
    await sql`insert into ${sql.table(table)} values ('9999-later!', '')`.execute(log.db);
    expect(await failing(home, env, "migrate", "up")).toEqual([
      1,
      `The exchange log was changed by a newer version of Weir (9999-later!), and this one can't run on it. Start that version, ${advice}\n`,
    ]);
    const status = await home.weir(["migrate"], env);
    expect(status.stdout).toStartWith(
      `control: 0 of ${everyStep.length}, exchange log: 1 of 1 and 1 of a newer version\n`,
    );
    expect(status.stdout).toContain("of a newer version  9999-later!");
    const [code, fault] = await failing(home, env, "migrate", "down", "--yes", "--only", "exchanges");
    expect([code, fault]).toEqual([1, containing("9999-later!, is of a newer version of Weir, which alone")]);
    // One that only adds to it is no hindrance.
    await sql`update ${sql.table(table)} set name = '9999-later' where name = '9999-later!'`.execute(log.db);
    expect(await ask(home, env, "migrate", "up")).toMatchObject({ exchange_log: { applied: [] } });
  }, 60_000);

  it("secrets are sealed once, counted, and sealed anew with another key; tokens and keys stay", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    const { text, projectId } = await fill(place);
    const keys = { openai: "sk-0123456789-abcdefgh", gemini: "AIza" };
    const with1 = { ...place.env, ENCRYPTION_KEY: keyText(1) };
    const with21 = { ...place.env, ENCRYPTION_KEY: keyText(2, 1) };
    expect(await ask(home, place.env, "migrate", "encrypt-status")).toEqual({
      current: 0,
      older: 0,
      plain: 3,
      unreadable: [],
    });
    const [code, fault] = await failing(home, place.env, "migrate", "encrypt");
    expect([code, fault]).toEqual([2, containing("ENCRYPTION_KEY must be set")]);

    expect(await ask(home, with1, "migrate", "encrypt")).toEqual({ provider_keys: 2, pepper: true, unreadable: [] });
    expect((await home.weir(["migrate", "encrypt"], with1)).stdout).toBe("There is nothing to seal.\n");
    expect(await readKeys(place, text, 1)).toEqual(keys);
    const status = await home.weir(["migrate", "encrypt-status"], with21);
    expect(status.stdout).toMatch(/^The first ENCRYPTION_KEY is [0-9a-f]{8}; 0 secrets sealed with it, 3 with another/);

    const rotated = await home.weir(["migrate", "rotate-key"], with21);
    expect([rotated.code, rotated.stdout]).toEqual([0, "Sealed: 2 provider keys, and the pepper of the tokens.\n"]);
    expect(await readKeys(place, text, 2)).toEqual(keys);
    const wrong = await failing(home, with1, "migrate", "encrypt-status");
    expect(wrong).toEqual([1, containing("ENCRYPTION_KEY doesn't open this database")]);

    const { audit } = await place.openStores({ keys: [makeKey(2)] });
    const { items } = await audit.list({ actor: "cli" }, { limit: 9 });
    expect(items).toMatchObject([
      { action: "encryption.rotate", actor: { name: "cli", origin: "cli" }, after: { provider_keys: 2 } },
      { action: "encryption.seal", outcome: "success" },
    ]);
    expect(items).toHaveLength(2);
    expect(await audit.verify()).toMatchObject({ ok: true });

    const { storage } = await place.openStores({ keys: [makeKey(2)] });
    await storage.db
      .updateTable("provider_keys")
      .set({ sealed: "enc:v2:00000000:AAAA" })
      .where("provider", "=", "gemini")
      .execute();
    const partly = await home.weir(["migrate", "rotate-key", "--json"], with21);
    expect(partly.code).toBe(1);
    expect(JSON.parse(partly.stdout)).toEqual({
      provider_keys: 1,
      pepper: true,
      unreadable: [{ project_id: projectId, provider: "gemini" }],
    });
    expect(partly.stderr).toStartWith(`The gemini key of the project ${projectId} was sealed with a key that is not`);
  }, 60_000);

  it("secrets of a database without the schema, or that isn't there, are not looked for", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    const env = { ...place.env, ENCRYPTION_KEY: keyText(1) };
    for (const command of ["encrypt", "encrypt-status", "rotate-key"]) {
      const [code, fault] = await failing(home, env, "migrate", command);
      expect([code, fault]).toEqual([1, containing(driver === "sqlite" ? "isn't there" : 'run "weir migrate up"')]);
    }
    if (place.config.driver === "sqlite") expect(existsSync(place.config.path)).toBe(false);
  }, 30_000);

  it("with AUDIT_STORE_IN_DB=false, what was sealed is told to the file", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    await fill(place);
    const file = join(home.path, "audit.log");
    const env = { ...place.env, ENCRYPTION_KEY: keyText(1), AUDIT_STORE_IN_DB: "false", AUDIT_LOG_FILE: file };
    await ask(home, env, "migrate", "encrypt");
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    expect(lines).toEqual([containing("encryption.seal")]);
    const { audit } = await place.openStores({ keys: [makeKey(1)] });
    expect((await audit.list({ actor: "cli" }, { limit: 9 })).items).toEqual([]);
  }, 30_000);
});

test("an SQLite file of another program, and one that is none, are failures in words", async () => {
  await using home = await makeHome({ "none.db": "not a database, but long enough to be read as one".repeat(50) });
  await using place = await makeSqlitePlace();
  const { storage } = await place.openStores();
  await storage.db.schema.dropTable("schema_changes").execute();
  const foreign = await failing(home, place.env, "migrate", "up");
  expect(foreign).toEqual([1, containing("holds the tables of another program")]);
  const none = await failing(home, { DATABASE_PATH: "none.db" }, "migrate", "up");
  expect(none).toEqual([1, "none.db can't be used: file is not a database\n"]);
});

testOnPostgres(
  "a PostgreSQL database of another program is entered when it is adopted",
  async () => {
    await using place = await makePostgresPlace();
    await using home = await makeHome();
    await queryPostgres(place.env["DATABASE_URL"] ?? "", "create table users (id integer)");
    expect(await failing(home, place.env, "migrate", "up")).toEqual([1, containing("weir migrate up --adopt")]);
    expect(await ask(home, place.env, "migrate", "up", "--adopt")).toMatchObject({
      control: { applied: everyStep },
      exchange_log: { applied: everyExchangeStep },
    });
  },
  30_000,
);

test("a database that can't be reached is a 3, and no secret of its URL is ever printed", async () => {
  await using home = await makeHome();
  const secret = "s3cr3t/of us";
  const encoded = encodeURIComponent(secret);
  const urls = [
    [`postgres://u:${encoded}@127.0.0.1:1/x`, 3, 3],
    [`postgres://u@127.0.0.1:1/x?password=${encoded}`, 3, 3],
    [`postgres://u:${encoded}@no-such-host.invalid/x`, 3, 3],
    [`postgres://u:${encoded}@[bad/x`, 1, 2],
    [`postgres://u:${secret}@[bad/x`, 2, 2],
  ] as const;
  for (const [url, settings, options] of urls) {
    const env = { DB_DRIVER: "postgres", DATABASE_URL: url };
    for (const args of [
      ["migrate", "up"],
      ["migrate", "status", "--json"],
      ["db", "copy", "--from", url, "--to", "x.db"],
    ]) {
      const { code, stdout, stderr } = await home.weir(args, args[0] === "db" ? {} : env);
      expect([url, args, code, stdout]).toEqual([url, args, args[0] === "db" ? options : settings, ""]);
      expect(stderr).not.toBe("");
      for (const written of [secret, encoded, "s3cr3t"]) expect(stderr).not.toContain(written);
    }
  }
  expect(existsSync(join(home.path, "x.db"))).toBe(false);
}, 60_000);

test("mistakes in the options are usage errors, and every command has help with examples", async () => {
  await using home = await makeHome();
  for (const args of [
    ["migrate", "sideways"],
    ["migrate", "up", "--force"],
    ["db", "copy"],
    ["db", "copy", "--from", "a.db"],
    ["db", "copy", "--from", "missing.db", "--to", "b.db"],
    ["db", "copy", "--from", "missing.db", "--to", "mysql://u:p@h/d"],
    ["db", "copy", "--from", "", "--to", "b.db"],
  ])
    expect([args, (await failing(home, {}, ...args))[0]]).toEqual([args, 2]);
  for (const args of [["migrate"], ["db", "copy"]])
    expect((await home.weir([...args, "--help"])).stdout).toMatch(/\n {2}\$ .*weir [^]*exit code/);
}, 60_000);

test("one SQLite database is copied to another with its exchange log, and the source stays as it was", async () => {
  await using from = await makeSqlitePlace();
  await using home = await makeHome();
  const { text } = await fill(from);
  await writeExchanges(from, [exchangeAt(1e12), exchangeAt(2e12)]);
  const path = from.env["DATABASE_PATH"] ?? "";
  const to = join(home.path, "new/weir.db");
  const toLog = join(home.path, "new/exchanges.db");
  const before = [await readFile(path), await readFile(logPathOf(from))];
  const copied = await home.weir(["db", "copy", "--from", path, "--to", to]);
  expect([copied.code, copied.stderr]).toEqual([0, ""]);
  expect(copied.stdout).toMatch(/^control, from .*:\n {2}table +rows +checksum\n {2}projects +1 +[0-9a-f]{16}\n/);
  expect(copied.stdout).toContain(
    `Copied to ${to} and compared; 2 entries of the audit are right.\nexchange log, from `,
  );
  expect(copied.stdout).toMatch(/\n {2}exchanges +2 +[0-9a-f]{16}\n/);
  expect(copied.stdout).toEndWith(`Copied to ${toLog} and compared.\n`);
  expect([await readFile(path), await readFile(logPathOf(from))]).toEqual(before);
  const again = await failing(home, {}, "db", "copy", "--from", path, "--to", to);
  expect(again).toEqual([1, containing("The target is not empty")]);
  for (const args of [
    ["--from", path, "--to", path],
    ["--only", "control", "--from", path, "--to", path],
  ])
    expect((await failing(home, {}, "db", "copy", ...args)).join()).toContain("not empty");
  const status = await ask(home, { DATABASE_PATH: to, DATA_DIR: join(home.path, "new") }, "migrate", "status");
  expect(status).toMatchObject({ control: { version: latest }, exchange_log: { version: latestOfLog } });
  expect(text).toStartWith("sk-weir-");
}, 60_000);

test("where the target holds exchanges nothing is copied at all, unless what is managed is asked for alone", async () => {
  await using from = await makeSqlitePlace();
  await using to = await makeSqlitePlace();
  await using home = await makeHome();
  await fill(from);
  for (const place of [from, to]) await writeExchanges(place, [exchangeAt(1e12)]);
  const path = from.env["DATABASE_PATH"] ?? "";
  const target = to.env["DATABASE_PATH"] ?? "";
  const both = ["db", "copy", "--from", path, "--to", target];
  expect(await failing(home, {}, ...both)).toEqual([
    1,
    "The target's exchange log is not empty (exchanges, counted_exchanges, usage_sums), and nothing is written over. Use a new database, or copy what is managed alone with --only control\n",
  ]);
  expect(existsSync(target)).toBe(false);
  expect(Object.keys((await ask(home, {}, ...both, "--only", "control")) as object)).toEqual(["control"]);
}, 30_000);

test("the exchange log alone is copied from its own file, and each file is told from the other", async () => {
  await using from = await makeSqlitePlace();
  await using home = await makeHome();
  await fill(from);
  await writeExchanges(from, [exchangeAt(1e12)]);
  const [path, log] = [from.env["DATABASE_PATH"] ?? "", logPathOf(from)];
  const copy = (...args: string[]) => ["db", "copy", ...args];
  expect(await ask(home, {}, ...copy("--only", "exchanges", "--from", log, "--to", "log.db"))).toMatchObject({
    exchange_log: { from: log, to: "log.db", tables: [{ name: "exchanges", rows: 1 }, {}, {}, {}, {}] },
  });
  const wrong = [
    [copy("--only", "exchanges", "--from", path, "--to", "x.db"), "--from names a database of projects and tokens"],
    [copy("--only", "exchanges", "--from", log, "--to", path), "--to names a database of projects and tokens"],
    [copy("--from", log, "--to", "x.db"), "--from names an exchange log"],
    [copy("--from", path, "--to", "log.db"), "--to names an exchange log"],
    [copy("--only", "log", "--from", log, "--to", "x.db"), "Allowed choices are control, exchanges"],
  ] as const;
  for (const [args, fault] of wrong) expect(await failing(home, {}, ...args)).toEqual([2, containing(fault)]);
  expect(existsSync(join(home.path, "x.db"))).toBe(false);
  const beside = join(from.folder, "other.db");
  const kept = await home.weir(copy("--from", path, "--to", beside));
  expect([kept.code, kept.stderr]).toEqual([0, containing("goes on being used")]);
}, 60_000);

test("where the log can't be copied after all, it is said how to go on", async () => {
  await using from = await makeSqlitePlace();
  await using home = await makeHome();
  await fill(from);
  await writeExchanges(from, [exchangeAt(1e12)]);
  const path = from.env["DATABASE_PATH"] ?? "";
  {
    using database = new Database(logPathOf(from));
    database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  // A page that only reading the rows comes across.
  const bytes = await readFile(logPathOf(from));
  const at = bytes.lastIndexOf('"span_id"');
  await writeFile(logPathOf(from), bytes.fill(0x5a, at - (at % 8192), at - (at % 8192) + 8192));
  await mkdir(join(home.path, "new"));
  const { code, stdout, stderr } = await home.weir(["db", "copy", "--from", path, "--to", "new/weir.db"]);
  expect([code, stdout]).toEqual([1, containing("Copied to new/weir.db and compared")]);
  expect(stderr).toContain(`copy it alone: --only exchanges, with --from ${logPathOf(from)} and --to new/exchanges.db`);
}, 30_000);

testOnPostgres(
  "SQLite is copied to PostgreSQL and back with the exchange log, and a token works in all of them",
  async () => {
    await using from = await makeSqlitePlace();
    await using to = await makePostgresPlace();
    await using back = await makeSqlitePlace();
    await using home = await makeHome();
    const { text } = await fill(from);
    await writeExchanges(from, [exchangeAt(1e12), exchangeAt(2e12)]);
    const path = from.env["DATABASE_PATH"] ?? "";
    const url = new URL(to.env["DATABASE_URL"] ?? "");
    url.password = "s3cr3t";
    type Report = Readonly<Record<"control" | "exchange_log", { readonly tables: unknown }>>;
    const up = (await ask(home, {}, "db", "copy", "--from", path, "--to", url.href)) as Report;
    const toName = `postgres://${url.host}${url.pathname}`;
    expect(up).toMatchObject({
      control: { from: path, to: toName, audit: { ok: true, checked: 2 } },
      exchange_log: { from: logPathOf(from), to: toName, tables: [{ name: "exchanges", rows: 2 }, {}, {}, {}, {}] },
    });
    const env = { DATABASE_PATH: back.env["DATABASE_PATH"] ?? "" };
    const down = (await ask(home, {}, "db", "copy", "--from", url.href, "--to", env.DATABASE_PATH)) as typeof up;
    expect(down.control.tables).toEqual(up.control.tables);
    expect(down.exchange_log.tables).toEqual(up.exchange_log.tables);
    expect(JSON.stringify([up, down])).not.toContain("s3cr3t");
    for (const place of [from, to, back]) expect(await readKeys(place, text)).toMatchObject({ gemini: "AIza" });
    expect(await failing(home, {}, "db", "copy", "--from", path, "--to", url.href)).toEqual([
      1,
      containing("is not empty"),
    ]);
    expect(await failing(home, {}, "db", "copy", "--only", "exchanges", "--from", url.href, "--to", url.href)).toEqual([
      1,
      containing("target's exchange log is not empty"),
    ]);
  },
  90_000,
);

test("a broken chain is copied with a warning", async () => {
  await using from = await makeSqlitePlace();
  await using home = await makeHome();
  const { projects, storage } = await from.openStores();
  await projects.add({ name: "p" }, actor);
  await storage.db.updateTable("audit").set({ actor: "nobody" }).execute();
  const path = from.config.driver === "sqlite" ? from.config.path : "";
  const { code, stdout, stderr } = await home.weir(["db", "copy", "--from", path, "--to", "b.db", "--json"]);
  expect([code, stderr]).toEqual([0, containing("warning: the audit was changed at entry 1")]);
  expect(JSON.parse(stdout)).toMatchObject({ control: { audit: { ok: false, checked: 0, broken_at: 1 } } });
});
