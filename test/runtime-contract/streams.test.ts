import { expect, test } from "bun:test";
import { runChild } from "./child.ts";
import { connect, listenForHeads, readChunked, send } from "./raw.ts";
import type { RawServer } from "./raw.ts";

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/** A proxy as the gateway is one: each chunk is read when the consumer wants it. */
function serveProxy(
  upstream: RawServer,
  breakOff = (controller: ReadableStreamDefaultController<Uint8Array>) => controller.error(undefined),
) {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch() {
      const answer = await fetch(upstream.url, { decompress: false, redirect: "manual", timeout: false });
      const body: ReadableStream<Uint8Array> | null = answer.body;
      const reader = body?.getReader();
      const stream = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            try {
              const next = await reader?.read();
              if (next?.value) controller.enqueue(next.value);
              else controller.close();
            } catch {
              breakOff(controller);
            }
          },
          cancel: () => reader?.cancel(),
        },
        { highWaterMark: 0 },
      );
      return new Response(stream, { status: answer.status, headers: answer.headers });
    },
  });
}

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

test("a streamed answer goes down chunk by chunk, its head whole with the first of them", async () => {
  await using upstream = await listenForHeads((socket) => {
    socket.write(streamHead);
  });
  using proxy = serveProxy(upstream);
  const { read, socket } = connect(Number(proxy.port));
  socket.write(get);
  const head = await read(/event-stream\r\n/);
  expect(head.text).not.toContain("\r\n\r\n");
  upstream.sockets[0]?.write(chunk("data: 1\n\n"));
  const first = await read(/data: 1/);
  expect(readChunked(first.text)).toEqual({ body: "data: 1\n\n", whole: false });
  upstream.sockets[0]?.write(`${chunk("data: 2\n\n")}0\r\n\r\n`);
  expect(readChunked((await read(/\r\n0\r\n\r\n$/)).text)).toEqual({ body: "data: 1\n\ndata: 2\n\n", whole: true });
  socket.destroy();
});

test("a streamed answer has no content-length and no reason phrase of the upstream's, and a date where there was none", async () => {
  await using upstream = await listenForHeads((socket) => {
    socket.write(
      "HTTP/1.1 200 Fine\r\nContent-Length: 4\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-A: caf\xe9\r\n\r\nok",
      "latin1",
    );
  });
  using proxy = serveProxy(upstream);
  const { socket, read } = connect(Number(proxy.port));
  socket.write(get);
  await read(/\nok/);
  upstream.sockets[0]?.write("OK");
  const { text } = await read(/\r\n0\r\n\r\n$/);
  socket.destroy();
  const [line, ...headers] = text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n");
  expect(line).toBe("HTTP/1.1 200 OK");
  expect(headers.map((header) => header.replace(/^(Date): .+ GMT$/, "$1")).toSorted()).toEqual([
    "Date",
    "Transfer-Encoding: chunked",
    "X-A: caf\xe9",
    "set-cookie: a=1",
    "set-cookie: b=2",
  ]);
});

test("a streamed answer that is whole at once goes down with a content-length of Bun's own", async () => {
  await using upstream = await listenForHeads((socket) =>
    socket.write(`${streamHead}${chunk("o")}${chunk("k")}0\r\n\r\n`),
  );
  using proxy = serveProxy(upstream);
  const { text } = await send(Number(proxy.port), get, /ok$/);
  expect(text).toContain("\r\nContent-Length: 2\r\n");
});

test("when the consumer leaves, a pull stream cancels its upstream at once, while it flows and while it is silent", async () => {
  for (const flows of [true, false]) {
    const closed = Promise.withResolvers<number>();
    await using upstream = await listenForHeads((socket) => {
      socket.write(streamHead + chunk("first"));
      const timer = setInterval(() => flows && socket.write(chunk("more")), 5);
      socket.on("end", () => socket.end());
      socket.on("close", () => {
        clearInterval(timer);
        closed.resolve(performance.now());
      });
    });
    using proxy = serveProxy(upstream);
    const { socket, read } = connect(Number(proxy.port));
    socket.write(get);
    await read(/first/);
    const left = performance.now();
    socket.destroy();
    expect((await closed.promise) - left).toBeLessThan(10_000);
  }
});

test("an upstream that dies within its answer is a reset for the consumer, with what came before", async () => {
  await using upstream = await listenForHeads((socket) => {
    socket.write(streamHead + chunk("data: 1\n\n"));
  });
  using proxy = serveProxy(upstream);
  const { socket, read } = connect(Number(proxy.port));
  socket.write(get);
  await read(/data: 1\n\n/);
  upstream.sockets[0]?.destroy();
  const { text, end } = await read();
  socket.destroy();
  expect([readChunked(text), end]).toEqual([{ body: "data: 1\n\n", whole: false }, "reset"]);
});

test("an error that a stream is given is printed, undefined is not", async () => {
  const source = (error: string) => `
    const server = Bun.serve({ port: 0, fetch: () => new Response(new ReadableStream({ async pull(controller) {
      controller.enqueue("x"); await Bun.sleep(10); controller.error(${error}); } }, { highWaterMark: 0 })) });
    await fetch(server.url).then((answer) => answer.text()).catch(() => console.log("broken"));
    process.exit();`;
  const [silent, printed] = await Promise.all([runChild(source("undefined")), runChild(source('new Error("secret")'))]);
  expect([silent.stdout, silent.stderr]).toEqual(["broken\n", ""]);
  expect(printed.stderr).toContain("secret");
});

/** Passes 150 MB to a reader that takes 2 MB and then nothing, and prints how many MB the memory grew by. */
const slowReader = `
  import { createConnection } from "node:net";
  const megabyte = new Uint8Array(1 << 20);
  let sent = 0;
  const upstream = Bun.serve({ port: 0, idleTimeout: 0, fetch: () => new Response(new ReadableStream({
    pull(controller) { if (++sent > 150) return controller.close(); controller.enqueue(megabyte); } }, { highWaterMark: 0 })) });
  const proxy = Bun.serve({ port: 0, idleTimeout: 0, async fetch() {
    const reader = (await fetch(upstream.url, { decompress: false, timeout: false })).body.getReader();
    return new Response(new ReadableStream({ async pull(controller) {
      const { value } = await reader.read(); if (value) controller.enqueue(value); else controller.close(); } }, { highWaterMark: 0 }));
  } });
  let taken = 0;
  const socket = createConnection(proxy.port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n");
  socket.on("data", (bytes) => { taken += bytes.length; if (taken > 2_000_000) socket.pause(); });
  while (taken < 2_000_000) await Bun.sleep(10);
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  let peak = before;
  for (let i = 0; i < 40; i++) { await Bun.sleep(25); peak = Math.max(peak, process.memoryUsage.rss()); }
  console.log(Math.round((peak - before) / 1048576), sent);
  process.exit();`;

test.concurrent("a pull stream with highWaterMark 0 holds the upstream back for a slow reader, in flat memory", async () => {
  const { stdout } = await runChild(slowReader);
  const [grown = Number.NaN, sent = Number.NaN] = stdout.split(" ").map(Number);
  expect(grown).toBeLessThan(32);
  // What the system's socket buffers take; the rest was never read.
  expect(sent).toBeLessThan(60);
});

test("a body that waits for more than one read holds nothing of the others: no chunk is merged, split or lost", async () => {
  const sizes = [1, 1, 65_536, 3, 200_000, 1];
  await using upstream = await listenForHeads((socket) => {
    socket.write(streamHead);
    for (const size of sizes) socket.write(chunk("x".repeat(size)));
    socket.write("0\r\n\r\n");
  });
  using proxy = serveProxy(upstream);
  const { text } = await send(Number(proxy.port), get, /\r\n0\r\n\r\n$/);
  expect(readChunked(text)).toEqual({ body: "x".repeat(265_542), whole: true });
});

/** Sends 150 MB through a proxy to an upstream that takes 2 MB and then nothing; prints by how many MB the memory grew, and how many went. */
const slowUpstream = `
  import { createConnection, createServer } from "node:net";
  let taken = 0;
  const upstream = createServer((socket) => socket.on("data", (bytes) => { taken += bytes.length; if (taken > 2_000_000) socket.pause(); }));
  await new Promise((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const proxy = Bun.serve({ port: 0, idleTimeout: 0, maxRequestBodySize: Number.MAX_SAFE_INTEGER, async fetch(request) {
    const reader = request.body.getReader();
    const body = new ReadableStream({ async pull(controller) {
      const { value } = await reader.read(); if (value) controller.enqueue(value); else controller.close(); } }, { highWaterMark: 0 });
    return fetch("http://127.0.0.1:" + upstream.address().port, { method: "POST", body, timeout: false });
  } });
  let sent = 0;
  const megabyte = Buffer.alloc(1 << 20);
  const socket = createConnection(proxy.port, "127.0.0.1");
  socket.write("POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: " + (150 << 20) + "\\r\\n\\r\\n");
  const write = () => { if (sent < 150) { sent++; socket.write(megabyte, write); } };
  const before = process.memoryUsage.rss();
  let peak = before;
  write();
  while (taken < 2_000_000) await Bun.sleep(10);
  for (let i = 0; i < 40; i++) { await Bun.sleep(25); peak = Math.max(peak, process.memoryUsage.rss()); }
  console.log(Math.round((peak - before) / 1048576), sent);
  process.exit();`;

test.concurrent("an upload is held back by a slow upstream, in flat memory", async () => {
  const { stdout } = await runChild(slowUpstream);
  const [grown = Number.NaN, sent = Number.NaN] = stdout.split(" ").map(Number);
  expect(grown).toBeLessThan(64);
  expect(sent).toBeLessThan(60);
});
