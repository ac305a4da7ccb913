import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { everyStep } from "../../src/storage/migrate.ts";
import { digestToken } from "../../src/storage/tokens.ts";
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

onEachDatabase((it, makePlace, driver) => {
  it("the schema goes up, down and up again, and says where it is", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    const empty = { version: null, applied: [], pending: everyStep, unknown: [] };
    expect(await ask(home, place.env, "migrate", "status")).toEqual({ ...empty, database: matching(/weir/) });
    if (place.config.driver === "sqlite") expect(existsSync(place.config.path)).toBe(false);
    expect((await home.weir(["migrate", "version"], place.env)).stdout).toBe("none\n");
    expect(await ask(home, place.env, "migrate", "up")).toEqual({ applied: everyStep, version: latest });
    expect(await ask(home, place.env, "migrate", "up")).toEqual({ applied: [], version: latest });
    expect(await ask(home, place.env, "migrate")).toMatchObject({ version: latest, applied: everyStep, pending: [] });
    expect(await ask(home, place.env, "migrate", "version")).toEqual({ version: latest, latest });
    for (const step of everyStep.toReversed())
      expect(await ask(home, place.env, "migrate", "down")).toMatchObject({ reverted: [step] });
    expect(await ask(home, place.env, "migrate", "down")).toEqual({ reverted: [], version: null });
    const again = await home.weir(["migrate", "up"], place.env);
    expect([again.code, again.stdout]).toEqual([0, everyStep.map((name) => `${name}: done\n`).join("")]);
  }, 30_000);

  it("of five programs that migrate at once, one does it and all succeed", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    const done = await Promise.all(Array.from({ length: 5 }, () => ask(home, place.env, "migrate", "up")));
    const applied = done.map((each) => (each as { applied: readonly string[] }).applied);
    expect(applied.filter((names) => names.length > 0)).toEqual([everyStep]);
  }, 30_000);

  it("a step that would take something with it asks first", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    await fill(place);
    expect(await failing(home, place.env, "migrate", "down")).toEqual([
      2,
      "Nothing was taken back, for the database holds something. Say --yes where nobody can be asked.\n",
    ]);
    expect(await ask(home, place.env, "migrate", "version")).toMatchObject({ version: latest });
    expect(await ask(home, place.env, "migrate", "down", "--yes")).toMatchObject({ reverted: [latest] });
  }, 20_000);

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
  }, 30_000);

  it("secrets of a database without the schema, or that isn't there, are not looked for", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    const env = { ...place.env, ENCRYPTION_KEY: keyText(1) };
    for (const command of ["encrypt", "encrypt-status", "rotate-key"]) {
      const [code, fault] = await failing(home, env, "migrate", command);
      expect([code, fault]).toEqual([1, containing(driver === "sqlite" ? "isn't there" : 'run "weir migrate up"')]);
    }
    if (place.config.driver === "sqlite") expect(existsSync(place.config.path)).toBe(false);
  }, 20_000);

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
  }, 20_000);
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
    expect(await ask(home, place.env, "migrate", "up", "--adopt")).toMatchObject({ applied: everyStep });
  },
  20_000,
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
}, 30_000);

test("one SQLite database is copied to another, and the source stays as it was", async () => {
  await using from = await makeSqlitePlace();
  await using home = await makeHome();
  const { text } = await fill(from);
  const path = from.config.driver === "sqlite" ? from.config.path : "";
  const to = join(home.path, "new/weir.db");
  const before = await readFile(path);
  const copied = await home.weir(["db", "copy", "--from", path, "--to", to]);
  expect([copied.code, copied.stderr]).toEqual([0, ""]);
  expect(copied.stdout).toMatch(/^table +rows +checksum\nprojects +1 +[0-9a-f]{16}\nprovider_keys +2 /);
  expect(copied.stdout).toContain(`Copied to ${to} and compared; 2 entries of the audit are right.`);
  expect(await readFile(path)).toEqual(before);
  const again = await failing(home, {}, "db", "copy", "--from", path, "--to", to);
  expect(again).toEqual([1, containing("The target is not empty")]);
  expect(await failing(home, {}, "db", "copy", "--from", path, "--to", path)).toEqual([1, containing("not empty")]);
  const status = await ask(home, { DATABASE_PATH: to }, "migrate", "status");
  expect(status).toMatchObject({ version: latest });
  expect(text).toStartWith("sk-weir-");
}, 20_000);

testOnPostgres(
  "SQLite is copied to PostgreSQL and back, and a token works in all of them",
  async () => {
    await using from = await makeSqlitePlace();
    await using to = await makePostgresPlace();
    await using back = await makeSqlitePlace();
    await using home = await makeHome();
    const { text } = await fill(from);
    const path = from.config.driver === "sqlite" ? from.config.path : "";
    const url = new URL(to.env["DATABASE_URL"] ?? "");
    url.password = "s3cr3t";
    const up = (await ask(home, {}, "db", "copy", "--from", path, "--to", url.href)) as Record<string, unknown>;
    expect(up).toMatchObject({
      from: path,
      to: `postgres://${url.host}${url.pathname}`,
      audit: { ok: true, checked: 2 },
    });
    const env = { DATABASE_PATH: back.env["DATABASE_PATH"] ?? "" };
    const down = (await ask(home, {}, "db", "copy", "--from", url.href, "--to", env.DATABASE_PATH)) as typeof up;
    expect(down["tables"]).toEqual(up["tables"]);
    expect(JSON.stringify([up, down])).not.toContain("s3cr3t");
    for (const place of [from, to, back]) expect(await readKeys(place, text)).toMatchObject({ gemini: "AIza" });
  },
  30_000,
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
  expect(JSON.parse(stdout)).toMatchObject({ audit: { ok: false, checked: 0, broken_at: 1 } });
});
