import { expect, test } from "bun:test";
import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { runChild } from "./child.ts";
import { listenForHeads } from "./raw.ts";

type Ended = { readonly code: number; readonly reason: string };

/** What a client of Bun's own `ws` was told when its socket closed. */
function ended(socket: WebSocket): Promise<Ended> {
  return new Promise((resolve) => {
    socket.on("error", () => {});
    socket.on("close", (code: number, reason: Buffer) => resolve({ code, reason: reason.toString() }));
  });
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
}

test("a refused upgrade's status, headers and body are seen", async () => {
  await using upstream = await listenForHeads((socket) =>
    socket.end(
      'HTTP/1.1 403 Forbidden\r\nX-Request-Id: r1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"no":""}',
    ),
  );
  const socket = new WebSocket(upstream.url.replace("http", "ws"));
  socket.on("error", () => {});
  const { promise, resolve } = Promise.withResolvers<IncomingMessage>();
  socket.once("unexpected-response", (_request: unknown, message: IncomingMessage) => resolve(message));
  const message = await promise;
  const body = await Array.fromAsync(message as AsyncIterable<Buffer>);
  expect([message.statusCode, message.headers["x-request-id"], Buffer.concat(body).toString()]).toEqual([
    403,
    "r1",
    '{"no":""}',
  ]);
});

test("the handshake carries our headers, query and subprotocols, and asks for no compression when told so", async () => {
  let head = "";
  await using upstream = await listenForHeads((socket, text) => {
    head = text.toLowerCase();
    socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  });
  const socket = new WebSocket(
    `${upstream.url.replace("http", "ws")}/v1/realtime?model=a%2Fb`,
    ["realtime", "openai-beta.v1"],
    {
      headers: { authorization: "Bearer k", "user-agent": "mine" },
      perMessageDeflate: false,
    },
  );
  await ended(socket);
  const [line, ...headers] = head.trimEnd().split("\r\n");
  expect(line).toBe("get /v1/realtime?model=a%2fb http/1.1");
  expect(headers).toContain("authorization: bearer k");
  expect(headers).toContain("user-agent: mine");
  expect(headers).toContain("sec-websocket-protocol: realtime,openai-beta.v1");
  expect(head).not.toContain("sec-websocket-extensions");
});

type Handler = Partial<Bun.WebSocketHandler<undefined>>;

/** A server of sockets that does what its handlers say. */
function serveSockets(handler: Handler, headers: Record<string, string> = {}) {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, server) =>
      server.upgrade(request, { headers, data: undefined }) ? undefined : new Response("no upgrade", { status: 426 }),
    websocket: { message() {}, ...handler },
  });
}

function dial(server: { readonly port?: number | undefined }, protocols: string[] = []): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${server.port}`, protocols, { perMessageDeflate: false });
}

test("an upgrade's answer carries the headers and the subprotocol that it is given", async () => {
  using server = serveSockets({}, { "sec-websocket-protocol": "realtime", "x-a": "1" });
  const socket = dial(server, ["other", "realtime"]);
  const { promise, resolve } = Promise.withResolvers<IncomingMessage>();
  socket.once("upgrade", resolve);
  expect((await promise).headers).toMatchObject({ "sec-websocket-protocol": "realtime", "x-a": "1" });
  expect(socket.protocol).toBe("realtime");
  socket.terminate();
});

test("close codes and reasons go both ways; a server's close without a code is 1000, a torn socket 1006", async () => {
  const seen = Promise.withResolvers<Ended>();
  using fromClient = serveSockets({ close: (_socket, code, reason) => seen.resolve({ code, reason }) });
  const client = dial(fromClient);
  await opened(client);
  client.close(4001, "why");
  expect(await seen.promise).toEqual({ code: 4001, reason: "why" });

  using fromServer = serveSockets({ open: (socket) => socket.close(4002, "because") });
  expect(await ended(dial(fromServer))).toEqual({ code: 4002, reason: "because" });
  using without = serveSockets({ open: (socket) => socket.close() });
  expect((await ended(dial(without))).code).toBe(1000);
  using torn = serveSockets({ open: (socket) => socket.terminate() });
  expect((await ended(dial(torn))).code).toBe(1006);
});

test("a client's close without a code is 1005 to the server's handler", async () => {
  const seen = Promise.withResolvers<number>();
  using server = serveSockets({ close: (_socket, code) => seen.resolve(code) });
  const client = dial(server);
  await opened(client);
  client.close();
  expect(await seen.promise).toBe(1005);
});

test("text stays text, bytes stay bytes, in order, and pings are answered without us", async () => {
  const echoes: (string | Buffer)[] = [];
  using server = serveSockets({ message: (socket, message) => void socket.send(message) });
  const client = dial(server);
  await opened(client);
  const all = Promise.withResolvers<void>();
  client.on("message", (data: Buffer, binary: boolean) => {
    echoes.push(binary ? data : data.toString());
    if (echoes.length === 3) all.resolve();
  });
  const pong = new Promise((resolve) => client.once("pong", resolve));
  client.ping();
  for (const message of ["a", Buffer.from([0, 255]), "é"]) client.send(message);
  await all.promise;
  await pong;
  expect(echoes).toEqual(["a", Buffer.from([0, 255]), "é"]);
  client.terminate();
});

test("a paused client reads nothing until it is resumed, and the server's send says that frames wait", async () => {
  const results = new Set<number>();
  const waits = Promise.withResolvers<void>();
  let sent = 0;
  using server = serveSockets({
    backpressureLimit: 64 << 20,
    open(socket) {
      while (sent < 40 && !results.has(-1)) {
        results.add(socket.send(new Uint8Array(1 << 20)));
        sent++;
      }
      waits.resolve();
    },
  });
  const client = dial(server);
  let received = 0;
  client.on("message", (data: Buffer) => {
    received += data.length;
  });
  client.once("open", () => client.pause());
  await waits.promise;
  expect(results).toContain(-1);
  await Bun.sleep(50);
  const whilePaused = received;
  await Bun.sleep(100);
  expect(received).toBe(whilePaused);
  client.resume();
  while (received < sent << 20) await Bun.sleep(5);
  client.terminate();
});

test("beyond backpressureLimit a frame is dropped, which send tells by 0", async () => {
  const results: number[] = [];
  using server = serveSockets({
    backpressureLimit: 1 << 20,
    open(socket) {
      for (let i = 0; i < 30; i++) results.push(socket.send(new Uint8Array(1 << 20)));
    },
  });
  const client = dial(server);
  client.once("open", () => client.pause());
  await opened(client);
  while (results.length < 30) await Bun.sleep(5);
  expect(results).toContain(0);
  client.terminate();
});

test("a consumer's socket that is paused holds its sender back", async () => {
  const open = Promise.withResolvers<Bun.ServerWebSocket>();
  let received = 0;
  using server = serveSockets({
    open: (socket) => open.resolve(socket),
    message: (_socket, message) => {
      received += message.length;
    },
  });
  const client = dial(server);
  await opened(client);
  const socket = await open.promise;
  socket.pause();
  for (let i = 0; i < 30; i++) client.send(new Uint8Array(1 << 20));
  await Bun.sleep(100);
  expect(received).toBe(0);
  expect(client.bufferedAmount).toBeGreaterThan(1 << 20);
  socket.resume();
  while (received < 30 << 20) await Bun.sleep(5);
  client.terminate();
});

test("a message larger than maxPayloadLength ends the socket with 1009", async () => {
  const seen = Promise.withResolvers<number>();
  using server = serveSockets({ maxPayloadLength: 1000, close: (_socket, code) => seen.resolve(code) });
  const client = dial(server);
  await opened(client);
  client.send("x".repeat(1001));
  expect((await ended(client)).code).toBe(1009);
  await seen.promise;
});

test("an upgrade that fails is answered with the response that the handler gives", async () => {
  const { stdout, stderr } = await runChild(`
    const server = Bun.serve({ port: 0, fetch: () => new Response("no", { status: 401 }), websocket: { message() {} } });
    const { WebSocket } = await import("ws");
    const socket = new WebSocket("ws://127.0.0.1:" + server.port);
    socket.on("error", () => {});
    socket.on("unexpected-response", (_request, message) => { console.log(message.statusCode); process.exit(); });`);
  expect([stdout, stderr]).toEqual(["401\n", ""]);
});
