import { createServer } from "node:net";
import { expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import { type Control, expectStatus, onEachDatabase, openControl, refusalOf } from "./control.ts";

onEachDatabase((kind) => {
  test("two processes on one port hold a quota exactly, count every call, and both refuse a revoked token", async () => {
    await using control = await openWorkers({ kind });
    const project = await control.createProject();
    const [limited, counted] = [
      await control.createToken(project.id, { max_requests: 10 }),
      await control.createToken(project.id),
    ];
    const callMany = async (token: string, count: number) =>
      Promise.all(Array.from({ length: count }, async () => refusalOf((await control.call({ token })).answer)));

    const answers = await callMany(limited.token, 50);
    expect(answers.filter((answer) => answer === "200").length).toBe(10);
    expect(answers.filter((answer) => answer === "429 quota_exceeded").length).toBe(40);
    expect((await control.findToken(limited.id)).request_count).toBe(10);

    expect(new Set(await callMany(counted.token, 37))).toEqual(new Set(["200"]));
    expectStatus(204, await control.manage("DELETE", `/manage/tokens/${counted.id}`));
    await Bun.sleep(1000);
    expect(new Set(await callMany(counted.token, 24))).toEqual(new Set(["401 token_inactive"]));
    const reached = control.seen.length;

    expect(await control.restart()).toBe(0);
    expect((await control.findToken(counted.id)).request_count).toBe(37);
    expect(control.seen.length).toBe(reached);
    expect(expectStatus(200, await control.manage("GET", "/manage/audit/verify")).json).toMatchObject({ ok: true });
  }, 30_000);
});

/** A program of two processes, when both listen. */
async function openWorkers({ kind }: { readonly kind: "sqlite" | "postgres" }): Promise<Control> {
  const control = await openControl({ kind, env: { WEIR_WORKERS: "2", PORT: String(await findFreePort()) } });
  const [weir] = control.weirs;
  await waitFor(
    () => (weir?.lines.filter((line) => line.includes('"msg":"listening"')).length === 2 ? true : undefined),
    () => `Not both listen: ${weir?.output()}`,
    10_000,
  );
  return control;
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("There is no free port");
  return address.port;
}
