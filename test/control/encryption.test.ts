import { randomBytes } from "node:crypto";
import { expect, test } from "bun:test";
import { runWeir } from "../weir.ts";
import {
  type Control,
  expectStatus,
  managementToken,
  onEachDatabase,
  openControl,
  providerKeys,
  readProject,
  readProjects,
} from "./control.ts";

const [one, two, three] = [0, 1, 2].map(() => randomBytes(32).toString("base64")) as [string, string, string];

onEachDatabase((kind) => {
  /** Runs `weir migrate …` on the test's database. */
  const migrate = (control: Control, command: string, key: string) =>
    runWeir({
      args: ["migrate", command],
      env: {
        ...control.store.env,
        DATA_DIR: control.dataDirs[0] ?? "",
        MANAGEMENT_TOKEN: managementToken,
        ENCRYPTION_KEY: key,
      },
    });

  /** The keys that go up with these tokens. */
  const keysOf = async (control: Control, tokens: readonly string[]) =>
    Promise.all(tokens.map(async (token) => (await control.call({ token })).seen[0]?.header("authorization")));

  test("setting, adding, rotating and dropping an ENCRYPTION_KEY invalidates no token and loses no key", async () => {
    await using control = await openControl({ kind, env: { ENCRYPTION_KEY: undefined } });
    const tokens: string[] = [];
    const add = async () => {
      const project = await control.createProject({
        provider_keys: { openai: `sk-up-${tokens.length}-0123456789abcdef` },
      });
      tokens.push((await control.createToken(project.id)).token);
    };
    const check = async () => {
      await add();
      expect(await keysOf(control, tokens)).toEqual(tokens.map((_, index) => `Bearer sk-up-${index}-0123456789abcdef`));
    };
    await check();

    expect(await control.restart(0, { ENCRYPTION_KEY: one })).toBe(0);
    await check();
    for (let times = 0; times < 2; times += 1) expect((await migrate(control, "encrypt", one)).code).toBe(0);
    const status = await migrate(control, "encrypt-status", one);
    expect(status.code).toBe(0);
    await check();

    // A program that runs beside may hold what was, until it stops.
    expect(await control.restart(0, { ENCRYPTION_KEY: `${two},${one}` })).toBe(0);
    const sealed = await control.store.dump();
    for (const index of tokens.keys()) expect(sealed.includes(`sk-up-${index}-0123456789abcdef`)).toBe(false);
    await check();
    expect((await migrate(control, "rotate-key", `${two},${one}`)).code).toBe(0);
    expect(await control.restart(0, { ENCRYPTION_KEY: two })).toBe(0);
    await check();
    expect(await control.restart(0, { ENCRYPTION_KEY: `${three},${two}` })).toBe(0);
    await check();
    const rows = await control.store.dump();
    for (const index of tokens.keys()) expect(rows.includes(`sk-up-${index}-0123456789abcdef`)).toBe(false);
    for (const text of [rows, status.stdout, control.weirs[0]?.output() ?? ""])
      for (const key of [one, two, three]) expect(text).not.toContain(key);
  }, 120_000);

  test("a wrong ENCRYPTION_KEY, or none where one has sealed, is a clear error at start", async () => {
    await using control = await openControl({ kind, env: { ENCRYPTION_KEY: one } });
    await control.createProject();
    expect(await control.weirs[0]?.stop()).toBe(0);
    for (const key of [two, undefined]) {
      const env = { ...control.store.env, DATA_DIR: control.dataDirs[0] ?? "", MANAGEMENT_TOKEN: managementToken };
      const { code, stdout, stderr } = await runWeir({
        env: key === undefined ? env : { ...env, ENCRYPTION_KEY: key },
      });
      expect([key, [1, 2].includes(code)]).toEqual([key, true]);
      expect(stdout + stderr).toContain("ENCRYPTION_KEY");
      expect(stdout + stderr).not.toContain(two);
      expect(stdout + stderr).not.toMatch(/\n\s+at .+:\d+:\d+/);
    }
  }, 60_000);

  test("keys that can't be unsealed fail their project alone", async () => {
    await using control = await openControl({ kind, env: { ENCRYPTION_KEY: one } });
    const projects = [];
    for (const name of ["swapped one", "swapped two", "whole"]) projects.push(await control.createProject({ name }));
    const tokens = await Promise.all(projects.map(async ({ id }) => (await control.createToken(id)).token));
    expect(await control.weirs[0]?.stop()).toBe(0);
    await swapSealed(
      control,
      projects.slice(0, 2).map(({ id }) => id),
    );
    await control.restart();

    const called = await Promise.all(tokens.map((token) => control.call({ token })));
    expect(called.map(({ seen }) => seen.length)).toEqual([0, 0, 1]);
    expect(called[2]?.seen[0]?.header("authorization")).toBe(`Bearer ${providerKeys.openai}`);
    for (const { answer } of called.slice(0, 2)) {
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.text).not.toContain("enc:v2:");
    }
    const listed = readProjects(expectStatus(200, await control.manage("GET", "/manage/projects")));
    expect(listed.map(({ name }) => name).toSorted()).toEqual(["swapped one", "swapped two", "whole"]);
    for (const { id } of projects)
      readProject(expectStatus(200, await control.manage("GET", `/manage/projects/${id}`)));

    const body = { provider_keys: providerKeys };
    expectStatus(200, await control.manage("PATCH", `/manage/projects/${projects[0]?.id}`, body));
    expect(await keysOf(control, tokens.slice(0, 1))).toEqual([`Bearer ${providerKeys.openai}`]);
  }, 60_000);

  test("replicas that start at once on an empty database share one pepper", async () => {
    await using control = await openControl({ kind, processes: 3, env: { ENCRYPTION_KEY: one } });
    const project = await control.createProject();
    for (const process of [0, 1, 2]) {
      const asked = { project_id: project.id, duration_minutes: 5 };
      const { json } = expectStatus(201, await control.manage("POST", "/manage/tokens", asked, { process }));
      const { token } = json as { readonly token: string };
      for (const other of [0, 1, 2]) expect((await control.call({ token, process: other })).answer.status).toBe(200);
    }
  }, 60_000);
});

/** Gives two projects' sealed keys to each other, wherever they are kept. */
async function swapSealed({ store }: Control, projects: readonly string[]): Promise<void> {
  let swapped = 0;
  for (const table of await store.listTables()) {
    const rows = await store.query(`SELECT * FROM ${table}`);
    const mine = projects.map((project) => rows.filter((row) => isSealed(row) && Object.values(row).includes(project)));
    for (const [index, row] of (mine[0] ?? []).entries()) {
      const other = mine[1]?.[index];
      if (other === undefined) continue;
      await writeSealed(store, table, row, other);
      await writeSealed(store, table, other, row);
      swapped += 1;
    }
  }
  if (swapped === 0) throw new Error("Nothing in the database is sealed");
}

type Row = Readonly<Record<string, unknown>>;

const isSealed = (row: Row) => Object.values(row).some((value) => String(asText(value)).includes("enc:v2:"));
const asText = (value: unknown) => (typeof value === "object" && value !== null ? JSON.stringify(value) : value);

/** Writes the sealed columns of one row into another. */
async function writeSealed(store: Control["store"], table: string, to: Row, from: Row): Promise<void> {
  const sealed = Object.keys(to).filter((name) => String(asText(to[name])).includes("enc:v2:"));
  const where = Object.entries(to).filter(
    ([name, value]) => typeof value === "string" && !sealed.includes(name) && !name.endsWith("_at"),
  );
  const quote = (value: unknown) => `'${String(asText(value)).replaceAll("'", "''")}'`;
  const set = sealed.map((name) => `${name} = ${quote(from[name])}`).join(", ");
  await store.query(
    `UPDATE ${table} SET ${set} WHERE ${where.map(([name, value]) => `${name} = ${quote(value)}`).join(" AND ")}`,
  );
}
