import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { auditThreshold, type BudgetThreshold } from "./budget-threshold.ts";
import { type BudgetWebhookParts, createBudgetWebhook } from "./budget-webhook.ts";

const event: BudgetThreshold = {
  scope: "token",
  id: "0195f3a0-7a7c-7d3e-9a53-0a9f3f0c1d2e",
  period: "month",
  starts: Date.parse("2026-03-01T00:00:00Z"),
  renews: Date.parse("2026-04-01T00:00:00Z"),
  percent: 80,
  amountUsd: "25",
  spentNanoUsd: "20500000000",
  at: Date.parse("2026-03-09T12:00:00Z"),
};

type Sent = { readonly headers: Headers; readonly body: string };

/** A server that answers with these, one after the other, and the last again and again. */
function serve(statuses: readonly number[], more: Partial<BudgetWebhookParts> = {}) {
  const sent: Sent[] = [];
  const troubles: unknown[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      sent.push({ headers: request.headers, body: await request.text() });
      return new Response("thanks", { status: statuses[Math.min(sent.length, statuses.length) - 1] ?? 200 });
    },
  });
  const url = `http://127.0.0.1:${server.port}/hook`;
  const webhook = createBudgetWebhook({ fetch, url, pauseMs: 1, onTrouble: (error) => troubles.push(error), ...more });
  const settled = async (count: number) => {
    for (let at = 0; at < 200 && sent.length < count; at += 1) await Bun.sleep(10);
    await Bun.sleep(30);
  };
  return { webhook, sent, troubles, settled, [Symbol.asyncDispose]: () => server.stop(true) };
}

test("a threshold is sent once, signed, with a key of its own", async () => {
  await using stage = serve([200], { secret: "s3cret" });
  stage.webhook.tell(event);
  stage.webhook.tell({ ...event, percent: 100 });
  await stage.settled(2);
  expect(stage.sent).toHaveLength(2);
  const [first, second] = stage.sent;
  expect(JSON.parse(first?.body ?? "")).toEqual({
    type: "budget.warning",
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
  expect(first?.headers.get("idempotency-key")).toMatch(/^[0-9a-f]{32}$/);
  expect(second?.headers.get("idempotency-key")).not.toBe(first?.headers.get("idempotency-key"));
  await stage.webhook.close();
});

test("what fails is sent again under the same key, and no more than five times", async () => {
  await using stage = serve([503, 429, 200]);
  stage.webhook.tell(event);
  await stage.settled(3);
  expect(stage.sent).toHaveLength(3);
  expect(new Set(stage.sent.map(({ headers }) => headers.get("idempotency-key"))).size).toBe(1);
  expect(stage.sent[0]?.headers.has("x-weir-signature")).toBe(false);
  expect(stage.troubles).toEqual([]);

  await using broken = serve([500]);
  broken.webhook.tell(event);
  await broken.settled(5);
  expect(broken.sent).toHaveLength(5);
  expect(broken.troubles).toEqual([new Error("It answered 500")]);
});

test("what is refused is not sent again, and the next is", async () => {
  await using stage = serve([400, 200]);
  stage.webhook.tell(event);
  stage.webhook.tell(event);
  await stage.settled(2);
  expect(stage.sent).toHaveLength(2);
  expect(stage.troubles).toHaveLength(1);
});

test("closing doesn't wait for somebody who isn't there", async () => {
  const troubles: unknown[] = [];
  const fetchNothing = () => Promise.reject(new Error("refused"));
  const webhook = createBudgetWebhook({
    fetch: fetchNothing,
    url: "http://127.0.0.1:9/",
    pauseMs: 3_600_000,
    onTrouble: (error) => troubles.push(error),
  });
  webhook.tell(event);
  await Bun.sleep(5);
  await webhook.close();
  expect(troubles).toEqual([new Error("refused")]);
});

test("the audit is told of a threshold where it belongs", () => {
  expect(auditThreshold(event)).toMatchObject({ action: "budget.warning", tokenId: event.id, after: { warn_at: 80 } });
  expect(auditThreshold({ ...event, scope: "user", id: "alice" })).not.toHaveProperty("tokenId");
});
