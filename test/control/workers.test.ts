import { expect, test } from "bun:test";
import { findFreePort } from "../free-port.ts";
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
    // Both have heard of it when none of so many passes.
    let passed = 37;
    await waitFor(async () => {
      const told = await callMany(counted.token, 24);
      expect(["200", "401 token_inactive"]).toEqual(expect.arrayContaining([...new Set(told)]));
      passed += told.filter((answer) => answer === "200").length;
      return !told.includes("200");
    }, "It is not refused by both");
    const reached = control.seen.length;

    expect(await control.restart()).toBe(0);
    expect((await control.findToken(counted.id)).request_count).toBe(passed);
    expect(control.seen.length).toBe(reached);
    expect(expectStatus(200, await control.manage("GET", "/manage/audit/verify")).json).toMatchObject({ ok: true });
  }, 60_000);
});

/** A program of two processes, when both listen. */
async function openWorkers({ kind }: { readonly kind: "sqlite" | "postgres" }): Promise<Control> {
  const control = await openControl({ kind, env: { WEIR_WORKERS: "2", PORT: String(await findFreePort()) } });
  const [weir] = control.weirs;
  await waitFor(
    () => (weir?.lines.filter((line) => line.includes('"msg":"listening"')).length === 2 ? true : undefined),
    () => `Not both listen: ${weir?.output()}`,
  );
  return control;
}
