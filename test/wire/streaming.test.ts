import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { anthropic, families, openai, textOf } from "./chat.ts";
import type { Answer } from "./client.ts";
import type { Seen } from "./upstream.ts";
import { openWire, type Running, type Wire } from "./wire.ts";

let wire: Wire;
let draining: Wire;
beforeAll(async () => {
  [wire, draining] = await Promise.all([
    openWire(),
    openWire({ env: { ON_DISCONNECT: "drain", DRAIN_TIMEOUT_MS: "2000" } }),
  ]);
});
afterAll(async () => {
  await wire[Symbol.asyncDispose]();
  await draining[Symbol.asyncDispose]();
});

/** A connection that nobody closes would stay open for ever; milliseconds. */
const atOnceMs = 2000;

/** Waits until a connection has closed, and says how long it took from `since`. */
async function closedAfter(seen: Seen, since: number): Promise<number> {
  const never = Bun.sleep(15_000).then(() => Infinity);
  return (await Promise.race([seen.closed, never])) - since;
}

/** How long each word took from the upstream's hand to the consumer's, from the shortest; milliseconds. */
function findDelays({ pieces }: Answer, words: readonly string[], written: readonly number[]): readonly number[] {
  const delays: number[] = [];
  let arrived = "";
  let expected = "";
  for (const { at, bytes } of pieces) {
    arrived += bytes.toString();
    while (delays.length < words.length && arrived.startsWith(expected + (words[delays.length] ?? ""))) {
      expected += words[delays.length] ?? "";
      delays.push(at - (written[delays.length] ?? 0));
    }
  }
  return delays.toSorted((one, other) => one - other);
}

for (const family of families) {
  test(`${family.name}: each chunk arrives as it is written, one by one`, async () => {
    const words = Array.from({ length: 25 }, (_, n) => family.say(`w${n} `));
    let typical = Number.POSITIVE_INFINITY;
    // Other programs share this machine; what holds a chunk back, holds it back each time.
    for (let tries = 0; tries < 5 && typical >= 8; tries += 1) {
      const written: number[] = [];
      const running = wire.open(family.call, async (seen) => {
        seen.begin();
        for (const word of words) {
          written.push(performance.now());
          seen.chunk(word);
          // The next one is written only when this one is there.
          await running.until(word);
        }
        seen.end();
      });
      const answer = await running.answer;
      running.leave();
      expect(answer.text).toBe(words.join(""));
      expect(answer.pieces.length).toBeGreaterThanOrEqual(words.length);
      typical = Math.min(typical, findDelays(answer, words, written)[12] ?? Number.POSITIVE_INFINITY);
    }
    expect(typical).toBeLessThan(20);
  });
}

test.concurrent("the time to the first byte is that of the body, and the duration ends with the last", async () => {
  const started = performance.now();
  const { answer } = await wire.exchange(openai.call, async (seen) => {
    seen.begin();
    await Bun.sleep(500);
    for (const word of ["a", "b", "c", "d"]) {
      seen.chunk(openai.say(word));
      await Bun.sleep(50);
    }
    seen.chunk(openai.last);
    seen.end();
  });
  const record = await wire.recordOf(answer);
  expect(record.first_byte_ms).toBeGreaterThanOrEqual(490);
  // The other pieces came after it.
  expect(record.duration_ms - (record.first_byte_ms ?? 0)).toBeGreaterThan(100);
  expect(record.duration_ms).toBeGreaterThanOrEqual(690);
  expect(record.duration_ms).toBeLessThan(answer.endedAt - started + 1000);
  expect(record).toMatchObject({
    outcome: "answered",
    streaming: true,
    status: 200,
    usage: { source: "provider", total: 17 },
  });
  expect(textOf(record)).toBe("abcd");
});

describe("when the consumer leaves", () => {
  const words = ["one ", "two ", "three ", "four ", "five "];

  for (const family of families) {
    for (let index = 1; index <= words.length; index += 1) {
      test.concurrent(`${family.name}: after event ${index} the upstream is closed at once, and the record has what passed`, async () => {
        const said = words.slice(0, index);
        const running = wire.open(family.call, (seen) => {
          seen.begin();
          seen.chunk(family.first + said.map(family.say).join(""));
        });
        await running.until(family.say(said.at(-1) ?? ""));
        const seen = await running.arrived();
        const left = performance.now();
        running.leave();
        expect(await closedAfter(seen, left)).toBeLessThan(atOnceMs);
        const record = await running.record();
        expect(record).toMatchObject({ outcome: "aborted", cause: "client_closed", status: 200 });
        expect(textOf(record)).toBe(said.join(""));
        if (family === anthropic) expect(record.usage.input).toBe(12);
        else expect(record.usage.source).toBe("estimated");
      });
    }
  }

  test.concurrent("before the upstream has answered, the upstream is closed at once, and there is no status", async () => {
    const running = wire.open(openai.call, () => {});
    const seen = await running.arrived();
    const left = performance.now();
    running.leave();
    expect(await closedAfter(seen, left)).toBeLessThan(atOnceMs);
    const record = await running.record();
    expect(record).toMatchObject({ outcome: "aborted", cause: "client_closed" });
    expect(record.status).toBeUndefined();
  });

  test.concurrent("in the very moment in which the upstream answers, there is one record, and it says so", async () => {
    const checks = Array.from({ length: 60 }, async (_, n) => {
      const running = wire.open(families[n % families.length]?.call ?? {}, async (seen) => {
        running.leave();
        await Bun.sleep(n % 6);
        seen.begin();
        seen.chunk(openai.say("one"));
      });
      const record = await running.record();
      return `${record.outcome} ${record.cause}`;
    });
    expect(new Set(await Promise.all(checks))).toEqual(new Set(["aborted client_closed"]));
    const sessions = (await wire.weir.records()).map(({ attribution }) => attribution.session);
    expect(new Set(sessions).size).toBe(sessions.length);
    expect(wire.weir.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  test.concurrent("in the middle of its upload, the upstream is closed, and the record says so", async () => {
    const running = wire.open({
      method: "POST",
      target: "/v1/files",
      headers: [
        ["content-type", "multipart/form-data; boundary=b"],
        ["content-length", "1000"],
      ],
    });
    running.write("--b\r\n");
    const seen = await running.arrived();
    await seen.firstByte;
    const left = performance.now();
    running.leave();
    expect(await closedAfter(seen, left)).toBeLessThan(atOnceMs);
    expect(await running.record()).toMatchObject({ outcome: "aborted", cause: "client_closed", request: { bytes: 5 } });
  });

  test.concurrent("in the middle of a JSON body, nothing has gone up, and the record says so", async () => {
    const running = wire.open({
      ...openai.call,
      headers: [...(openai.call.headers ?? []), ["content-length", "1000"]],
    });
    await Bun.sleep(100);
    running.leave();
    expect(await running.record()).toMatchObject({ outcome: "aborted", cause: "client_closed" });
    expect(running.seen.length).toBe(0);
  });

  test.concurrent("by closing its half alone, it counts as gone", async () => {
    const running = wire.open(openai.call, (seen) => {
      seen.begin();
      seen.chunk(openai.say("one"));
    });
    await running.until("one");
    const seen = await running.arrived();
    const left = performance.now();
    running.socket.end();
    expect(await closedAfter(seen, left)).toBeLessThan(atOnceMs);
    expect(await running.record()).toMatchObject({ outcome: "aborted", cause: "client_closed" });
  });

  test.concurrent("in the middle of an answer of known length, the upstream is closed too", async () => {
    const running = wire.open({ target: "/v1/files/f/content" }, (seen) =>
      seen.write("HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 1000000\r\n\r\nhello"),
    );
    await running.until("hello");
    const seen = await running.arrived();
    const left = performance.now();
    running.leave();
    expect(await closedAfter(seen, left)).toBeLessThan(atOnceMs);
    expect(await running.record()).toMatchObject({ outcome: "aborted", response: { bytes: 5 } });
  });
});

describe("with ON_DISCONNECT=drain", () => {
  /** Leaves after the first event; the upstream goes on after that for as long as `tail` takes. */
  async function leaveEarly(tail: (seen: Seen) => Promise<unknown>): Promise<{ running: Running; left: number }> {
    const gone = Promise.withResolvers<void>();
    const running = draining.open(openai.call, async (seen) => {
      seen.begin();
      seen.chunk(openai.say("one "));
      await gone.promise;
      await tail(seen);
    });
    await running.until("one");
    running.leave();
    gone.resolve();
    return { running, left: performance.now() };
  }

  test.concurrent("the upstream is read on after the consumer left, to learn the usage", async () => {
    const { running } = await leaveEarly(async (seen) => {
      await Bun.sleep(300);
      seen.chunk(openai.say("two"));
      seen.chunk(openai.last);
      seen.end();
    });
    const record = await running.record();
    expect(record).toMatchObject({
      outcome: "aborted",
      cause: "client_closed",
      usage: { source: "provider", total: 17 },
    });
    expect(textOf(record)).toBe("one two");
  });

  for (const [when, begin] of Object.entries({
    "its head": () => {},
    "the first byte of its body": (seen: Seen) => seen.begin(),
  })) {
    test.concurrent(`it is waited for no longer than DRAIN_TIMEOUT_MS where the consumer left before ${when}`, async () => {
      const running = draining.open(openai.call, begin);
      const seen = await running.arrived();
      await Bun.sleep(300);
      running.leave();
      const took = await closedAfter(seen, performance.now());
      expect(took).toBeGreaterThan(1900);
      expect(took).toBeLessThan(10_000);
      expect(await running.record()).toMatchObject({ outcome: "aborted", cause: "client_closed" });
    }, 20_000);
  }

  test.concurrent("an answer that begins after the consumer left is read too", async () => {
    const running = draining.open(openai.call, async (seen) => {
      running.leave();
      await Bun.sleep(500);
      seen.begin();
      await Bun.sleep(500);
      seen.chunk(openai.say("one"));
      seen.chunk(openai.last);
      seen.end();
    });
    expect(await running.record()).toMatchObject({ outcome: "aborted", status: 200, usage: { total: 17 } });
  });

  test.concurrent("it is read no longer than DRAIN_TIMEOUT_MS", async () => {
    const { running, left } = await leaveEarly(async (seen) => {
      while (seen.socket.writable) {
        seen.chunk(openai.say("more "));
        await Bun.sleep(50);
      }
    });
    const seen = await running.arrived();
    const took = await closedAfter(seen, left);
    expect(took).toBeGreaterThan(1900);
    expect(took).toBeLessThan(10_000);
    expect((await running.record()).outcome).toBe("aborted");
  });
});

test.concurrent("an error event of the upstream passes, and the record has it", async () => {
  const text = `${anthropic.first}${anthropic.say("Hel")}event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n`;
  const { answer } = await wire.exchange(anthropic.call, (seen) => {
    seen.begin();
    seen.chunk(text);
    seen.end();
  });
  expect([answer.text, answer.end]).toEqual([text, "clean"]);
  const record = await wire.recordOf(answer);
  expect(record.error).toMatchObject({ type: "overloaded_error", message: "Overloaded" });
  expect(textOf(record)).toBe("Hel");
});

test.concurrent("every family's complete stream is recorded with its text and its usage", async () => {
  for (const family of families) {
    const { answer } = await wire.exchange(family.call, (seen) => {
      seen.begin();
      for (const part of [family.first, family.say("Hel"), family.say("lo"), family.last])
        if (part !== "") seen.chunk(part);
      seen.end();
    });
    const record = await wire.recordOf(answer);
    expect(record).toMatchObject({
      outcome: "answered",
      status: 200,
      usage: { source: "provider", input: 12, output: 5 },
    });
    expect(textOf(record)).toBe("Hello");
  }
});

test.concurrent("a hundred streams at once stay apart", async () => {
  const results = await Promise.all(
    Array.from({ length: 100 }, async (_, n) => {
      const words = Array.from({ length: 10 }, (_unused, m) => openai.say(`${n}-${m} `));
      const { answer } = await wire.exchange(openai.call, async (seen) => {
        seen.begin();
        for (const word of words) {
          seen.chunk(word);
          await Bun.sleep(5);
        }
        seen.end();
      });
      return answer.text === words.join("") && answer.end === "clean";
    }),
  );
  expect(results.filter((right) => !right).length).toBe(0);
});
