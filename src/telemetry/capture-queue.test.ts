import { expect, test } from "bun:test";
import type { Capture } from "../domain/capture.ts";
import { createCaptureQueue } from "./capture-queue.ts";
import { readBatch } from "./capture-batch.ts";

function capture(id: string, size = 0): Capture {
  const body = new Uint8Array(size).fill(65);
  if (size > 0) body.set(Buffer.from("<"));
  if (size > 1) body.set(Buffer.from(">"), size - 1);
  return {
    id,
    traceId: "t",
    spanId: "s",
    transport: "http",
    method: "POST",
    path: "/",
    outcome: "answered",
    startedAt: 0,
    endedAfter: 1,
    attribution: { "x-user-id": "Zoë" },
    request: { head: Buffer.from(id), total: id.length },
    response: { head: body, total: size },
  };
}

test("what is packed is unpacked, bytes and all", () => {
  const queue = createCaptureQueue({ maxBytes: 1e6 });
  const first = {
    ...capture("a", 10),
    response: { head: Buffer.from("he"), tail: Buffer.from("il"), total: 99, passed: 5 },
  };
  queue.add(first);
  queue.add(capture("b", 3));
  const batch = queue.take();
  const [a, b] = batch ? readBatch(batch) : [];
  expect(a).toMatchObject({ id: "a", attribution: { "x-user-id": "Zoë" } });
  expect(Buffer.from(a?.response.head ?? []).toString() + Buffer.from(a?.response.tail ?? []).toString()).toBe("heil");
  expect([a?.response.total, a?.response.passed, a?.request.passed]).toEqual([99, 5, undefined]);
  expect(Buffer.from(b?.request.head ?? []).toString()).toBe("b");
  expect(b?.response.head.length).toBe(3);
});

test("when room is short bodies go first, beginning and end stay, then whole records", () => {
  const queue = createCaptureQueue({ maxBytes: 200_000 });
  expect(queue.add(capture("a", 150_000))).toBe(1);
  expect(queue.add(capture("b", 100_000))).toBe(1);
  expect(queue.state().bodiesDropped).toBe(1);
  const kept = readBatch(queue.take() ?? { kind: "batch", number: 0, facts: "[]", bytes: new ArrayBuffer(0) })[1]
    ?.response;
  expect(kept?.head[0]).toBe("<".charCodeAt(0));
  expect(kept?.tail?.at(-1)).toBe(">".charCodeAt(0));
  expect(kept?.total).toBe(100_000);
  let taken = 0;
  while (queue.add(capture("c", 50_000)) !== undefined) taken += 1;
  expect(taken).toBeGreaterThan(2);
  expect(queue.state().bytes).toBeLessThanOrEqual(220_000);
});

test("room comes back when a batch is acknowledged, and what was never acknowledged can be counted", () => {
  const queue = createCaptureQueue({ maxBytes: 1e6, maxCount: 2 });
  queue.add(capture("a"));
  queue.add(capture("b"));
  expect(queue.add(capture("c"))).toBeUndefined();
  const first = queue.take();
  expect(queue.add(capture("c"))).toBeUndefined();
  queue.acknowledge(first?.number ?? 0, first?.bytes ?? new ArrayBuffer(0));
  expect(queue.add(capture("c"))).toBe(2);
  queue.take();
  expect(queue.add(capture("d"))).toBe(3);
  expect(queue.giveUpSent()).toEqual({ batches: [2], records: 1 });
  expect(queue.take()?.number).toBe(3);
  expect(queue.giveUpSent()).toEqual({ batches: [3], records: 1 });
  expect(queue.state()).toMatchObject({ records: 0, bytes: 0 });
});
