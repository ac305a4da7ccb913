import { connect, createServer, type Socket } from "node:net";
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { needs } from "../needs.ts";
import { createDatabase, findPostgres, whatPostgresNeeds } from "../postgres.ts";
import { startWeir, waitFor } from "../weir.ts";
import { send } from "../wire/client.ts";
import { expectStatus, managementToken, openControl, refusalOf } from "./control.ts";

const withPostgres = needs(whatPostgresNeeds, findPostgres());

describe("while another holds SQLite's file for itself", () => {
  test("a warm token without a quota passes, and what was counted is written afterwards", async () => {
    await using control = await openControl();
    const { id, token } = await control.createToken((await control.createProject()).id);
    for (let calls = 0; calls < 5; calls += 1) expect(refusalOf((await control.call({ token })).answer)).toBe("200");
    const database = new Database(control.store.env["DATABASE_PATH"] ?? "", { create: false, readwrite: true });
    database.run("BEGIN EXCLUSIVE");
    const held = performance.now();
    for (let calls = 0; calls < 20; calls += 1) expect(refusalOf((await control.call({ token })).answer)).toBe("200");
    expect(performance.now() - held).toBeLessThan(2000);
    await Bun.sleep(1500);
    database.run("ROLLBACK");
    database.close();
    expect(await control.restart()).toBe(0);
    expect((await control.findToken(id)).request_count).toBe(25);
  }, 30_000);
});

describe("while PostgreSQL is away", () => {
  withPostgres(
    "no token is called invalid for it, nothing that needs it goes upstream, and all is well when it is back",
    async () => {
      await using database = await createDatabase();
      await using line = await openLine(database.url);
      await using control = await openControl({ env: { DB_DRIVER: "postgres", DATABASE_URL: line.url } });
      const project = await control.createProject();
      const [warm, cold, limited] = [
        await control.createToken(project.id),
        await control.createToken(project.id),
        await control.createToken(project.id, { max_requests: 5 }),
      ];
      for (const { token } of [warm, limited]) expect(refusalOf((await control.call({ token })).answer)).toBe("200");

      line.cut();
      for (const { token } of [cold, limited]) {
        const { answer, seen } = await control.call({ token });
        expect([refusalOf(answer), seen.length]).toEqual(["503 dependency_unavailable", 0]);
        expect(Number(answer.header("retry-after"))).toBeGreaterThan(0);
        expect(answer.text).not.toMatch(/postgres|ECONN|pool|:\d{4,5}/i);
      }
      const kept = refusalOf((await control.call({ token: warm.token })).answer);
      expect(["200", "503 dependency_unavailable"]).toContain(kept);
      for (const path of ["/manage/projects", `/manage/projects/${project.id}`, `/manage/tokens/${warm.id}`])
        expect([path, (await control.manage("GET", path)).status]).toEqual([path, 503]);
      for (const [path, status] of [
        ["/live", 200],
        ["/ready", 200],
        ["/health", 200],
      ] as const)
        expect([path, (await control.manage("GET", path)).status]).toEqual([path, status]);

      line.mend();
      for (const { token } of [warm, cold, limited])
        await waitFor(
          async () => refusalOf((await control.call({ token })).answer) === "200" || undefined,
          "A token doesn't pass again",
          10_000,
        );
      expectStatus(204, await control.manage("DELETE", `/manage/tokens/${warm.id}`));
      expect(refusalOf((await control.call({ token: warm.token })).answer)).toBe("401 token_inactive");
    },
    40_000,
  );

  withPostgres(
    "a token that was revoked meanwhile is refused soon after its return",
    async () => {
      await using database = await createDatabase();
      await using line = await openLine(database.url);
      await using other = await openControl({ env: { DB_DRIVER: "postgres", DATABASE_URL: database.url } });
      await using control = await openControl({ env: { DB_DRIVER: "postgres", DATABASE_URL: line.url } });
      const { id, token } = await other.createToken((await other.createProject()).id);
      for (let calls = 0; calls < 5; calls += 1) expect(refusalOf((await control.call({ token })).answer)).toBe("200");
      line.cut();
      expectStatus(204, await other.manage("DELETE", `/manage/tokens/${id}`));
      await Bun.sleep(1500);
      // How long a process that can't ask believes what it knows is bounded, but for longer than a test should take.
      expect(["200", "503 dependency_unavailable"]).toContain(refusalOf((await control.call({ token })).answer));
      line.mend();
      await waitFor(
        async () => refusalOf((await control.call({ token })).answer) === "401 token_inactive" || undefined,
        "It doesn't find out",
        2000,
      );
    },
    40_000,
  );

  test("a start without it is alive, isn't ready, and lets no token pass", async () => {
    await using weir = await startWeir({
      env: {
        MANAGEMENT_TOKEN: managementToken,
        DB_DRIVER: "postgres",
        DATABASE_URL: "postgres://weir:canary-database-1Jq8@127.0.0.1:1/weir",
      },
    });
    const statusOf = async (target: string) => (await send(weir.port, { target })).status;
    expect([await statusOf("/live"), await statusOf("/ready")]).toEqual([200, 503]);
    expect(weir.output()).not.toContain("canary-database-1Jq8");
  });
});

/** A way to a PostgreSQL that can be cut and mended. */
async function openLine(target: string): Promise<AsyncDisposable & { url: string; cut: () => void; mend: () => void }> {
  const sockets = new Set<Socket>();
  const to = new URL(target);
  let isCut = false;
  const server = createServer((socket) => {
    if (isCut) return void socket.destroy();
    const other = connect(Number(to.port), to.hostname);
    for (const [one, two] of [
      [socket, other],
      [other, socket],
    ] as const) {
      sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => two.destroy());
      one.pipe(two);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("There is no port");
  const url = new URL(target);
  url.port = String(address.port);
  const destroy = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    url: url.href,
    cut: () => {
      isCut = true;
      destroy();
    },
    mend: () => {
      isCut = false;
    },
    async [Symbol.asyncDispose]() {
      destroy();
      await new Promise<unknown>((resolve) => server.close(resolve));
    },
  };
}
