import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { anthropic, families, type Family, openai, textOf } from "./chat.ts";
import type { Request } from "./client.ts";
import { frame, type Seen, writeHead } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

let wire: Wire;
let telling: Wire;
beforeAll(async () => {
  [wire, telling] = await Promise.all([openWire(), openWire({ env: { STREAM_ERROR_EVENT: "true" } })]);
});
afterAll(async () => {
  await wire[Symbol.asyncDispose]();
  await telling[Symbol.asyncDispose]();
});

const words = ["one ", "two ", "three ", "four ", "five "];
const head = writeHead("200 OK", [
  ["content-type", "text/event-stream"],
  ["transfer-encoding", "chunked"],
]);
const ways = ["fin", "reset"] as const;

/** A stream as it stands on the wire, whole. */
function writeStream(family: Family): Buffer {
  const events = [family.first, ...words.map(family.say), family.last].filter((event) => event !== "");
  return Buffer.concat([head, ...events.map(frame), Buffer.from("0\r\n\r\n")]);
}

/** Writes so many bytes of an answer, gives them the time to pass, and breaks. */
async function breakAfter(seen: Seen, bytes: Buffer, way: (typeof ways)[number]): Promise<void> {
  await seen.body;
  seen.write(bytes);
  await Bun.sleep(1000);
  seen[way]();
}

/** A chat that is made to tell its usage, whose stream is filtered. */
const spliced: Family = {
  ...openai,
  name: "openai, without its usage",
  call: { ...openai.call, body: '{"model":"gpt-4o","stream":true}' },
};

for (const family of [...families, spliced]) {
  const whole = writeStream(family);
  // The last of them is in the middle of the line that ends the stream.
  const offsets = Array.from(
    { length: 20 },
    (_, n) => head.length + 1 + Math.floor((n * (whole.length - head.length - 4)) / 19),
  );

  for (const way of ways) {
    test.concurrent(`${family.name}: an upstream that ends by ${way} at any of ${offsets.length} places of its stream never ends the answer as if it were whole, and the record has what passed`, async () => {
      const outcomes = offsets.map(async (offset) => {
        const running = wire.open(family.call, (seen) => breakAfter(seen, whole.subarray(0, offset), way));
        const answer = await running.answer;
        const record = await running.record();
        running.leave();
        const passed = whole.subarray(head.length, offset).toString();
        const said = words.filter((word) => passed.includes(family.say(word))).join("");
        // The first of them is in the middle of a chunk's length, where there is nothing of the body yet.
        const end = offset === offsets[0] ? "502 clean" : "200 broken";
        expect(`${answer.status} ${answer.end === "clean" ? "clean" : "broken"}`, `at ${offset}`).toBe(end);
        expect(running.seen.length, `attempts at ${offset}`).toBe(1);
        expect(record.outcome, `outcome at ${offset}`).toBe("failed");
        expect(record.cause, `cause at ${offset}`).toMatch(/^upstream_/);
        expect(textOf(record), `text at ${offset}`).toBe(said);
      });
      await Promise.all(outcomes);
    }, 60_000);
  }
}

describe("an upstream that dies before its head is there is 502 upstream_failed", () => {
  const partial = ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"];
  for (const bytes of partial) {
    for (const way of ways) {
      test.concurrent(`by ${way} after ${bytes.length} bytes, after one attempt`, async () => {
        for (const family of families) {
          const { answer, seen } = await wire.exchange(family.call, (one) => breakAfter(one, Buffer.from(bytes), way));
          expect([answer.status, answer.header("x-weir-error"), answer.end]).toEqual([502, "upstream_failed", "clean"]);
          expect(answer.json()).toMatchObject({ error: { message: expect.any(String) } });
          expect(seen.length).toBe(1);
          expect(await wire.recordOf(answer)).toMatchObject({
            outcome: "failed",
            cause: "upstream_failed",
            status: 502,
          });
        }
      });
    }
  }

  test.concurrent("with what is no HTTP too", async () => {
    for (const bytes of ["SSH-2.0-OpenSSH_9\r\n", "HTTP/1.1 OK\r\n\r\n", "\0\0\0\0\r\n\r\n"]) {
      const { answer, seen } = await wire.exchange(openai.call, (one) => breakAfter(one, Buffer.from(bytes), "fin"));
      expect([answer.status, answer.header("x-weir-error"), seen.length]).toEqual([502, "upstream_failed", 1]);
    }
  });
});

describe("an upstream that dies between its head and the first byte of its body is 502 upstream_failed", () => {
  const long = writeHead("200 OK", [
    ["content-type", "text/event-stream"],
    ["content-length", "1000000"],
  ]);
  for (const [framing, start] of Object.entries({ "in chunks": head, "of a declared length": long })) {
    for (const way of ways) {
      test.concurrent(`${framing}, by ${way}, after one attempt`, async () => {
        const checks = [...families, spliced].map(async (family) => {
          const { answer, seen } = await wire.exchange(family.call, async (one) => {
            await one.body;
            one.write(start);
            await Bun.sleep(300);
            one[way]();
          });
          expect([answer.status, answer.header("x-weir-error"), answer.end]).toEqual([502, "upstream_failed", "clean"]);
          expect(answer.json()).toMatchObject({ error: { message: expect.any(String) } });
          expect(seen.length).toBe(1);
          expect(await wire.recordOf(answer)).toMatchObject({
            outcome: "failed",
            cause: "upstream_failed",
            status: 502,
          });
        });
        await Promise.all(checks);
      });
    }
  }

  test.concurrent("with an error event to tell too", async () => {
    const { answer } = await telling.exchange(openai.call, (seen) => breakAfter(seen, head, "fin"));
    expect([answer.status, answer.header("x-weir-error")]).toEqual([502, "upstream_failed"]);
  });

  test.concurrent("but a stream that ends there as it should is whole", async () => {
    const { answer } = await wire.exchange(openai.call, async (seen) => {
      seen.begin();
      await Bun.sleep(300);
      seen.end();
    });
    expect([answer.status, answer.text, answer.end]).toEqual([200, "", "clean"]);
    expect(await wire.recordOf(answer)).toMatchObject({ outcome: "answered", status: 200 });
  });
});

test.concurrent("a stream of which nothing is left to send has its connection broken, without a part of a head", async () => {
  const usage = 'data: {"choices":[],"usage":{"total_tokens":3}}\n\n';
  const checks = ways.map(async (way) => {
    const running = wire.open(spliced.call, (seen) => breakAfter(seen, Buffer.concat([head, frame(usage)]), way));
    const answer = await running.answer;
    expect([answer.status, answer.end]).toEqual([0, "reset"]);
    expect(await running.record()).toMatchObject({ outcome: "failed", cause: "upstream_reset" });
  });
  await Promise.all(checks);
});

describe("an answer of known length that breaks off never looks whole", () => {
  const files: Request = { target: "/v1/files/f/content" };
  for (const length of [1000, 1_000_000]) {
    for (const way of ways) {
      test.concurrent(`${length} bytes, by ${way}`, async () => {
        const start = writeHead("200 OK", [
          ["content-type", "application/octet-stream"],
          ["content-length", String(length)],
        ]);
        const running = wire.open(files, (seen) => breakAfter(seen, Buffer.concat([start, Buffer.alloc(500)]), way));
        const answer = await running.answer;
        // Before its head went down it may become a failure of ours, which is whole.
        if (answer.status === 200) expect(answer.end).not.toBe("clean");
        else expect([answer.status, answer.header("x-weir-error")]).toEqual([502, "upstream_failed"]);
        expect((await running.record()).outcome).toBe("failed");
      });
    }
  }
});

test("a small answer that breaks off with its head is 502, every time", async () => {
  const codes = Array.from({ length: 300 }, async (_, n) => {
    const { answer } = await wire.exchange({ target: "/v1/models" }, (seen) => {
      seen.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{}");
      if (n % 3 === 0) seen.reset();
      else seen.fin();
    });
    return `${answer.status} ${answer.header("x-weir-error")}`;
  });
  expect(new Set(await Promise.all(codes))).toEqual(new Set(["502 upstream_failed"]));
}, 60_000);

test.concurrent("an encoded stream that breaks off never ends cleanly, decoded or not", async () => {
  const bytes = Bun.gzipSync(Buffer.from(words.map(spliced.say).join("") + spliced.last));
  const start = writeHead("200 OK", [
    ["content-type", "text/event-stream"],
    ["content-encoding", "gzip"],
    ["transfer-encoding", "chunked"],
  ]);
  const calls = [openai, spliced].flatMap(({ call }) => ways.map((way) => ({ call, way })));
  const checks = calls.map(async ({ call, way }) => {
    const answer = Buffer.concat([start, frame(bytes.subarray(0, bytes.length - 20))]);
    const running = wire.open(call, (seen) => breakAfter(seen, answer, way));
    expect((await running.answer).end).not.toBe("clean");
    expect((await running.record()).outcome).toBe("failed");
  });
  await Promise.all(checks);
}, 60_000);

test.concurrent("a stream that is broken gzip never ends cleanly where it has to be decoded", async () => {
  const running = wire.open(spliced.call, async (seen) => {
    await seen.body;
    seen.begin([
      ["content-type", "text/event-stream"],
      ["content-encoding", "gzip"],
    ]);
    seen.chunk("this is no gzip at all");
    seen.end();
  });
  const answer = await running.answer;
  expect(answer.status === 200 && answer.end === "clean").toBe(false);
  expect((await running.record()).outcome).toBe("failed");
});

test.concurrent("the consumer of a broken stream has every byte that had come before", async () => {
  const checks = ways.map(async (way) => {
    const text = words.map(openai.say).join("");
    const running = wire.open(openai.call, async (seen) => {
      await seen.body;
      seen.begin();
      for (const word of words) seen.chunk(openai.say(word));
      await running.until(text);
      seen[way]();
    });
    const answer = await running.answer;
    expect(answer.text).toBe(text);
    expect(answer.end).not.toBe("clean");
  });
  await Promise.all(checks);
}, 60_000);

test.concurrent("a slow reader of a broken stream still gets what was sent to it", async () => {
  const big = openai.say("x".repeat(300_000));
  const running = wire.open(openai.call, async (seen) => {
    await seen.body;
    seen.begin();
    seen.chunk(big);
    await Bun.sleep(1000);
    seen.reset();
  });
  running.socket.pause();
  setTimeout(() => running.socket.resume(), 2000);
  const answer = await running.answer;
  expect([answer.text === big, answer.end === "clean"]).toEqual([true, false]);
  expect((await running.record()).outcome).toBe("failed");
});

describe("STREAM_ERROR_EVENT=true says so in the dialect, and the connection still breaks", () => {
  const errors: Readonly<Record<string, object>> = {
    openai: { error: { message: expect.any(String), code: "upstream_failed" } },
    anthropic: { type: "error", error: { type: expect.any(String), message: expect.any(String) } },
    gemini: { error: { code: 502, message: expect.any(String), status: expect.any(String) } },
  };
  for (const family of [...families, spliced]) {
    for (const way of ways) {
      test.concurrent(`${family.name}, by ${way}`, async () => {
        const part = family.first + family.say("one ") + family.say("two ").slice(0, 30);
        const running = telling.open(family.call, async (seen) => {
          await seen.body;
          seen.begin();
          seen.chunk(part);
          await Bun.sleep(500);
          seen[way]();
        });
        const answer = await running.answer;
        expect(answer.text.startsWith(part)).toBe(true);
        const [, data = ""] =
          /^\n\n(?:event: error\n)?data: (\{.*\})\r?\n\r?\n$/.exec(answer.text.slice(part.length)) ?? [];
        expect(JSON.parse(data)).toMatchObject(errors[family.name.split(",")[0] ?? ""] ?? {});
        expect(answer.end).not.toBe("clean");
        expect((await running.record()).outcome).toBe("failed");
      }, 60_000);
    }
  }

  test.concurrent("a whole stream gets none", async () => {
    const { answer } = await telling.exchange(anthropic.call, (seen) => {
      seen.begin();
      seen.chunk(anthropic.first + anthropic.last);
      seen.end();
    });
    expect([answer.text, answer.end]).toEqual([anthropic.first + anthropic.last, "clean"]);
  });
});

test("an upload whose upstream dies is 502 every time, and the consumer's fault never", async () => {
  const codes = Array.from({ length: 300 }, async (_, n) => {
    const { answer } = await wire.exchange({ method: "POST", target: "/v1/files", body: "{}" }, (seen) => {
      seen.write("HTTP/1.1 nonsense\r\n\r\n");
      if (n % 2 === 0) seen.reset();
    });
    return `${answer.status} ${answer.header("x-weir-error")}`;
  });
  expect(new Set(await Promise.all(codes))).toEqual(new Set(["502 upstream_failed"]));
}, 60_000);

test.concurrent("an answer that comes before the upload has ended passes", async () => {
  const headers = [["content-length", "1000000"]] as const;
  const running = wire.open({ method: "POST", target: "/v1/files", headers }, (seen) =>
    seen.answer({ status: "400 Bad Request", body: '{"error":"too much"}' }),
  );
  running.write("the first of many");
  const answer = await running.answer;
  expect([answer.status, answer.text]).toEqual([400, '{"error":"too much"}']);
  running.leave();
  expect(await running.record()).toMatchObject({ status: 400 });
});

test("an upstream that closes each connection after its answer costs no call", async () => {
  const results: string[] = [];
  for (let n = 0; n < 30; n += 1) {
    const { answer, seen } = await wire.exchange({ method: "POST", target: "/v1/responses", body: "{}" }, (one) => {
      one.answer({ body: `{"n":${n}}` });
      one.fin();
    });
    results.push(`${answer.status} ${answer.text} ${seen.length}`);
  }
  expect(results).toEqual(Array.from({ length: 30 }, (_, n) => `200 {"n":${n}} 1`));
});

test("a POST that the upstream took and dropped is not sent again, on a fresh connection or on a used one", async () => {
  for (let n = 0; n < 10; n += 1) {
    await wire.exchange({ method: "POST", target: "/v1/responses", body: "{}" });
    const { answer, seen } = await wire.exchange(
      { method: "POST", target: "/v1/responses", body: "{}" },
      async (one) => {
        await one.body;
        one.reset();
      },
    );
    expect([answer.status, seen.length]).toEqual([502, 1]);
  }
});
