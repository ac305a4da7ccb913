import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { onEachDatabase, type Place } from "../../test/storage.ts";
import { createLog } from "../lib/log.ts";
import { createNoticeStore, keepNotices } from "../storage/budget-notices.ts";
import { createDatabaseTime } from "../storage/database-time.ts";
import { auditBudgetEvent, type BudgetEvent, createBudgetNotice } from "./budget-event.ts";
import { type BudgetWebhookParts, createBudgetWebhook } from "./budget-webhook.ts";

const event: BudgetEvent = {
  scope: "token",
  id: "0195f3a0-7a7c-7d3e-9a53-0a9f3f0c1d2e",
  period: "month",
  starts: Date.parse("2026-03-01T00:00:00Z"),
  renews: Date.parse("2026-04-01T00:00:00Z"),
  what: { kind: "warning", percent: 80 },
  amountUsd: "25",
  spentNanoUsd: "20500000000",
  at: Date.parse("2026-03-09T12:00:00Z"),
};

const notice = (percent: number) => createBudgetNotice({ ...event, what: { kind: "warning", percent } });

type Sent = { readonly headers: Headers; readonly body: string };

/** A receiver, and webhooks that tell it what is kept in a database. */
async function openReceiver(place: Place, answer: (sent: Sent, count: number) => number | Promise<number>) {
  const { storage } = await place.openStores();
  const sent: Sent[] = [];
  const said: string[] = [];
  const troubles: unknown[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const one = { headers: request.headers, body: await request.text() };
      sent.push(one);
      return new Response("thanks", { status: await answer(one, sent.length) });
    },
  });
  const log = createLog({ level: "debug", format: "json" }, { write: (line) => void said.push(line), flush: () => {} });
  const open = async (more: Partial<BudgetWebhookParts> = {}) =>
    createBudgetWebhook({
      store: createNoticeStore(await place.open()),
      fetch,
      url: `http://127.0.0.1:${server.port}/hook-secret`,
      pauseMs: 5,
      log,
      onTrouble: (error) => troubles.push(error),
      ...more,
    });
  return {
    open,
    sent,
    said,
    troubles,
    keep: (...percents: readonly number[]) =>
      keepNotices(storage.db, createDatabaseTime(storage.driver), percents.map(notice)),
    age: (ms: number) =>
      storage.db
        .updateTable("budget_notices")
        .set((row) => ({ created_at: row("created_at", "-", ms) }))
        .execute(),
    kept: async () => (await storage.db.selectFrom("budget_notices").select("id").execute()).length,
    host: `127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error("It did not happen");
    await Bun.sleep(10);
  }
}

onEachDatabase((it, makePlace) => {
  it("a notice is sent once, signed, with an id of its own", async () => {
    await using place = await makePlace();
    await using receiver = await openReceiver(place, () => 200);
    const webhook = await receiver.open({ secret: "s3cret" });
    await receiver.keep(80, 100);
    await receiver.keep(80);
    webhook.wake();
    await until(async () => (await receiver.kept()) === 0);
    await webhook.close();
    expect(receiver.sent).toHaveLength(2);
    const first = receiver.sent.find(({ body }) => body.includes('"warn_at":80'));
    const { id } = notice(80);
    expect(JSON.parse(first?.body ?? "")).toEqual({
      type: "budget.warning",
      event_id: id,
      scope: "token",
      id: event.id,
      period: "month",
      amount_usd: "25",
      warn_at: 80,
      spent_usd: "20.5",
      starts_at: "2026-03-01T00:00:00.000Z",
      renews_at: "2026-04-01T00:00:00.000Z",
      at: "2026-03-09T12:00:00.000Z",
    });
    const signature = createHmac("sha256", "s3cret")
      .update(first?.body ?? "")
      .digest("hex");
    expect(first?.headers.get("x-weir-signature")).toBe(`sha256=${signature}`);
    expect(first?.headers.get("idempotency-key")).toBe(id);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(notice(100).id).not.toBe(id);
  });

  it("what fails is sent again under its id, later notices don't wait for it, and the log names the host alone", async () => {
    await using place = await makePlace();
    let isMended = false;
    await using receiver = await openReceiver(place, ({ body }) =>
      body.includes('"warn_at":50') && !isMended ? 500 : 200,
    );
    const webhook = await receiver.open();
    await receiver.keep(50);
    webhook.wake();
    await until(() => receiver.sent.length >= 3);
    expect(receiver.said).toEqual([expect.stringMatching(/"warn".*It answered 500.*is tried again/)]);
    await receiver.keep(80);
    webhook.wake();
    await until(() => receiver.sent.some(({ body }) => body.includes('"warn_at":80')));
    isMended = true;
    await until(async () => (await receiver.kept()) === 0);
    await webhook.close();
    const again = receiver.sent.filter(({ body }) => body.includes('"warn_at":50'));
    expect(new Set(again.map(({ headers }) => headers.get("idempotency-key")))).toEqual(new Set([notice(50).id]));
    expect(receiver.said.some((line) => line.includes('"info"') && line.includes("is told again"))).toBe(true);
    expect(receiver.said.join("")).toContain(receiver.host);
    expect(receiver.said.join("")).not.toContain("hook-secret");
    expect(receiver.troubles).toEqual([]);
  });

  it("what could not be told is told after a restart, though its turn would come later", async () => {
    await using place = await makePlace();
    let status = 500;
    await using receiver = await openReceiver(place, () => status);
    const former = await receiver.open({ pauseMs: 3_600_000 });
    await receiver.keep(50, 80);
    former.wake();
    await until(() => receiver.sent.length === 2);
    await former.close();
    expect(await receiver.kept()).toBe(2);
    status = 204;
    const next = await receiver.open({ pauseMs: 3_600_000 });
    next.wake();
    await until(async () => (await receiver.kept()) === 0);
    await next.close();
    expect(receiver.sent).toHaveLength(4);
    expect(receiver.said.filter((line) => line.includes('"info"'))).toHaveLength(1);
  });

  it("of several processes one sends each", async () => {
    await using place = await makePlace();
    await using receiver = await openReceiver(place, async () => {
      await Bun.sleep(20);
      return 200;
    });
    const webhooks = await Promise.all([receiver.open(), receiver.open(), receiver.open()]);
    await receiver.keep(...Array.from({ length: 40 }, (_, at) => at + 1));
    for (const { wake } of webhooks) wake();
    await until(async () => (await receiver.kept()) === 0);
    await Promise.all(webhooks.map(({ close }) => close()));
    expect(receiver.sent).toHaveLength(40);
    expect(new Set(receiver.sent.map(({ body }) => body)).size).toBe(40);
  });

  it("of a receiver that isn't there the log names the host, and closing doesn't wait for it", async () => {
    await using place = await makePlace();
    await using receiver = await openReceiver(place, () => 200);
    const webhook = await receiver.open({ url: "http://127.0.0.1:9/hook-secret", pauseMs: 3_600_000 });
    await receiver.keep(50);
    webhook.wake();
    await until(() => receiver.said.length > 0);
    await webhook.close();
    expect(receiver.said).toEqual([expect.stringContaining('"host":"127.0.0.1:9"')]);
    expect(receiver.said[0]).not.toContain("hook-secret");
  });

  it("what nobody heard for a day is given up and said, and so is the oldest of too many", async () => {
    await using place = await makePlace();
    await using receiver = await openReceiver(place, () => 500);
    await receiver.keep(50);
    await receiver.age(86_400_001);
    const webhook = await receiver.open();
    webhook.wake();
    await until(() => receiver.troubles.length > 0);
    await webhook.close();
    expect(receiver.troubles).toEqual([new Error("1 were given up")]);
    expect(receiver.sent).toEqual([]);
    const store = createNoticeStore(await place.open());
    for (let from = 0; from < 1_010; from += 101)
      await receiver.keep(...Array.from({ length: 101 }, (_, at) => from + at));
    expect(await store.forget()).toBe(10);
    expect(await receiver.kept()).toBe(1_000);
  });
});

test("the audit is told of an event where it belongs", () => {
  expect(auditBudgetEvent(event)).toMatchObject({
    action: "budget.warning",
    tokenId: event.id,
    after: { warn_at: 80 },
  });
  expect(auditBudgetEvent({ ...event, scope: "user", id: "alice" })).not.toHaveProperty("tokenId");
  const exhausted = auditBudgetEvent({ ...event, what: { kind: "exhausted" } });
  expect(exhausted).toMatchObject({ action: "budget.exhausted", outcome: "denied" });
  expect(exhausted.after).not.toHaveProperty("warn_at");
});
