import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { listen, type RawServer } from "../runtime-contract/raw.ts";
import { families, openai } from "./chat.ts";
import { type Answer, openRaw, type Request, send } from "./client.ts";
import type { Header, Seen } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

/** Its upstreams have little time. */
let wire: Wire;
/** Its consumers have little time, and little room. */
let strict: Wire;
/** Servers that know nothing of TLS: one says so, the other says nothing. */
let plain: RawServer;
let silent: RawServer;

beforeAll(async () => {
  plain = await listen((socket) => void socket.on("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
  silent = await listen(() => {});
  [wire, strict] = await Promise.all([
    openWire({
      env: { PROXY_TIMEOUT_MS: "1000", STREAM_IDLE_TIMEOUT_MS: "3000" },
      yaml: ({ other }) => `
        providers:
          refusing: { base_url: "http://127.0.0.1:1", dialect: openai, timeout_ms: 20000 }
          nameless: { base_url: "http://there-is-no-such-name.invalid", dialect: anthropic, timeout_ms: 20000 }
          plain: { base_url: "https://127.0.0.1:${plain.port}", dialect: gemini, timeout_ms: 20000 }
          silent: { base_url: "https://127.0.0.1:${silent.port}", dialect: openai }
          patient: { base_url: "${other}", dialect: openai, timeout_ms: 20000 }`,
    }),
    openWire({ env: { CLIENT_IDLE_TIMEOUT_MS: "1500", MAX_BODY_BYTES: "100000", MAX_INSPECT_BYTES: "20000" } }),
  ]);
});
afterAll(async () => {
  for (const open of [wire, strict, plain, silent]) await open[Symbol.asyncDispose]();
});

const json: Header = ["content-type", "application/json"];
const codeOf = (answer: Answer) => `${answer.status} ${answer.header("x-weir-error")}`;
const never = (): void => {};

describe("an upstream that can't be reached is 502 upstream_unreachable", () => {
  for (const provider of ["refusing", "nameless"]) {
    test.concurrent(provider, async () => {
      const { answer } = await wire.exchange({
        method: "POST",
        target: `/${provider}/v1/x`,
        headers: [json],
        body: "{}",
      });
      expect(codeOf(answer)).toBe("502 upstream_unreachable");
      expect(answer.json()).toMatchObject({ error: { message: expect.stringContaining(provider) } });
      expect(answer.text).not.toMatch(/\bat \S+:\d+|\/src\/|node_modules/);
      expect(await wire.recordOf(answer)).toMatchObject({
        outcome: "failed",
        cause: "upstream_unreachable",
        status: 502,
      });
    });
  }
});

test.concurrent("an upstream that knows no TLS is 502, in the shape of its API", async () => {
  const { answer } = await wire.exchange({ method: "POST", target: "/plain/v1/x", headers: [json], body: "{}" });
  expect(answer.status).toBe(502);
  expect(answer.json()).toMatchObject({ error: { code: 502, message: expect.any(String), status: "UNAVAILABLE" } });
});

describe("an upstream that is silent for PROXY_TIMEOUT_MS is 504 upstream_timeout", () => {
  for (const family of families) {
    test.concurrent(`${family.name}, and its connection is closed`, async () => {
      const started = performance.now();
      const running = wire.open(family.call, never);
      const answer = await running.answer;
      expect(codeOf(answer)).toBe("504 upstream_timeout");
      const took = performance.now() - started;
      expect(took).toBeGreaterThanOrEqual(990);
      expect(took).toBeLessThan(10_000);
      const [seen] = running.seen;
      expect(((await seen?.closed) ?? Infinity) - answer.endedAt).toBeLessThan(5000);
      expect(await running.record()).toMatchObject({ outcome: "failed", cause: "upstream_timeout", status: 504 });
      expect(running.seen.length).toBe(1);
    });
  }

  test.concurrent("before TLS is spoken too", async () => {
    const { answer } = await wire.exchange({ method: "POST", target: "/silent/v1/x", headers: [json], body: "{}" });
    expect(codeOf(answer)).toBe("504 upstream_timeout");
    expect(silent.sockets.length).toBeGreaterThan(0);
  });

  test.concurrent("unless its own timeout_ms is longer", async () => {
    const { answer } = await wire.exchange(
      { method: "POST", target: "/patient/v1/x", headers: [json], body: "{}" },
      async (seen) => {
        await Bun.sleep(1500);
        seen.answer();
      },
    );
    expect(answer.status).toBe(200);
  });

  test.concurrent("but a stream may last much longer than that", async () => {
    const { answer } = await wire.exchange(openai.call, async (seen) => {
      seen.begin();
      for (let n = 0; n < 6; n += 1) {
        seen.chunk(openai.say("x"));
        await Bun.sleep(300);
      }
      seen.end();
    });
    expect([answer.text, answer.end]).toEqual([openai.say("x").repeat(6), "clean"]);
  });
});

describe("a stream that stalls for STREAM_IDLE_TIMEOUT_MS is broken", () => {
  for (const family of families) {
    test.concurrent(`${family.name}, and the record has what passed`, async () => {
      const running = wire.open(family.call, (seen) => {
        seen.begin();
        seen.chunk(family.first + family.say("one"));
      });
      const seen = await running.arrived();
      const answer = await running.answer;
      expect(answer.end).not.toBe("clean");
      expect(answer.text).toBe(family.first + family.say("one"));
      expect((await seen.closed) - (answer.pieces.at(-1)?.at ?? 0)).toBeLessThan(15_000);
      const record = await running.record();
      expect(record.outcome).toBe("failed");
      expect(record.cause).toMatch(/idle|timeout/);
      expect(JSON.stringify(record.output)).toContain("one");
    }, 60_000);

    test.concurrent(`${family.name}: before its first byte it is 504`, async () => {
      const running = wire.open(family.call, (seen) => seen.begin());
      const answer = await running.answer;
      expect([codeOf(answer), answer.end]).toEqual(["504 upstream_timeout", "clean"]);
      await (
        await running.arrived()
      ).closed;
      expect(await running.record()).toMatchObject({ outcome: "failed", cause: "upstream_timeout", status: 504 });
    }, 60_000);
  }
});

const tooLarge = 100_001;
const bodies: Readonly<Record<string, readonly Header[]>> = {
  JSON: [json],
  multipart: [["content-type", "multipart/form-data; boundary=b"]],
};

describe("a body beyond MAX_BODY_BYTES is 413 in the shape of its API", () => {
  for (const [kind, headers] of Object.entries(bodies)) {
    for (const family of families) {
      const target = family.call.target ?? "";

      test.concurrent(`${family.name}: ${kind} whose length says so, before it is read`, async () => {
        const length: Header = ["content-length", String(tooLarge)];
        const running = strict.open({ method: "POST", target, headers: [...headers, length] });
        const answer = await running.answer;
        expect(codeOf(answer)).toBe("413 body_too_large");
        expect(answer.json()).toMatchObject({ error: { message: expect.stringContaining("100000") } });
        expect(running.seen.length).toBe(0);
        expect(await running.record()).toMatchObject({ outcome: "refused", cause: "body_too_large", status: 413 });
      });

      test.concurrent(`${family.name}: ${kind} in chunks, once it has grown too large`, async () => {
        const chunks = Array.from({ length: 11 }, () => new Uint8Array(10_000));
        const running = strict.open({ method: "POST", target, headers, chunks }, never);
        const answer = await running.answer;
        expect(codeOf(answer)).toBe("413 body_too_large");
        const bodyOf = (seen: Seen) => Promise.race([seen.body.then(() => "whole"), seen.closed.then(() => "cut")]);
        for (const seen of running.seen) expect(await bodyOf(seen)).toBe("cut");
      });
    }

    test.concurrent(`${kind} of exactly so much passes`, async () => {
      const { answer, seen } = await strict.exchange({
        method: "POST",
        target: "/v1/x",
        headers,
        body: new Uint8Array(tooLarge - 1),
      });
      expect([answer.status, (await seen[0]?.body)?.length]).toEqual([200, tooLarge - 1]);
    });
  }
});

describe("a consumer that stalls in its body is 408 request_timeout", () => {
  for (const [kind, headers] of Object.entries(bodies)) {
    test.concurrent(kind, async () => {
      const running = strict.open(
        { method: "POST", target: "/v1/messages", headers: [...headers, ["content-length", "1000"]] },
        never,
      );
      running.write("{");
      const answer = await running.answer;
      expect(codeOf(answer)).toBe("408 request_timeout");
      expect(answer.header("connection")).toBe("close");
      expect(answer.json()).toMatchObject({ type: "error", error: { type: expect.any(String) } });
      for (const seen of running.seen) expect(await seen.closed).toBeGreaterThan(0);
      expect(await running.record()).toMatchObject({ outcome: "refused", cause: "request_timeout", status: 408 });
    });

    const slow =
      kind === "JSON" ? "a small JSON body has to be whole in that time" : `but not one that is only slow: ${kind}`;
    test.concurrent(slow, async () => {
      const running = strict.open({
        method: "POST",
        target: "/v1/messages",
        headers: [...headers, ["content-length", "8"]],
      });
      for (const byte of "12345678") {
        await Bun.sleep(400);
        running.write(byte);
      }
      expect((await running.answer).status).toBe(kind === "JSON" ? 408 : 200);
    });
  }
});

describe("headers", () => {
  const big = (bytes: number): Request => ({
    method: "POST",
    target: "/v1/messages",
    headers: [json, ["x-big", "x".repeat(bytes)]],
    body: "{}",
  });

  test.concurrent("of 60 KB pass", async () => {
    const { answer, seen } = await wire.exchange(big(60_000));
    expect([answer.status, seen[0]?.header("x-big")?.length]).toEqual([200, 60_000]);
  });

  test.concurrent("of more than 64 KB are 431 headers_too_large in the shape of the API", async () => {
    const { answer, seen } = await wire.exchange(big(66_000));
    expect(codeOf(answer)).toBe("431 headers_too_large");
    expect(answer.json()).toMatchObject({ type: "error", error: { message: expect.any(String) } });
    expect(seen.length).toBe(0);
  });

  test.concurrent("of more than that many small ones, too", async () => {
    const headers = Array.from({ length: 150 }, (_, n): Header => [`x-${n}`, "x".repeat(500)]);
    expect(codeOf((await wire.exchange({ target: "/v1/models", headers })).answer)).toBe("431 headers_too_large");
  });

  test.concurrent("of megabytes are refused, and held by nobody", async () => {
    const before = wire.weir.memory().now;
    const endless = openRaw(wire.weir.port, "GET /v1/models HTTP/1.1\r\nhost: a\r\n");
    for (let n = 0; n < 100 && !endless.socket.destroyed; n += 1) {
      endless.write(`x-${n}: ${"x".repeat(100_000)}\r\n`);
      await Bun.sleep(1);
    }
    const answer = await endless.answer;
    expect(answer.status === 431 || answer.status === 400 || answer.status === 0).toBe(true);
    expect(wire.weir.memory().now - before).toBeLessThan(40_000_000);
  });
});

test("after all of this it still answers at once", async () => {
  const started = performance.now();
  expect((await send(wire.weir.port, { target: "/live" })).status).toBe(200);
  expect((await wire.exchange(openai.call)).answer.status).toBe(200);
  expect(performance.now() - started).toBeLessThan(5000);
});

test("a consumer that stops in the middle of its upload says nothing of the provider", async () => {
  await using own = await openWire({ env: { CLIENT_IDLE_TIMEOUT_MS: "500" } });
  expect((await own.exchange(openai.call, (seen) => seen.answer())).answer.status).toBe(200);
  const stalled = openRaw(
    own.weir.port,
    "POST /v1/files HTTP/1.1\r\nHost: h\r\nContent-Type: application/octet-stream\r\nContent-Length: 500000\r\n\r\nabc",
  );
  expect((await stalled.answer).status).toBe(408);
  const { text } = await send(own.weir.port, { target: "/api/health" });
  expect(JSON.parse(text)).toMatchObject({ status: "ok", upstream: { openai: "ok" } });
}, 60_000);

test("JSON in chunks that is small enough to be held is bounded by MAX_BODY_BYTES too", async () => {
  await using small = await openWire({ env: { MAX_BODY_BYTES: "100000" } });
  const chunks = Array.from({ length: 11 }, () => new Uint8Array(10_000));
  const running = small.open({ method: "POST", target: "/v1/chat/completions", headers: [json], chunks }, never);
  expect(codeOf(await running.answer)).toBe("413 body_too_large");
  expect(running.seen.length).toBe(0);
});
