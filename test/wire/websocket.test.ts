import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Exchange } from "../../src/domain/exchange.ts";
import { startWeir, waitFor, type Weir } from "../weir.ts";
import { listenForHeads, type RawServer } from "../runtime-contract/raw.ts";
import { noise } from "./bytes.ts";
import { type Answer, openCall, send } from "./client.ts";
import type { Header } from "./upstream.ts";
import {
  type ConsumerSocket,
  openConsumer,
  openSocketUpstream,
  type SocketScript,
  type SocketUpstream,
  type Visit,
} from "./sockets.ts";

const gateKey = "gate-0123456789";
let upstream: SocketUpstream;
let open: Weir;
let gated: Weir;
/** Takes every upgrade, and picks no subprotocol. */
let plain: RawServer;
beforeAll(async () => {
  upstream = openSocketUpstream();
  plain = await listenForHeads((socket, head) => {
    const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? "";
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
  const { url } = upstream;
  const urls = { UPSTREAM_BASE_URL: url, ANTHROPIC_BASE_URL: url, GEMINI_BASE_URL: url };
  [open, gated] = await Promise.all([
    startWeir({
      env: { ...urls, MAX_WS_MESSAGE_BYTES: "8000000", PROXY_TIMEOUT_MS: "3000" },
      files: {
        "weir.yaml": `
          providers:
            strict: { base_url: "${url}", dialect: gemini, param_whitelist: { model: [gemini-2.5-*] } }
            nowhere: { base_url: "http://127.0.0.1:1", dialect: openai }
            plain: { base_url: "${plain.url}", dialect: openai }`,
      },
    }),
    startWeir({ env: { ...urls, PROXY_API_KEY: gateKey, UPSTREAM_API_KEY: "op-openai", GEMINI_API_KEY: "op-gemini" } }),
  ]);
});
afterAll(async () => {
  await open[Symbol.asyncDispose]();
  await gated[Symbol.asyncDispose]();
  await upstream.stop();
  await plain[Symbol.asyncDispose]();
});

type Setup = {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  readonly weir?: Weir;
};

/** Registers a script and gives the target under which it runs. */
function target(script: SocketScript, path = "/v1/realtime"): { name: string; path: string } {
  const name = `socket-${upstream.scripts.size}`;
  upstream.scripts.set(name, script);
  return { name, path: `${path}${path.includes("?") ? "&" : "?"}script=${name}` };
}

/** A socket through the gateway, and what the upstream saw of it. */
async function connect(
  script: SocketScript,
  { path, headers, protocols, weir = open }: Setup = {},
): Promise<{ consumer: ConsumerSocket; visit: Visit; name: string }> {
  const { name, path: asked } = target(script, path);
  const consumer = await openConsumer(`${weir.url.replace("http", "ws")}${asked}`, {
    headers: headers ?? {},
    protocols: protocols ?? [],
  });
  const visit = upstream.visits.get(name);
  if (visit === undefined) throw new Error("The upstream was not asked");
  return { consumer, visit, name };
}

/** An upgrade as a plain request, whose refusal can be read. */
async function ask(
  script: SocketScript,
  path?: string,
  headers: readonly Header[] = [],
  weir = open,
): Promise<Answer & { visit: Visit | undefined }> {
  const { name, path: asked } = target(script, path);
  const answer = await send(weir.port, { target: asked, headers: [...handshake, ...headers] });
  return { ...answer, visit: upstream.visits.get(name) };
}

const handshake: readonly Header[] = [
  ["connection", "Upgrade"],
  ["upgrade", "websocket"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
];
const echo: SocketScript = { message: (socket, data) => void socket.send(data) };
const recordsOf = async (weir: Weir, name: string): Promise<readonly Exchange[]> =>
  (await weir.records()).filter(({ query }) => query?.includes(name));

test.concurrent("text and binary frames pass in order, both ways", async () => {
  const { consumer } = await connect(echo);
  const sent = Array.from({ length: 400 }, (_, n) => (n % 3 === 0 ? Buffer.from(noise(n * 40, n)) : `text ${n} é 😀`));
  for (const message of sent) consumer.socket.send(message);
  await consumer.until(sent.length);
  expect(consumer.received.map((message) => typeof message)).toEqual(sent.map((message) => typeof message));
  expect(consumer.received.every((message, n) => Buffer.from(message).equals(Buffer.from(sent[n] ?? "")))).toBe(true);
  consumer.socket.close();
});

test.concurrent("what the upstream says at once is not lost", async () => {
  const { consumer } = await connect({
    open: (socket) => {
      for (let n = 0; n < 50; n += 1) socket.send(`hello ${n}`);
    },
  });
  await consumer.until(50);
  expect(consumer.received).toEqual(Array.from({ length: 50 }, (_, n) => `hello ${n}`));
  consumer.socket.close();
});

test.concurrent("a message of megabytes passes, one beyond MAX_WS_MESSAGE_BYTES ends the socket with 1009", async () => {
  const big = "x".repeat(5_000_000);
  const { consumer } = await connect(echo);
  consumer.socket.send(big);
  await consumer.until(1);
  expect(consumer.received[0] === big).toBe(true);
  consumer.socket.send("x".repeat(8_000_001));
  const { code } = await consumer.closed;
  expect([1006, 1009]).toContain(code);
}, 60_000);

for (const path of [
  "/v1/realtime?model=gpt-realtime",
  "/v1/responses",
  "/openai/v1/realtime",
  "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
  "/v1/messages",
]) {
  test.concurrent(`an upgrade on ${path} is relayed`, async () => {
    const { consumer, visit } = await connect(echo, { path });
    consumer.socket.send("hi");
    await consumer.until(1);
    expect(consumer.received).toEqual(["hi"]);
    expect(visit.path).toStartWith(path.replace("/openai/", "/"));
    consumer.socket.close();
  });
}

describe("the handshake", () => {
  test.concurrent("goes up by the same rules as any request", async () => {
    const { consumer, visit } = await connect(echo, {
      headers: {
        authorization: "Bearer own",
        "openai-beta": "realtime=v1",
        "user-agent": "codex/9",
        "x-user-id": "gone",
        "x-langfuse-tags": "gone",
        "x-forwarded-for": "gone",
        "x-weir-any": "gone",
      },
    });
    const get = (name: string) => visit.headers.get(name);
    expect([get("authorization"), get("openai-beta"), get("user-agent")]).toEqual([
      "Bearer own",
      "realtime=v1",
      "codex/9",
    ]);
    expect(Object.values(visit.headers.toJSON()).join()).not.toContain("gone");
    expect(get("host")).toBe(new URL(upstream.url).host);
    consumer.socket.close();
  });

  test.concurrent("offers the consumer's subprotocols, and answers with the one that was picked", async () => {
    const { consumer, visit } = await connect(
      { ...echo, protocol: "realtime" },
      { protocols: ["openai-beta.realtime-v1", "realtime"] },
    );
    expect(visit.headers.get("sec-websocket-protocol")?.split(/, ?/)).toEqual(["openai-beta.realtime-v1", "realtime"]);
    expect(consumer.socket.protocol).toBe("realtime");
    consumer.socket.close();
  });

  test.concurrent("is answered with the headers of the upstream's 101, by the same rules as any answer", async () => {
    const { path } = target({
      ...echo,
      protocol: "realtime",
      headers: [
        ["x-codex-turn-state", "abc"],
        ["openai-model", "gpt-5"],
        ["x-request-id", "up-req-1"],
        ["set-cookie", "a=1; Path=/"],
        ["set-cookie", "b=2"],
        ["keep-alive", "timeout=5"],
        ["sec-websocket-extensions", "permessage-deflate"],
      ],
    });
    const offer: Header = ["sec-websocket-protocol", "realtime"];
    const call = openCall(open.port, { target: path, headers: [...handshake, offer] });
    const head = await new Promise<string>((resolve) => call.socket.once("data", (bytes) => resolve(String(bytes))));
    call.leave();
    const lines = head
      .trim()
      .split("\r\n")
      .map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()));
    expect(lines).toEqual(
      expect.arrayContaining([
        "x-codex-turn-state: abc",
        "openai-model: gpt-5",
        "x-request-id: up-req-1",
        "set-cookie: a=1; Path=/",
        "set-cookie: b=2",
        "sec-websocket-protocol: realtime",
      ]),
    );
    const names = lines.slice(1).map((line) => line.split(":")[0] ?? "");
    expect(names).toContain("x-weir-exchange-id");
    expect(names.filter((name) => /^(?:keep-alive|sec-websocket-extensions)$/.test(name))).toEqual([]);
    const once = ["connection", "upgrade", "date", "sec-websocket-accept", "sec-websocket-protocol", "content-length"];
    for (const name of once) expect([name, names.filter((other) => other === name).length < 2]).toEqual([name, true]);
  });

  test.concurrent("with a key among the subprotocols passes it as it came where anybody may call", async () => {
    const { consumer, visit } = await connect(
      { ...echo, protocol: "realtime" },
      { protocols: ["realtime", "openai-insecure-api-key.own"] },
    );
    expect(visit.headers.get("sec-websocket-protocol")?.split(/, ?/)).toEqual([
      "realtime",
      "openai-insecure-api-key.own",
    ]);
    consumer.socket.close();
  });

  test.concurrent("with the gate key among the subprotocols goes up with the operator's key alone", async () => {
    const { consumer, visit } = await connect(
      { ...echo, protocol: "realtime" },
      { protocols: ["realtime", `openai-insecure-api-key.${gateKey}`], weir: gated },
    );
    expect(visit.headers.get("authorization")).toBe("Bearer op-openai");
    expect(visit.headers.get("sec-websocket-protocol")).toBe("realtime");
    expect(JSON.stringify(visit.headers)).not.toContain(gateKey);
    consumer.socket.close();
  });

  test.concurrent("with the gate key in ?key= goes up to Gemini with the operator's key alone", async () => {
    const path = `/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=${gateKey}`;
    const { consumer, visit } = await connect(echo, { path, weir: gated });
    expect(visit.headers.get("x-goog-api-key")).toBe("op-gemini");
    expect(visit.path).not.toContain(gateKey);
    consumer.socket.close();
  });
});

describe("a refused upgrade", () => {
  for (const status of [400, 401, 403, 429, 500, 503]) {
    test.concurrent(`passes the upstream's ${status} with its headers and body`, async () => {
      const refuse = () =>
        new Response(`{"error":"${status}"}`, {
          status,
          headers: { "content-type": "application/json", "retry-after": "3" },
        });
      const answer = await ask({ refuse });
      expect([answer.status, answer.text, answer.header("retry-after")]).toEqual([
        status,
        `{"error":"${status}"}`,
        "3",
      ]);
      expect(answer.header("x-weir-error")).toBeUndefined();
    });
  }

  test.concurrent("turns a 404 into 426, at which clients fall back at once", async () => {
    const answer = await ask({ refuse: () => new Response("nope", { status: 404 }) });
    expect([answer.status, answer.header("x-weir-error")]).toEqual([426, "upgrade_required"]);
    expect(answer.json()).toMatchObject({ error: { code: "upgrade_required" } });
  });

  test.concurrent("is 426 too where no provider has the path", async () => {
    const answer = await send(open.port, { target: "/nope", headers: handshake });
    expect([answer.status, answer.header("x-weir-error")]).toEqual([426, "upgrade_required"]);
    expect(answer.json()).toMatchObject({ error: { message: expect.stringContaining("WebSocket at this path") } });
  });

  test.concurrent("may be read by a page, whoever refuses", async () => {
    const origin: Header = ["origin", "https://app.example"];
    const foreign = { "access-control-allow-origin": "https://other.example" };
    const answers = await Promise.all([
      ask({ refuse: () => new Response("no", { status: 403, headers: foreign }) }, "/v1/realtime", [origin]),
      ask(echo, "/v1/realtime", [origin], gated),
      ask(echo, "/nope", [origin]),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([403, 401, 426]);
    for (const answer of answers) expect(answer.header("access-control-allow-origin")).toBe("*");
  });

  test.concurrent("is refused in the dialect's shape where it is none by its own head, and nobody is asked", async () => {
    for (const [name, value, status, code] of [
      ["sec-websocket-protocol", "a, a", 400, "head_invalid"],
      ["sec-websocket-protocol", ",", 400, "head_invalid"],
      ["sec-websocket-key", "abc", 400, "head_invalid"],
      ["sec-websocket-version", "x", 400, "head_invalid"],
      ["sec-websocket-version", "8", 426, "upgrade_required"],
    ] as const) {
      const { name: script, path } = target(echo);
      const headers = [...handshake.filter(([other]) => other !== name), [name, value] as const];
      const answer = await send(open.port, { target: path, headers });
      expect([name, value, answer.status, upstream.visits.has(script)]).toEqual([name, value, status, false]);
      expect(answer.json()).toMatchObject({ error: { code, message: expect.stringContaining("WebSocket") } });
      expect(answer.header("sec-websocket-version")).toBe(status === 426 ? "13" : undefined);
      expect(answer.header("x-weir-exchange-id")).toBeString();
    }
  });

  test.concurrent("is a plain request by any other method than GET", async () => {
    const { name, path } = target({ refuse: () => new Response("plain") });
    const answer = await send(open.port, { method: "POST", target: path, headers: handshake, body: "{}" });
    expect([answer.status, answer.text]).toEqual([200, "plain"]);
    expect(upstream.visits.get(name)?.headers.get("upgrade")).toBeNull();
  });

  test.concurrent("is 401 at the gate, and nobody is asked", async () => {
    for (const headers of [
      [],
      [["authorization", "Bearer wrong"]],
      [["sec-websocket-protocol", "realtime, openai-insecure-api-key.wrong"]],
    ] as readonly (readonly Header[])[]) {
      const answer = await ask(echo, "/v1/realtime", headers, gated);
      expect([answer.status, answer.visit]).toEqual([401, undefined]);
      expect(answer.header("x-weir-exchange-id")).toBeString();
    }
  });

  test.concurrent("is 502 where the upstream can't be reached", async () => {
    const answer = await ask(echo, "/nowhere/v1/realtime");
    expect([answer.status, answer.header("x-weir-error")]).toEqual([502, "upstream_unreachable"]);
  });

  test.concurrent("is 502 where the upstream picks none of the subprotocols", async () => {
    const answer = await ask(echo, "/plain/v1/realtime", [["sec-websocket-protocol", "realtime"]]);
    expect(answer.status).toBe(502);
    expect(answer.header("x-weir-error")).toMatch(/^upstream_/);
  });

  test.concurrent("is no failure where the consumer left while the upstream was asked", async () => {
    const { name, path } = target({ refuse: () => new Promise<Response>(() => {}) as unknown as Response });
    const call = openCall(open.port, { target: path, headers: handshake });
    await waitFor(() => upstream.visits.get(name), "The upstream was not asked");
    call.leave();
    expect(await open.waitForRecord(({ query }) => query?.includes(name) === true)).toMatchObject({
      outcome: "aborted",
      cause: "client_closed",
    });
  });

  test.concurrent("is 504 where the upstream is silent", async () => {
    const { path } = target({ refuse: () => new Promise<Response>(() => {}) as unknown as Response });
    const answer = await send(open.port, { target: path, headers: handshake });
    expect([answer.status, answer.header("x-weir-error")]).toEqual([504, "upstream_timeout"]);
  });

  test.concurrent("is recorded", async () => {
    const answer = await ask({ refuse: () => new Response("no", { status: 403 }) });
    const record = await open.waitForRecord(({ id }) => id === answer.header("x-weir-exchange-id"));
    expect(record).toMatchObject({ status: 403, path: "/v1/realtime" });
  });
});

describe("the end of a socket", () => {
  test.concurrent("carries the upstream's code and reason down", async () => {
    for (const [code, reason] of [
      [1000, "done"],
      [1008, "policy"],
      [4001, "bye é"],
      [1011, ""],
    ] as const) {
      const { consumer } = await connect({ message: (socket) => socket.close(code, reason) });
      consumer.socket.send("go");
      expect(await consumer.closed).toEqual({ code, reason });
    }
  });

  test.concurrent("carries the consumer's code and reason up", async () => {
    for (const [code, reason] of [
      [1000, "done"],
      [3001, "late"],
      [4999, ""],
    ] as const) {
      const { consumer, visit } = await connect(echo);
      consumer.socket.close(code, reason);
      expect(await waitFor(() => visit.closed, "The upstream's end did not close")).toEqual({ code, reason });
    }
  });

  test.concurrent("comes at once where the consumer is gone without a word", async () => {
    const { consumer, visit } = await connect(echo);
    const left = performance.now();
    consumer.socket.terminate();
    await waitFor(() => visit.closed, "The upstream's end did not close");
    expect(performance.now() - left).toBeLessThan(5000);
  });

  test.concurrent("is abnormal where the upstream is gone without a word", async () => {
    const { consumer } = await connect({ message: (socket) => socket.terminate() });
    consumer.socket.send("go");
    expect((await consumer.closed).code).not.toBe(1000);
  });
});

test.concurrent("a refusal on a socket of Gemini's has Gemini's shape, and the socket stays", async () => {
  const { consumer, visit } = await connect(echo, {
    path: "/strict/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
  });
  consumer.socket.send(JSON.stringify({ setup: { model: "models/gemini-1.0-pro" } }));
  await consumer.until(1);
  expect(JSON.parse(String(consumer.received[0]))).toMatchObject({
    error: { code: 400, status: "INVALID_ARGUMENT", details: [{ reason: "param_not_allowed", domain: "weir" }] },
  });
  consumer.socket.send(JSON.stringify({ setup: { model: "models/gemini-2.5-flash" } }));
  await consumer.until(2);
  expect(visit.closed).toBeUndefined();
  consumer.socket.close();
});

test.concurrent("pings are answered", async () => {
  const { consumer } = await connect(echo);
  const pong = new Promise<boolean>((resolve) =>
    consumer.socket.addEventListener("pong" as "message", () => resolve(true)),
  );
  consumer.socket.ping("x");
  expect(await Promise.race([pong, Bun.sleep(15_000).then(() => false)])).toBe(true);
  consumer.socket.close();
});

/** Realtime's events for one answer. */
const created = (id: string) =>
  JSON.stringify({ type: "response.created", response: { id, model: "gpt-realtime", status: "in_progress" } });
const delta = (id: string, text: string) =>
  JSON.stringify({
    type: "response.output_text.delta",
    response_id: id,
    item_id: `item_${id}`,
    output_index: 0,
    content_index: 0,
    delta: text,
  });
const finished = (id: string, text: string, input: number, output: number) =>
  JSON.stringify({
    type: "response.done",
    response: {
      id,
      model: "gpt-realtime",
      status: "completed",
      output: [{ id: `item_${id}`, type: "message", role: "assistant", content: [{ type: "output_text", text }] }],
      usage: { total_tokens: input + output, input_tokens: input, output_tokens: output },
    },
  });
const ask1 = JSON.stringify({ type: "response.create", response: { instructions: "one" } });

describe("each answer on a socket is an exchange of its own", () => {
  test.concurrent("with its usage, one after the other", async () => {
    const { consumer, name } = await connect({
      message: (socket, data) => {
        const id = String(data).includes("one") ? "resp_a" : "resp_b";
        for (const event of [created(id), delta(id, "Hi"), finished(id, "Hi", 10, 2)]) socket.send(event);
      },
    });
    consumer.socket.send(ask1);
    await consumer.until(3);
    consumer.socket.send(ask1.replace("one", "two"));
    await consumer.until(6);
    consumer.socket.close();
    await open.waitForRecord(({ query, response_id }) => query?.includes(name) === true && response_id === "resp_b");
    const records = (await recordsOf(open, name)).filter(({ response_id }) => response_id !== undefined);
    expect(records.map(({ response_id }) => response_id)).toEqual(["resp_a", "resp_b"]);
    for (const record of records) {
      expect(record).toMatchObject({
        transport: "websocket",
        outcome: "answered",
        model: "gpt-realtime",
        usage: { source: "provider", input: 10, output: 2, total: 12 },
      });
    }
    expect(new Set(records.map(({ id }) => id)).size).toBe(2);
  });

  test.concurrent("with the model that the session named before, and its price", async () => {
    const { consumer, name } = await connect(
      {
        open: (socket) => {
          socket.send(JSON.stringify({ type: "session.created", session: { model: "gpt-realtime-2025-08-28" } }));
        },
        message: (socket) => {
          for (const event of [created("r1"), finished("r1", "Hi", 10, 2)])
            socket.send(event.replace('"model":"gpt-realtime",', ""));
        },
      },
      { path: "/v1/realtime?model=gpt-realtime" },
    );
    consumer.socket.send(ask1);
    await consumer.until(3);
    consumer.socket.close();
    const record = await open.waitForRecord(
      ({ query, response_id }) => query?.includes(name) === true && response_id === "r1",
    );
    expect(record).toMatchObject({ model: "gpt-realtime-2025-08-28", cost_nano_usd: expect.any(String) });
    expect(record.unpriced).toBeUndefined();
  });

  test.concurrent("and so is what another model wrote down of what was said, which is billed by itself", async () => {
    const usage = { type: "tokens", total_tokens: 22, input_tokens: 13, output_tokens: 9 };
    const { consumer, name } = await connect({
      open: (socket) => {
        const transcription = { model: "gpt-4o-transcribe" };
        for (const event of [
          { type: "session.updated", session: { model: "gpt-realtime", audio: { input: { transcription } } } },
          { type: "conversation.item.input_audio_transcription.completed", item_id: "i", transcript: "Hi", usage },
        ])
          socket.send(JSON.stringify(event));
      },
    });
    await consumer.until(2);
    consumer.socket.close();
    const record = await open.waitForRecord(({ query }) => query?.includes(name) === true);
    expect(record).toMatchObject({
      kind: "generation",
      outcome: "answered",
      model: "gpt-4o-transcribe",
      usage: { source: "provider", total: 22 },
      cost_nano_usd: expect.any(String),
    });
  });

  test.concurrent("a socket without one is recorded itself, by the id that its consumer was told", async () => {
    const { path } = target(echo);
    const call = openCall(open.port, { target: path, headers: handshake });
    const head = await new Promise<string>((resolve) => call.socket.once("data", (bytes) => resolve(String(bytes))));
    call.leave();
    const told = /^x-weir-exchange-id: (.+)\r$/im.exec(head)?.[1];
    const record = await open.waitForRecord(({ id }) => id === told);
    expect(record).toMatchObject({ kind: "other", transport: "websocket", status: 101, usage: { source: "none" } });
  });

  test.concurrent("two that interleave stay apart", async () => {
    const { consumer, name } = await connect({
      message: (socket) => {
        const events = [
          created("r1"),
          created("r2"),
          delta("r1", "on"),
          delta("r2", "tw"),
          delta("r1", "e"),
          delta("r2", "o"),
          finished("r2", "two", 7, 3),
          finished("r1", "one", 10, 2),
        ];
        for (const event of events) socket.send(event);
      },
    });
    consumer.socket.send(ask1);
    await consumer.until(8);
    consumer.socket.close();
    const find = (id: string) =>
      open.waitForRecord(({ query, response_id }) => query?.includes(name) === true && response_id === id);
    const [one, two] = await Promise.all([find("r1"), find("r2")]);
    expect([one.usage.total, two.usage.total]).toEqual([12, 10]);
    expect([JSON.stringify(one.output).includes('"one"'), JSON.stringify(two.output).includes('"two"')]).toEqual([
      true,
      true,
    ]);
    expect(JSON.stringify(one.output)).not.toContain("two");
  });

  test.concurrent("one that the consumer left is aborted, with what had passed", async () => {
    const { consumer, name } = await connect({
      message: (socket) => {
        for (const event of [created("r1"), delta("r1", "par"), delta("r1", "tial")]) socket.send(event);
      },
    });
    consumer.socket.send(ask1);
    await consumer.until(3);
    consumer.socket.terminate();
    const record = await open.waitForRecord(
      ({ query, response_id }) => query?.includes(name) === true && response_id === "r1",
    );
    expect(record).toMatchObject({ outcome: "aborted", cause: "client_closed" });
    expect(JSON.stringify(record.output)).toContain("partial");
  });

  test.concurrent("one that the upstream broke off is failed, with what had passed", async () => {
    const { consumer, name } = await connect({
      message: (socket) => {
        for (const event of [created("r1"), delta("r1", "par"), delta("r1", "tial")]) socket.send(event);
        setTimeout(() => socket.terminate(), 50);
      },
    });
    consumer.socket.send(ask1);
    await consumer.closed;
    const record = await open.waitForRecord(
      ({ query, response_id }) => query?.includes(name) === true && response_id === "r1",
    );
    expect(record.outcome).toBe("failed");
    expect(JSON.stringify(record.output)).toContain("partial");
  });

  test.concurrent("a prewarm, which generates nothing, costs nothing", async () => {
    const { consumer, name } = await connect(
      {
        message: (socket) => {
          socket.send(created("warm").replaceAll("gpt-realtime", "gpt-5"));
          socket.send(
            finished("warm", "", 0, 0)
              .replace("response.done", "response.completed")
              .replaceAll("gpt-realtime", "gpt-5"),
          );
        },
      },
      { path: "/v1/responses" },
    );
    consumer.socket.send(
      JSON.stringify({
        type: "response.create",
        model: "gpt-5",
        generate: false,
        input: [{ role: "user", content: "a long prompt that somebody would have to pay for" }],
      }),
    );
    await consumer.until(2);
    consumer.socket.close();
    await Bun.sleep(300);
    for (const record of await recordsOf(open, name))
      expect([record.usage.total, record.cost_nano_usd ?? "0"]).toEqual([0, "0"]);
  });
});

test("a consumer that doesn't read holds the upstream back, not memory", async () => {
  const before = open.memory().now;
  const { path } = target({
    open: (socket) => {
      for (let n = 0; n < 800; n += 1) socket.send(Buffer.alloc(100_000, 1));
    },
  });
  const call = openCall(open.port, { target: path, headers: handshake });
  await waitFor(() => (call.status() === 101 ? true : undefined), "It was not upgraded");
  call.socket.pause();
  await Bun.sleep(1500);
  expect(open.memory().now - before).toBeLessThan(48_000_000);
  call.leave();
});
