import { expect, test } from "bun:test";
import { runChild } from "./child.ts";
import { codeOf, connect, readChunked } from "./raw.ts";

/** Timers of whole seconds, that Bun looks at every four. They run side by side, so this file takes as long as the longest. */
const limit = 60_000;
const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

test.concurrent(
  "idleTimeout cuts an answer that is silent, server.timeout(request, 0) spares it",
  async () => {
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 1,
      async fetch(request, listener) {
        if (request.url.endsWith("/spared")) listener.timeout(request, 0);
        await Bun.sleep(12_000);
        return new Response("ok");
      },
    });
    const ask = (path: string) =>
      fetch(new URL(path, server.url), { keepalive: false }).then((answer) => answer.text(), codeOf);
    expect(await Promise.all([ask("cut"), ask("spared")])).toEqual(["ECONNRESET", "ok"]);
  },
  limit,
);

test.concurrent(
  "an idle connection expires once server.timeout has given it a time, and not where that stayed 0",
  async () => {
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 1,
      fetch(request, listener) {
        listener.timeout(request, 0);
        if (request.url.endsWith("/rest")) listener.timeout(request, 1);
        return new Response("ok");
      },
    });
    const ends = ["rest", "never"].map(async (path) => {
      const { socket, read } = connect(Number(server.port));
      socket.write(`GET /${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      const { end } = await Promise.race([read(), Bun.sleep(15_000).then(() => ({ end: "open" }))]);
      socket.destroy();
      return end;
    });
    expect(await Promise.all(ends)).toEqual(["fin", "open"]);
  },
  limit,
);

/** An answer of 4 MB, more than the system's buffers take, that breaks without an end. */
function serveBroken(breakOff: (controller: ReadableStreamDefaultController, rest: () => void) => void) {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) =>
      new Response(
        new ReadableStream<Uint8Array>(
          {
            pull(controller) {
              controller.enqueue(new Uint8Array(4 << 20).fill(120));
              controller.enqueue(new TextEncoder().encode("the last words"));
              breakOff(controller, () => server.timeout(request, 1));
              return new Promise(() => {});
            },
          },
          { highWaterMark: 0 },
        ),
      ),
  });
  return server;
}

async function readSlowly(port: number) {
  const { socket, read } = connect(port);
  socket.write(get);
  await read(/x/);
  socket.pause();
  await Bun.sleep(200);
  socket.resume();
  const { text, end } = await read();
  return { end, ...readChunked(text) };
}

test.concurrent(
  "server.timeout(request, 1) ends a stream by a FIN without its last chunk, within 9 s, and a slow reader loses nothing",
  async () => {
    using server = serveBroken((_controller, timeout) => timeout());
    const begun = performance.now();
    const { end, body, whole } = await readSlowly(Number(server.port));
    expect([end, whole, body.length, body.endsWith("the last words")]).toEqual(["fin", false, (4 << 20) + 14, true]);
    expect(performance.now() - begun).toBeLessThan(9000);
  },
  limit,
);

test.concurrent("controller.error(undefined) resets a stream at once, and a slow reader loses what it hasn't read", async () => {
  using server = serveBroken((controller) => controller.error(undefined));
  const { end, body, whole } = await readSlowly(Number(server.port));
  expect([end, whole]).toEqual(["reset", false]);
  expect(body.endsWith("the last words")).toBe(false);
});

/** Asks an upstream that is silent for 11 s, where fetch gives up after one, with Bun's own timer and without. */
const silentUpstream = `
  const server = Bun.serve({ port: 0, idleTimeout: 0, async fetch() { await Bun.sleep(11_000); return new Response("ok"); } });
  const ask = (init) => fetch(server.url, init).then((answer) => answer.text(), ({ name }) => name);
  console.log(...(await Promise.all([ask({}), ask({ timeout: false })])));
  process.exit();`;

test.concurrent(
  "fetch gives up on a silent upstream, and with timeout: false never does",
  async () => {
    expect((await runChild(silentUpstream, { env: { BUN_CONFIG_HTTP_IDLE_TIMEOUT: "1" } })).stdout).toBe(
      "TimeoutError ok\n",
    );
  },
  limit,
);

test.concurrent(
  "a connection that sends no head is closed by Bun within 16 s, and no setting of ours is in play",
  async () => {
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 200,
      fetch: () => new Response("ok"),
    });
    const { socket, read } = connect(Number(server.port));
    socket.write("GET / HTT");
    expect((await read()).end).toBe("fin");
    socket.destroy();
  },
  limit,
);
