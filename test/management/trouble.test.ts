import { expect, test } from "bun:test";
import { sql } from "kysely";
import { openDatabase } from "../../src/storage/database.ts";
import { createProjectStore } from "../../src/storage/projects.ts";
import { makePostgresPlace, makeSqlitePlace, onEachDatabase, type Stores, testOnPostgres } from "../storage.ts";
import { faultOf, openStage, readFault, readProjects, type Stage } from "./stage.ts";

const id = "0195f3a0-7a7c-7d3e-9a53-0a9f3f0c1d2e";

/** Asks for everything that needs the database. */
async function askAll(stage: Stage): Promise<readonly string[]> {
  const questions = [
    ["GET", "/manage/projects"],
    ["GET", `/manage/projects/${id}`],
    ["POST", "/manage/projects", { name: "a" }],
    ["PATCH", `/manage/projects/${id}`, { name: "a" }],
    ["DELETE", `/manage/projects/${id}`],
    ["POST", `/manage/projects/${id}/tokens/revoke`],
    ["GET", "/manage/tokens"],
    ["POST", "/manage/tokens", { project_id: id, duration: "1h" }],
    ["PATCH", `/manage/tokens/${id}`, { name: "a" }],
    ["DELETE", `/manage/tokens/${id}`],
    ["GET", "/manage/audit"],
    ["GET", "/manage/audit/verify"],
    ["GET", "/manage/config"],
  ] as const;
  const told = await Promise.all(
    questions.map(async ([method, path, body]) => {
      const answer = stage.ask(method, path, body);
      expect((await answer).headers.get("retry-after")).toBe("1");
      expect((await answer).text).not.toMatch(
        /sqlite|postgres|select|ECONN|closed|pool|terminat|127\.0\.0\.1|table|relation/i,
      );
      return faultOf(answer);
    }),
  );
  return [...new Set(told)];
}

/** Takes the tables away behind the program's back. */
async function removeTables({ storage: { db, driver } }: Stores): Promise<void> {
  const tables = ["audit", "secrets", "state", "tokens", "provider_keys", "projects"];
  if (driver === "postgres") await sql.raw("alter schema weir rename to away").execute(db);
  else for (const table of tables) await db.schema.dropTable(table).execute();
}

onEachDatabase((databaseTest, makePlace, driver) => {
  databaseTest(
    "a database that can't be used is told as such, without a word of what is inside, and to the log in full",
    async () => {
      await using place = await makePlace();
      await using stage = await openStage(place);
      await removeTables(stage.stores);
      expect(await askAll(stage)).toEqual(["503 dependency_unavailable"]);
      expect(stage.faults.length).toBe(13);
      const guest = stage.ask("GET", "/manage/projects", undefined, { authorization: null });
      expect(await faultOf(guest)).toBe("401 credential_missing");
      expect((await stage.ask("GET", "/manage/providers")).status).toBe(200);
      if (driver === "sqlite") return;
      await sql.raw("alter schema away rename to weir").execute(stage.stores.storage.db);
      expect((await stage.ask("GET", "/manage/projects")).status).toBe(200);
    },
  );

  databaseTest("a change whose entry can't be written is none", async () => {
    await using place = await makePlace();
    await using stage = await openStage(place);
    await stage.stores.storage.db.schema.dropTable("audit").execute();
    expect(await faultOf(stage.ask("POST", "/manage/projects", { name: "a" }))).toBe("503 dependency_unavailable");
    expect(readProjects(await stage.ask("GET", "/manage/projects")).projects).toEqual([]);
  });
});

testOnPostgres("PostgreSQL that nobody reaches is told in the same way", async () => {
  await using place = await makePostgresPlace();
  if (place.config.driver !== "postgres") throw new Error("It is another database");
  await using away = await openDatabase({ ...place.config, url: "postgres://weir@127.0.0.1:1/weir" }, () => {});
  const { changes, vault } = await place.openStores();
  const projects = createProjectStore({ storage: away, changes, vault, now: Date.now });
  await using stage = await openStage(place, { projects });
  expect(await faultOf(stage.ask("GET", "/manage/projects"))).toBe("503 dependency_unavailable");
});

test("what nobody expected is a fault of ours, told to the log and not to who asked", async () => {
  await using place = await makeSqlitePlace();
  const broken = new TypeError("undefined is not an object (evaluating 'secret.inside')");
  await using stage = await openStage(place, {
    describeConfig: () => {
      throw broken;
    },
    describeProviders: () => Promise.reject(broken),
  });
  for (const path of ["/manage/config", "/manage/providers"]) {
    const answer = await stage.ask("GET", path);
    expect([answer.status, readFault(answer).code]).toEqual([500, "internal_error"]);
    expect(answer.text).not.toContain("secret");
  }
  expect(stage.faults).toEqual([broken, broken]);
});
