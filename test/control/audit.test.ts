import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { runWeir, waitFor } from "../weir.ts";
import {
  type AuditEntry,
  codeOf,
  type Control,
  expectStatus,
  type JsonObject,
  type Managed,
  onEachDatabase,
  openControl,
  readAudit,
  readAuditEntry,
  readCursor,
  readJsonLines,
  useControl,
} from "./control.ts";

const verdict = z.looseObject({ ok: z.boolean(), checked: z.number(), broken_at: z.unknown().optional() });
const keys = { openai: "sk-up-audited-0123456789" };

onEachDatabase((kind) => {
  const find = useControl({ kind });

  /** A call of the API under an id of its own, and the entries that it left. */
  const act = async (method: string, path: string, body?: unknown) => {
    const id = `audit-${crypto.randomUUID()}`;
    const headers = { "x-request-id": id, "user-agent": "auditor/1" };
    const answer = await find().manage(method, path, body, { headers });
    return { id, answer, entries: await list(`request_id=${id}`) };
  };
  const list = async (query: string): Promise<readonly AuditEntry[]> =>
    readAudit(expectStatus(200, await find().manage("GET", `/manage/audit?${query}`)));
  const logged = (control: Control): Promise<readonly JsonObject[]> =>
    readJsonLines(join(control.dataDirs[0] ?? "", "audit.log"));

  /** Each change: its action, and how it is made of a project and a token. */
  const changes: Readonly<
    Record<string, (project: string, token: string) => readonly [method: string, path: string, body?: unknown]>
  > = {
    "project.create": () => ["POST", "/manage/projects", { name: crypto.randomUUID(), provider_keys: keys }],
    "project.update": (project) => [
      "PATCH",
      `/manage/projects/${project}`,
      { provider_keys: keys, metadata: { a: "1" } },
    ],
    "project.deactivate": (project) => ["PATCH", `/manage/projects/${project}`, { is_active: false }],
    "project.activate": (project) => ["PATCH", `/manage/projects/${project}`, { is_active: true }],
    "token.create": (project) => ["POST", "/manage/tokens", { project_id: project, duration_minutes: 5 }],
    "token.update": (_project, token) => ["PATCH", `/manage/tokens/${token}`, { max_requests: 9 }],
    "token.revoke": (_project, token) => ["DELETE", `/manage/tokens/${token}`],
    "token.revoke_batch": (project) => ["POST", `/manage/projects/${project}/tokens/revoke`],
  };

  test("every change is an entry, in the database and in the file, that says who did what to which", async () => {
    const project = await find().createProject();
    const { id: token } = await find().createToken(project.id);
    for (const [action, change] of Object.entries(changes)) {
      const { id, answer, entries } = await act(...change(project.id, token));
      expect([action, answer.status < 300]).toEqual([action, true]);
      expect(entries.map((entry) => entry.action)).toEqual([action]);
      const [entry] = entries;
      expect(entry).toMatchObject({ request_id: id, outcome: "success", origin: "api", user_agent: "auditor/1" });
      expect(JSON.stringify(entry)).toContain("127.0.0.1");
      expect(String(entry?.["actor"]).length).toBeGreaterThan(0);
      if (!action.endsWith("create"))
        expect(entry).toMatchObject(
          action.startsWith("project") ? { project_id: project.id } : { project_id: project.id },
        );
      if (["token.update", "token.revoke"].includes(action)) expect(entry).toMatchObject({ token_id: token });
      const line = await waitFor(
        async () => (await logged(find())).find((each) => each["request_id"] === id),
        `There is no line of ${action} in audit.log`,
      );
      expect(line).toMatchObject({ action, outcome: "success", id: entry?.id });
      expect(readAuditEntry(await find().manage("GET", `/manage/audit/${entry?.id}`))).toMatchObject({
        id: entry?.id,
        action,
      });
    }
    expect((await stat(join(find().dataDirs[0] ?? "", "audit.log"))).mode & 0o777).toBe(0o600);
  });

  test("an entry shows what a change made of what was, keys masked", async () => {
    const project = await find().createProject({ name: `before ${crypto.randomUUID()}` });
    const name = `after ${crypto.randomUUID()}`;
    const { entries } = await act("PATCH", `/manage/projects/${project.id}`, {
      name,
      provider_keys: { openai: "sk-up-rotated-9876543210" },
    });
    const text = JSON.stringify(entries);
    for (const part of [project.name, name, "sk-up-op...6789", "sk-up-ro...3210"]) expect(text).toContain(part);
    expect(text).not.toContain("sk-up-rotated-9876543210");
    expect(text).not.toContain("sk-up-openai-0123456789");
  });

  test("a refused change is no entry of a change that was made", async () => {
    const project = await find().createProject();
    for (const [method, path, body] of [
      ["PATCH", `/manage/projects/${project.id}`, { name: "" }],
      ["POST", "/manage/tokens", { project_id: crypto.randomUUID(), duration_minutes: 5 }],
      ["DELETE", `/manage/projects/${project.id}`, undefined],
    ] as const) {
      const { entries } = await act(method, path, body);
      expect(entries.filter(({ outcome }) => outcome === "success")).toEqual([]);
    }
  });

  test("a look at one project, one token or the audit is an entry, a look at a list isn't", async () => {
    const project = await find().createProject();
    const { id: token } = await find().createToken(project.id);
    const looks = [`/manage/projects/${project.id}`, `/manage/tokens/${token}`, "/manage/audit"];
    for (const path of looks) expect([path, (await act("GET", path)).entries.length]).toEqual([path, 1]);
    for (const path of ["/manage/projects", "/manage/tokens"])
      expect([path, (await act("GET", path)).entries]).toEqual([path, []]);
  });

  test("a call that is refused for its project is an entry", async () => {
    const project = await find().createProject();
    const { token } = await find().createToken(project.id);
    expectStatus(200, await find().manage("PATCH", `/manage/projects/${project.id}`, { is_active: false }));
    const { answer } = await find().call({ token });
    expect(answer.status).toBe(403);
    const entries = await waitFor(async () => {
      const found = await list(`action=proxy_request&project_id=${project.id}`);
      return found.length > 0 ? found : undefined;
    }, "There is no entry of the refused call");
    expect(entries[0]).toMatchObject({ action: "proxy_request", project_id: project.id });
    expect(entries[0]?.["reason"]).toStartWith("project_inactive");
    expect(entries[0]?.outcome).toBe("denied");
  });

  describe("the list", () => {
    test("holds what each filter says", async () => {
      const project = await find().createProject();
      const minted = await find().createToken(project.id);
      const { id, entries } = await act("PATCH", `/manage/tokens/${minted.id}`, { max_requests: 9 });
      const [wanted] = entries;
      if (wanted === undefined) throw new Error("There is no entry");
      const time = String(wanted["time"] ?? wanted["timestamp"]);
      const [before, after] = [-60_000, 60_000].map((by) =>
        encodeURIComponent(new Date(Date.parse(time) + by).toISOString()),
      );
      const path = encodeURIComponent(`/manage/tokens/${minted.id}`);
      const matching = [
        `action=token.update`,
        `actor=${encodeURIComponent(String(wanted["actor"]))}`,
        `project_id=${project.id}`,
        `token_id=${minted.id}`,
        `request_id=${id}`,
        "outcome=success",
        "client_ip=127.0.0.1",
        "method=PATCH",
        `path=${path}`,
        `search=${minted.id}`,
        `start_time=${before}`,
        `end_time=${after}`,
        `start_time=${before}&end_time=${after}`,
      ];
      for (const query of matching) {
        const found = await list(query.startsWith("token_id") ? query : `${query}&token_id=${minted.id}`);
        expect([query, found.map((entry) => entry.id).includes(wanted.id)]).toEqual([query, true]);
      }
      const others = [
        "action=token.revoke",
        "actor=nobody",
        `project_id=${crypto.randomUUID()}`,
        "request_id=another",
        "outcome=failure",
        "client_ip=198.51.100.7",
        "method=GET",
        "path=/manage/nothing",
        "search=nothing-of-the-kind",
        `start_time=${after}`,
        `end_time=${before}`,
      ];
      for (const query of others) {
        const found = await list(`${query}&token_id=${minted.id}`);
        expect([query, found.map((entry) => entry.id).includes(wanted.id)]).toEqual([query, false]);
      }
      // A dot is no underscore, and a percent sign stands for itself.
      for (const search of ["%25", "token_update", "%27%20OR%201=1%20--"])
        expect((await list(`search=${search}&token_id=${minted.id}`)).map((entry) => entry.id)).not.toContain(
          wanted.id,
        );
    });

    test("is never more than a hundred, and fails at no page, size, cursor or time", async () => {
      const project = await find().createProject();
      for (let count = 0; count < 3; count += 1) await find().createToken(project.id);
      const odd = [
        "page=0",
        "page=-1",
        "page=x",
        "page=1e9",
        "page_size=0",
        "page_size=-1",
        "page_size=101",
        "page_size=x",
        "page=1&page_size=1",
        "limit=0",
        "limit=-5",
        "limit=101",
        "limit=x",
        "cursor=x",
        "cursor=%00",
        "cursor=eyJ9",
      ];
      for (const query of odd) {
        const { status, json } = await find().manage("GET", `/manage/audit?${query}`);
        expect([query, status === 200 || (query.startsWith("cursor") && status === 400)]).toEqual([query, true]);
        if (status === 200)
          expect(z.looseObject({ audit: z.array(z.unknown()) }).parse(json).audit.length).toBeLessThanOrEqual(100);
      }
      for (const query of ["start_time=x", "end_time=2026-99-99", "outcome=x", "action=%00"]) {
        const { status } = await find().manage("GET", `/manage/audit?${query}`);
        expect([query, [200, 400].includes(status)]).toEqual([query, true]);
      }
    });

    test("is walked by its cursor, each entry once", async () => {
      const project = await find().createProject();
      for (let count = 0; count < 6; count += 1) await find().createToken(project.id);
      const ids: unknown[] = [];
      let cursor: string | undefined;
      do {
        const query: string = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const page: Managed = expectStatus(
          200,
          await find().manage("GET", `/manage/audit?project_id=${project.id}&limit=2${query}`),
        );
        ids.push(...readAudit(page).map(({ id }) => id));
        cursor = readCursor(page);
      } while (cursor !== undefined && ids.length < 30);
      expect(ids.length).toBe(7);
      expect(new Set(ids).size).toBe(7);
    });

    test("has nothing under an id that isn't there", async () => {
      for (const id of [crypto.randomUUID(), "0", "99999999999999999999", "x", "' OR 1=1 --"])
        expect([
          id,
          [400, 404].includes((await find().manage("GET", `/manage/audit/${encodeURIComponent(id)}`)).status),
        ]).toEqual([id, true]);
    });
  });

  test("no entry is changed or deleted by any request", async () => {
    const [entry] = await list("limit=1");
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      for (const path of ["/manage/audit", `/manage/audit/${entry?.id}`]) {
        const answer = await find().manage(method, path, {});
        expect([method, path, codeOf(answer)]).toEqual([method, path, "405 method_not_allowed"]);
      }
    }
  });
});

onEachDatabase((kind) => {
  test("the chain of entries is whole over two processes that write at once, and tells an entry that was changed", async () => {
    await using control = await openControl({ kind, processes: 2 });
    const project = await control.createProject();
    await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        control.manage(
          "POST",
          "/manage/tokens",
          { project_id: project.id, duration_minutes: 5 },
          { process: index % 2 },
        ),
      ),
    );
    const verify = async (process = 0) =>
      verdict.parse(
        expectStatus(200, await control.manage("GET", "/manage/audit/verify", undefined, { process })).json,
      );
    for (const process of [0, 1]) {
      const { ok, checked } = await verify(process);
      expect([ok, checked >= 25]).toEqual([true, true]);
    }
    const offline = () =>
      runWeir({ args: ["audit", "verify"], env: { ...control.store.env, DATA_DIR: control.dataDirs[0] ?? "" } });
    expect((await offline()).code).toBe(0);

    const table = await findTable(control, "actor");
    await control.store.query(`UPDATE ${table} SET actor = 'somebody else' WHERE action = 'project.create'`);
    const broken = await verify();
    expect(broken.ok).toBe(false);
    expect(broken.broken_at ?? undefined).toBeDefined();
    const { code, stdout, stderr } = await offline();
    expect(code).toBe(1);
    expect(stdout + stderr).toContain(String(broken.broken_at));
  }, 60_000);

  test("the chain tells an entry that is missing", async () => {
    await using control = await openControl({ kind });
    const project = await control.createProject();
    for (let count = 0; count < 3; count += 1) await control.createToken(project.id);
    const table = await findTable(control, "actor");
    const [row] = await control.store.query(`SELECT id FROM ${table} WHERE action = 'token.create' LIMIT 1`);
    await control.store.query(`DELETE FROM ${table} WHERE id = '${String(row?.["id"])}'`);
    const answer = expectStatus(200, await control.manage("GET", "/manage/audit/verify"));
    expect(verdict.parse(answer.json).ok).toBe(false);
  }, 30_000);

  test("a line of the file that was changed, moved or taken out is found offline", async () => {
    await using control = await openControl({ kind });
    const project = await control.createProject();
    for (let count = 0; count < 5; count += 1) await control.createToken(project.id);
    const path = join(control.dataDirs[0] ?? "", "audit.log");
    const lines = await waitFor(async () => {
      const found = await readLines(path);
      return found.filter((line) => line.includes("token.create")).length === 5 ? found : undefined;
    }, "The file lacks entries");
    await control.weirs[0]?.stop();
    const [first = "", second = "", third = "", ...others] = lines;
    const verify = async (kept: readonly string[]) => {
      const copy = join(control.folder, "copy.log");
      await Bun.write(copy, kept.map((line) => `${line}\n`).join(""));
      return (await runWeir({ args: ["audit", "verify", "--file", copy] })).code;
    };
    expect(await verify(lines)).toBe(0);
    expect(await verify([first, second.replace(/"actor":"[^"]*"/, '"actor":"nobody"'), third, ...others])).toBe(1);
    expect(await verify([first, third, second, ...others])).toBe(1);
    expect(await verify([first, third, ...others])).toBe(1);
    expect(await verify([first, second, second, third, ...others])).toBe(1);
  }, 60_000);

  test("the file catches up on start with what it lacks, and holds each entry once", async () => {
    await using control = await openControl({ kind });
    const project = await control.createProject();
    for (let count = 0; count < 5; count += 1) await control.createToken(project.id);
    const path = join(control.dataDirs[0] ?? "", "audit.log");
    const before = await waitFor(async () => {
      const lines = await readJsonLines(path);
      return lines.filter(({ action }) => action === "token.create").length === 5 ? lines : undefined;
    }, "The file lacks entries");
    await control.weirs[0]?.stop();
    const kept = before.slice(0, -3).map((line) => `${JSON.stringify(line)}\n`);
    await Bun.write(path, kept.join(""));
    await control.restart();
    await waitFor(
      async () => (await readJsonLines(path)).length >= before.length || undefined,
      "The file doesn't catch up",
    );
    const after = await readJsonLines(path);
    expect(after.filter(({ action }) => action === "token.create").length).toBe(5);
    expect(new Set(after.map(({ id }) => id)).size).toBe(after.length);
  }, 30_000);
});

describe("an audit that can't be written", () => {
  test("fails the change", async () => {
    await using control = await openControl({ env: { AUDIT_STORE_IN_DB: "false", AUDIT_LOG_FILE: "/dev/full" } }).catch(
      () => nothing,
    );
    // A start that finds out is as good.
    if (!("manage" in control)) return;
    const answer = await control.manage("POST", "/manage/projects", { name: "never", provider_keys: keys });
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect((await control.manage("GET", "/manage/projects?format=array")).json).toEqual([]);
  });

  test("is off only where AUDIT_ENABLED=false says so", async () => {
    await using control = await openControl({ env: { AUDIT_ENABLED: "false" } });
    await control.createProject();
    expect(await readJsonLines(join(control.dataDirs[0] ?? "", "audit.log"))).toEqual([]);
    // An empty list would say that nothing was done.
    const { status, json } = await control.manage("GET", "/manage/audit");
    expect([status, JSON.stringify(json)]).toEqual([503, expect.stringContaining("AUDIT_ENABLED")]);
  });
});

/** The whole lines of a file, as they stand there. */
async function readLines(path: string): Promise<readonly string[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.split("\n").slice(0, -1);
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} };

/** The table that has a column of this name. */
async function findTable({ store }: Control, column: string): Promise<string> {
  for (const table of await store.listTables()) {
    const found = await store.query(`SELECT ${column} FROM ${table} LIMIT 1`).catch(() => undefined);
    if (found !== undefined) return table;
  }
  throw new Error(`No table has a column ${column}`);
}
