import { expect, test as plainTest } from "bun:test";
import { makeSqlitePlace, onEachDatabase } from "../storage.ts";
import type { ManagementParts } from "../../src/management/parts.ts";
import { expectStatus, faultOf, openStage, readAudit, readEntry, readFault, readIds, type Stage } from "./stage.ts";

onEachDatabase((test, makePlace) => {
  /** A test on a stage of its own. */
  const onStage = (name: string, run: (stage: Stage) => Promise<void>, more: Partial<ManagementParts> = {}) =>
    test(name, async () => {
      await using place = await makePlace();
      await using stage = await openStage(place, more);
      await run(stage);
      expect(stage.faults).toEqual([]);
    });

  /** Reads each thing that there is, once. */
  const readAll = async (stage: Stage) => {
    const project = await stage.createProject();
    const token = await stage.createToken(project);
    const before = (await stage.audit()).length;
    const [first] = await stage.audit();
    for (const path of [
      "/manage/projects",
      `/manage/projects/${project}`,
      "/manage/tokens",
      `/manage/tokens/${token.id}`,
      "/manage/audit",
      `/manage/audit/${first?.id}`,
      "/manage/audit/verify",
      "/manage/config",
      "/manage/providers",
      "/manage/openapi.json",
      `/manage/projects/${crypto.randomUUID()}`,
    ])
      await stage.ask("GET", path);
    const entries = (await stage.audit()).slice(before);
    return { project, token: token.id, entries, actions: entries.map(({ action }) => action) };
  };

  const sensitive = ["project.read", "token.read", "audit.list", "audit.read", "audit.verify", "config.read"] as const;

  onStage("what is sensitive leaves an entry when it is read, and says of what", async (stage) => {
    const { entries, actions, project, token } = await readAll(stage);
    expect(actions).toEqual([...sensitive]);
    expect(entries[0]).toMatchObject({ projectId: project, outcome: "success", actor: { name: "management_token" } });
    expect(entries[1]).toMatchObject({ projectId: project, tokenId: token });
  });

  onStage(
    "with `all`, lists do too",
    async (stage) => {
      const { actions } = await readAll(stage);
      expect(new Set<string>(actions)).toEqual(new Set([...sensitive, "project.list", "token.list"]));
      expect(actions.length).toBe(8);
    },
    { auditReads: "all" },
  );

  onStage(
    "with `off`, nothing does",
    async (stage) => {
      expect((await readAll(stage)).actions).toEqual([]);
    },
    { auditReads: "off" },
  );

  onStage("an entry has all its members, and the same alone as in the list", async (stage) => {
    const project = await stage.createProject({ name: "before", api_key: "sk-proj-0123456789abcdefghij" });
    const headers = { "x-request-id": "req-9", "user-agent": "tester/1", "x-weir-origin": "admin-ui" };
    await expectStatus(200, stage.ask("PATCH", `/manage/projects/${project}`, { name: "after" }, { headers }));
    const [entry] = readAudit(await stage.ask("GET", "/manage/audit?request_id=req-9")).audit;
    if (!entry) throw new Error("There is no entry");
    expect(entry).toEqual({
      id: expect.any(String),
      seq: 2,
      timestamp: "2026-03-01T12:00:00.000Z",
      action: "project.update",
      outcome: "success",
      reason: null,
      actor: "management_token",
      origin: "admin-ui",
      project_id: project,
      token_id: null,
      request_id: "req-9",
      client_ip: "192.0.2.7",
      method: "PATCH",
      path: `/manage/projects/${project}`,
      user_agent: "tester/1",
      before: { name: "before" },
      after: { name: "after" },
      previous_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(readEntry(await expectStatus(200, stage.ask("GET", `/manage/audit/${entry.id}`)))).toEqual(entry);
    for (const id of [crypto.randomUUID(), "0", "x", "' or 1=1 --"])
      expect(await faultOf(stage.ask("GET", `/manage/audit/${encodeURIComponent(id)}`))).toBe(
        "404 audit_entry_not_found",
      );
  });

  onStage("each filter finds what it is about, and nothing else", async (stage) => {
    const project = await stage.createProject({ name: "wanted" });
    stage.clock.now += 60_000;
    const token = await stage.createToken(project);
    stage.clock.now += 60_000;
    const headers = { "x-request-id": "req-9" };
    await stage.ask("PATCH", `/manage/tokens/${token.id}`, { max_requests: 9 }, { headers, peer: "198.51.100.7" });
    stage.clock.now += 60_000;
    await stage.ask("DELETE", `/manage/projects/${project}`);
    const seqs = async (query: string): Promise<readonly number[]> => {
      const asked = stage.ask("GET", `/manage/audit?${query}&end_time=2026-03-01T12:03:00Z`);
      return readAudit(await expectStatus(200, asked)).audit.map(({ seq }) => seq);
    };
    stage.clock.now += 60_000;
    expect(await seqs("action=token.update")).toEqual([3]);
    expect(await seqs("actor=management_token")).toEqual([4, 3, 2, 1]);
    expect(await seqs("actor=nobody")).toEqual([]);
    expect(await seqs(`project_id=${project}`)).toEqual([4, 3, 2, 1]);
    expect(await seqs(`projectId=${project}`)).toEqual([4, 3, 2, 1]);
    for (const name of ["project_id", "projectId"]) expect(await seqs(`${name}=${crypto.randomUUID()}`)).toEqual([]);
    expect(await seqs(`token_id=${token.id}`)).toEqual([3, 2]);
    expect(await seqs("request_id=req-9")).toEqual([3]);
    expect(await seqs("outcome=failure")).toEqual([4]);
    expect(await seqs("client_ip=198.51.100.7")).toEqual([3]);
    expect(await seqs("method=PATCH")).toEqual([3]);
    expect(await seqs(`path=/manage/tokens/${token.id}`)).toEqual([3]);
    expect(await seqs("search=WANTED")).toEqual([1]);
    expect(await seqs("search=_")).toEqual([4, 3, 2, 1]);
    expect(await seqs("start_time=2026-03-01T12:01:00Z")).toEqual([4, 3, 2]);
    expect(await seqs("start_time=2026-03-01T13:01:00%2B01:00&method=POST")).toEqual([2]);
    const { audit } = readAudit(await stage.ask("GET", "/manage/audit?end_time=2026-03-01T12:01:00Z"));
    expect(audit.map(({ seq }) => seq)).toEqual([2, 1]);
  });

  onStage("no page, size or cursor makes it fail", async (stage) => {
    for (let count = 0; count < 3; count += 1) await stage.createProject();
    for (const query of [
      "page=0",
      "page=-1",
      "page=x",
      "page=1e9",
      "page=1e300",
      "page_size=0",
      "page_size=-1",
      "page_size=101",
      "page_size=x",
      "limit=0",
      "limit=-5",
      "limit=1e9",
      "limit=x",
      "limit=",
      "page=2&page_size=1",
    ])
      expect([query, (await stage.ask("GET", `/manage/audit?${query}`)).status]).toEqual([query, 200]);
    for (const query of [
      "cursor=x",
      "cursor=%00",
      "start_time=x",
      "end_time=2026-99-99",
      "action=%00",
      "search=%00",
      "search=",
      "correlation_id=1",
    ])
      expect([query, await faultOf(stage.ask("GET", `/manage/audit?${query}`))]).toEqual([query, "400 query_invalid"]);
    const first = readAudit(await stage.ask("GET", "/manage/audit?limit=2"));
    const second = readAudit(await stage.ask("GET", `/manage/audit?limit=2&cursor=${first.next_cursor}`));
    expect(second.audit[0]?.seq).toBe((first.audit[1]?.seq ?? 0) - 1);
    expect(readIds(await stage.ask("GET", "/manage/audit?format=array&limit=1"))).toBeArrayOfSize(1);
  });

  onStage("the chain is looked through, and tells an entry that was changed", async (stage) => {
    for (let count = 0; count < 3; count += 1) await stage.createProject();
    expect((await stage.ask("GET", "/manage/audit/verify")).json).toEqual({ ok: true, checked: 3 });
    await stage.stores.storage.db.updateTable("audit").set({ actor: "somebody else" }).where("seq", "=", 2).execute();
    expect((await stage.ask("GET", "/manage/audit/verify")).json).toEqual({ ok: false, checked: 1, broken_at: 2 });
  });
});

plainTest("an audit that isn't in the database says where it is", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place, { auditStore: undefined });
  for (const path of [
    "/manage/audit",
    `/manage/audit/${crypto.randomUUID()}`,
    "/manage/audit/x",
    "/manage/audit/verify",
  ]) {
    const answer = await stage.ask("GET", path);
    expect([answer.status, readFault(answer).code]).toEqual([503, "dependency_unavailable"]);
    expect(readFault(answer).message).toContain("AUDIT_STORE_IN_DB");
  }
  expect(stage.faults).toEqual([]);
});

plainTest("a read that must be an entry and can't be is no read", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place, {
    changes: { note: () => Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" })) },
  });
  const project = await stage.createProject();
  expect(await faultOf(stage.ask("GET", `/manage/projects/${project}`))).toBe("503 dependency_unavailable");
  expect((await stage.ask("GET", "/manage/projects")).status).toBe(200);
});
