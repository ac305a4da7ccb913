import { expect } from "bun:test";
import { needs } from "../needs.ts";
import { createDatabase, findPostgres, whatPostgresNeeds } from "../postgres.ts";
import { startWeir, waitFor } from "../weir.ts";
import { managementToken } from "./control.ts";
import { openRelay } from "./relay.ts";

const onPostgres = needs(whatPostgresNeeds, findPostgres());

onPostgres(
  "where the database comes late or goes, calls that don't need it go on, and it is said",
  async () => {
    await using database = await createDatabase();
    // Between Weir and the database, so that it can be away.
    await using way = await openRelay(new URL(database.url));
    using upstream = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json({ ok: true }) });
    way.close();
    await using weir = await startWeir({
      env: {
        DB_DRIVER: "postgres",
        DATABASE_URL: way.url,
        MANAGEMENT_TOKEN: managementToken,
        AUTH_MODE: "gate,token",
        PROXY_API_KEY: "gate-0123456789",
        UPSTREAM_API_KEY: "sk-up-0123456789",
        UPSTREAM_BASE_URL: `http://127.0.0.1:${upstream.port}`,
      },
    });
    const call = async (credential: string): Promise<number> => {
      const answer = await fetch(`${weir.url}/v1/models`, { headers: { authorization: `Bearer ${credential}` } });
      await answer.text();
      return answer.status;
    };
    const manage = async (path: string, body?: object) => {
      const answer = await fetch(weir.url + path, {
        method: body ? "POST" : "GET",
        headers: { authorization: `Bearer ${managementToken}`, "content-type": "application/json" },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      return { status: answer.status, json: (await answer.json()) as Readonly<Record<string, string>> };
    };
    const ready = async () => (await fetch(`${weir.url}/ready`)).status;
    const health = async () => (await (await fetch(`${weir.url}/health`)).json()) as { database: { status: string } };

    expect([await ready(), await call("gate-0123456789"), (await manage("/manage/projects")).status]).toEqual([
      503, 200, 503,
    ]);
    way.open();
    await waitFor(
      async () => ((await ready()) === 200 ? true : undefined),
      () => weir.output(),
    );

    const { json: project } = await manage("/manage/projects", { name: "one" });
    const { json: free } = await manage("/manage/tokens", { project_id: project["id"], never_expires: true });
    const { json: counted } = await manage("/manage/tokens", {
      project_id: project["id"],
      never_expires: true,
      max_requests: 100,
    });
    const [warm = "", bounded = ""] = [free["token"], counted["token"]];
    expect([await call(warm), await call(bounded)]).toEqual([200, 200]);

    way.close();
    await waitFor(
      async () => ((await health()).database.status === "unreachable" ? true : undefined),
      () => weir.output(),
    );
    const statuses = new Set<number>();
    for (let calls = 0; calls < 20; calls += 1) statuses.add(await call(warm));
    expect(statuses).toEqual(new Set([200]));
    expect([await ready(), await call("gate-0123456789"), await call(bounded)]).toEqual([200, 200, 503]);

    way.open();
    await waitFor(
      async () => ((await health()).database.status === "ok" ? true : undefined),
      () => weir.output(),
    );
    expect(await call(bounded)).toBe(200);
    await weir.stop();
  },
  90_000,
);
