import { expect, test } from "bun:test";
import { openai } from "./chat.ts";
import { openCall, type Request } from "./client.ts";
import type { Header, Script } from "./upstream.ts";
import { openWire } from "./wire.ts";

const count = 150;

/** Calls of every kind: looked into, large, streamed up, without a body, filtered on their way down. */
const requests: readonly Request[] = [
  openai.call,
  { ...openai.call, body: `${openai.call.body as string}${" ".repeat(200_000)}` },
  { ...openai.call, body: '{"model":"m","stream":true}' },
  { target: "/v1/models" },
  { method: "POST", target: "/v1/files", headers: [["content-length", "100000"]] },
];

const gzip: readonly Header[] = [
  ["content-type", "text/event-stream"],
  ["content-encoding", "gzip"],
];

/** An upstream that answers late, or in part, or breaks off anywhere. */
function createScript(chance: () => number): Script {
  const dies = (share: number) => chance() < share;
  return async (seen) => {
    const die = () => (dies(0.5) ? seen.fin() : seen.reset());
    if (dies(0.1)) return die();
    if (dies(0.5)) await seen.body;
    await Bun.sleep(chance() * 20);
    if (dies(0.1)) return die();
    if (dies(0.3)) {
      seen.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{}");
      await Bun.sleep(chance() * 40);
      return dies(0.5) ? seen.reset() : seen.write(" ".repeat(18));
    }
    const encoded = dies(0.2);
    seen.begin(encoded ? gzip : undefined);
    for (let n = 0; n < 6 && seen.socket.writable; n += 1) {
      if (dies(0.06)) return die();
      seen.chunk(encoded ? "this is no gzip" : openai.say("x"));
      await Bun.sleep(chance() * 12);
    }
    if (!seen.socket.writable) return;
    seen.chunk(openai.last);
    seen.end();
  };
}

const setups: readonly Readonly<Record<string, string>>[] = [
  {},
  { ON_DISCONNECT: "drain", DRAIN_TIMEOUT_MS: "100" },
  { STREAM_ERROR_EVENT: "true", DURABILITY: "strict" },
  {
    RESPONSE_USAGE_HEADERS: "true",
    PROXY_TIMEOUT_MS: "30",
    STREAM_IDLE_TIMEOUT_MS: "30",
    CLIENT_IDLE_TIMEOUT_MS: "30",
  },
];

for (const [n, env] of setups.entries()) {
  test.concurrent(`whoever breaks off whenever, each exchange has one record and none is a fault of ours: ${JSON.stringify(env)}`, async () => {
    await using wire = await openWire({ env });
    const chance = createChance(n + 1);
    const calls = Array.from({ length: count }, async (_, at) => {
      await Bun.sleep(chance() * 500);
      const running = wire.open(requests[at % requests.length] ?? {}, createScript(chance));
      if (at % requests.length === 4) {
        running.write(new Uint8Array(50_000));
        await Bun.sleep(chance() * 40);
        if (running.socket.writable) running.write(new Uint8Array(50_000));
      }
      const patience = chance() < 0.3 ? 6000 : chance() * 80;
      await Promise.race([Bun.sleep(patience), running.answer.catch(() => {})]);
      running.leave();
    });
    await Promise.all(calls);
    // It is still there, and has nothing left to do.
    const alive = openCall(wire.weir.port, { target: "/live" });
    expect((await alive.answer).status).toBe(200);
    alive.leave();
    expect(await wire.weir.stop()).toBe(0);
    const records = await wire.weir.records();
    expect(records.filter(({ cause }) => cause === "internal_error" || cause === "shutdown")).toEqual([]);
    expect(wire.weir.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
    // A consumer that left before its head had arrived is none at all.
    const recorded = new Set(records.map(({ attribution }) => attribution.session));
    const reached = new Set(wire.seen.map((seen) => seen.header("x-script")));
    expect([...reached].filter((session) => !recorded.has(session))).toEqual([]);
    expect(records.length).toBeGreaterThan(count / 2);
    expect(records.length).toBeLessThanOrEqual(count);
    expect(recorded.size).toBe(records.length);
  }, 60_000);
}

/** Numbers from 0 to 1 that look like chance, the same for the same seed. */
function createChance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
