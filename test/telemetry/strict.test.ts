import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type Call, openCall } from "../wire/client.ts";
import { readMetrics } from "./books.ts";
import { openStage, type Stage } from "./stage.ts";
import { dataEvent, events } from "./upstream.ts";

const strictTimeoutMs = 2000;
let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ env: { DURABILITY: "strict", STRICT_TIMEOUT_MS: String(strictTimeoutMs) } });
});

afterAll(() => stage[Symbol.asyncDispose]());

const model = "gpt-4o-mini-2024-07-18";
const stream = [
  ...["Yes", ", it", " is."].map((content) => dataEvent({ model, choices: [{ index: 0, delta: { content } }] })),
  dataEvent({ model, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
  dataEvent("[DONE]"),
];
const whole = {
  model,
  choices: [{ index: 0, message: { role: "assistant", content: "Yes, it is." }, finish_reason: "stop" }],
};

/** Keeps the outbox from being written to, as another process that writes to it does, until it is let go. */
function lockOutbox(): () => void {
  const database = new Database(join(stage.weir.dataDir, "outbox.db"));
  database.run("PRAGMA busy_timeout = 5000");
  database.run("BEGIN IMMEDIATE");
  return () => database.close();
}

function open(streamed: boolean): Call {
  stage.upstream.answer = () => (streamed ? events(stream) : Response.json(whole));
  const body = { model: "gpt-4o-mini", stream: streamed, messages: [{ role: "user", content: "Is it?" }] };
  return openCall(Number(new URL(stage.weir.url).port), {
    method: "POST",
    target: "/v1/chat/completions",
    headers: [["content-type", "application/json"]],
    body: JSON.stringify(body),
  });
}

test("every chunk of a stream passes at once, and its end when the record is durable", async () => {
  const unlock = lockOutbox();
  const call = open(true);
  await call.until("[DONE]");
  const allCame = performance.now();
  await Bun.sleep(strictTimeoutMs / 2);
  unlock();
  const answer = await call.answer;

  expect(answer.end).toBe("clean");
  expect(answer.endedAt - allCame).toBeGreaterThan(strictTimeoutMs / 2 - 20);
  expect(answer.text).toBe(stream.join(""));
});

test("an answer that comes whole waits for its record too", async () => {
  const unlock = lockOutbox();
  const started = performance.now();
  const call = open(false);
  await Bun.sleep(strictTimeoutMs / 2);
  unlock();
  const answer = await call.answer;

  expect(answer.end).toBe("clean");
  expect(answer.json()).toEqual(whole);
  expect(answer.endedAt - started).toBeGreaterThan(strictTimeoutMs / 2 - 20);
});

test.each([true, false])(
  "where a record does not become durable in time, the connection is broken in place of an end (a stream: %p), and counted",
  async (streamed) => {
    const before = (await readMetrics(stage.weir.url)).get("weir_strict_timeouts_total") ?? 0;
    const unlock = lockOutbox();
    const answer = await open(streamed).answer;
    unlock();
    // Where nothing has gone down, half a head must not either: to some clients that is an empty answer.
    expect([answer.status, answer.end]).toEqual(streamed ? [200, "cut"] : [0, "reset"]);
    expect((await readMetrics(stage.weir.url)).get("weir_strict_timeouts_total")).toBe(before + 1);
  },
  60_000,
);

test("without a hindrance an answer is held for moments only", async () => {
  const answer = await open(true).answer;
  expect(answer.end).toBe("clean");
  expect(answer.endedAt - (answer.pieces.at(-1)?.at ?? 0)).toBeLessThan(strictTimeoutMs / 2);
});
