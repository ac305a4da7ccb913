import { afterAll, expect, test } from "bun:test";
import { runChild } from "./child.ts";
import { codeOf, connect, send } from "./raw.ts";

/** Answers with what it was asked, as Bun shows it to a handler. */
const echo = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  development: false,
  async fetch(request) {
    const headers = Object.fromEntries(
      [...request.headers].filter(([name]) => name.startsWith("x-") || name === "host"),
    );
    const body = request.body === null ? null : await request.text();
    return Response.json({ method: request.method, headers, body });
  },
});
afterAll(() => echo.stop(true));
const port = Number(echo.port);

type Echo = { method: string; headers: Record<string, string>; body: string | null };

/** The handler's view of a request that got an answer. */
async function ask(request: string): Promise<Echo> {
  const { text } = await send(port, request, /\}$/);
  expect(text).toStartWith("HTTP/1.1 200 ");
  // The handler above is the other end.
  return JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4)) as Echo;
}

async function statusOf(request: string): Promise<string> {
  const { text, end } = await send(port, request, /\r\n\r\n/);
  return text === "" ? end : text.slice(9, 12);
}

const post = "POST / HTTP/1.1\r\nHost: a\r\n";

const refused = [
  [
    "both content-length and transfer-encoding",
    `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ["two content-lengths that differ", `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
  ["a content-length that is no number", `${post}Content-Length: 1a\r\n\r\na`],
  ["a negative content-length", `${post}Content-Length: -1\r\n\r\n`],
  ["a transfer-encoding that isn't chunked", `${post}Transfer-Encoding: gzip\r\n\r\n`],
  ["chunked not last", `${post}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`],
  ["a chunk size that is no number", `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n`],
  ["a space before a header's colon", `${post}Content-Length : 3\r\n\r\nabc`],
  ["a folded header", `${post}X-A: b\r\n c\r\n\r\n`],
  ["a NUL in a header", `${post}X-A: b\0c\r\n\r\n`],
  ["no host", "GET / HTTP/1.1\r\n\r\n"],
] as const;

test.concurrent.each(refused)("a request with %s gets 400", async (_what, request) => {
  expect(await statusOf(request)).toBe("400");
});

test("a method that Bun doesn't know is closed unanswered; those of the gateway are all known", async () => {
  expect(await statusOf("BREW / HTTP/1.1\r\nHost: a\r\n\r\n")).toBe("fin");
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    expect((await ask(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`)).method).toBe(method);
  }
  expect(await statusOf("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")).toBe("200");
});

test("equal content-lengths are one", async () => {
  expect((await ask(`${post}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`)).body).toBe("ab");
});

test("a second host is joined to the first, as are all equal headers", async () => {
  const { headers } = await ask("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX-A: 1\r\nX-A: 2\r\n\r\n");
  expect(headers).toEqual({ host: "a, b", "x-a": "1, 2" });
});

test("a header's bytes above 127 are kept", async () => {
  const { headers } = await ask("GET / HTTP/1.1\r\nHost: a\r\nX-A: caf\xe9\r\n\r\n");
  expect(Buffer.from(headers["x-a"] ?? "", "latin1").toString()).toBe("caf\xe9");
});

test("a request with trailers gets 400 while it is being handled, and is aborted", async () => {
  const aborted = Promise.withResolvers<void>();
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      request.signal.addEventListener("abort", () => aborted.resolve());
      await aborted.promise;
      return new Response("never sent");
    },
  });
  const { text } = await send(
    Number(server.port),
    `${post}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-A: b\r\n\r\n`,
  );
  expect(text).toBe("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  await aborted.promise;
});

test("the body of a GET is lost, that of a DELETE is not", async () => {
  const body = "Content-Length: 2\r\n\r\nab";
  expect((await ask(`GET / HTTP/1.1\r\nHost: a\r\n${body}`)).body).toBeNull();
  expect((await ask(`DELETE / HTTP/1.1\r\nHost: a\r\n${body}`)).body).toBe("ab");
});

test("Expect: 100-continue is answered by Bun", async () => {
  const { socket, read } = connect(port);
  socket.write(`${post}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n`);
  expect((await read(/\r\n\r\n/)).text).toStartWith("HTTP/1.1 100 Continue\r\n\r\n");
  socket.write("ab");
  expect((await read(/\}$/)).text).toContain('"body":"ab"');
  socket.destroy();
});

test("statuses from 200 to 599 can be answered, no others", () => {
  for (const status of [0, 99, 103, 199, 600, 999]) expect(() => new Response("x", { status })).toThrow(RangeError);
  for (const status of [200, 299, 418, 529, 599]) expect(new Response("x", { status }).status).toBe(status);
});

/** Prints the status that a request with one header of so many bytes gets. */
const headerSizes = `
  const server = Bun.serve({ port: 0, fetch: () => new Response("ok") });
  for (const size of [10_000, 20_000, 100_000, 140_000]) {
    console.log(await fetch(server.url, { headers: { "x-a": "a".repeat(size) } }).then(({ status }) => status, ({ code }) => code));
  }
  process.exit();`;

test("headers end at 16 KB, or where --max-http-header-size says: beyond it is 431", async () => {
  const [plain, raised] = await Promise.all([
    runChild(headerSizes),
    runChild(headerSizes, { flags: ["--max-http-header-size=131072"] }),
  ]);
  expect(plain.stdout.split("\n").slice(0, 4)).toEqual(["200", "431", "431", "431"]);
  expect(raised.stdout.split("\n").slice(0, 4)).toEqual(["200", "200", "200", "431"]);
});

test("a consumer that leaves, or closes only its side, aborts the request", async () => {
  for (const leave of ["end", "destroy"] as const) {
    const arrived = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        request.signal.addEventListener("abort", () => aborted.resolve());
        arrived.resolve();
        return new Promise<Response>(() => {});
      },
    });
    const { socket } = connect(Number(server.port));
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await arrived.promise;
    socket[leave]();
    await aborted.promise;
    socket.destroy();
  }
});

test("a stopped server takes no connections and finishes what it has begun", async () => {
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch() {
      begun.resolve();
      await finish.promise;
      return new Response("done");
    },
  });
  const answer = fetch(server.url);
  await begun.promise;
  const stopped = server.stop(false);
  expect(await fetch(server.url).catch(codeOf)).toBe("ECONNREFUSED");
  finish.resolve();
  expect(await (await answer).text()).toBe("done");
  await stopped;
});

test("two servers share a port with reusePort, and a third without it is refused", () => {
  const fetch = () => new Response("ok");
  const first = Bun.serve({ hostname: "127.0.0.1", port: 0, reusePort: true, fetch });
  const second = Bun.serve({ hostname: "127.0.0.1", port: Number(first.port), reusePort: true, fetch });
  expect(second.port).toBe(first.port);
  expect(() => Bun.serve({ hostname: "127.0.0.1", port: Number(first.port), fetch })).toThrow(
    expect.objectContaining({ code: "EADDRINUSE" }),
  );
  void first.stop(true);
  void second.stop(true);
});

test("a handler that throws is answered by the server's error handler, and nothing is printed", async () => {
  const { stdout, stderr } = await runChild(`
    const server = Bun.serve({ port: 0, development: false, fetch() { throw new Error("secret"); }, error: () => new Response("ours", { status: 500 }) });
    const answer = await fetch(server.url);
    console.log(answer.status, await answer.text());
    process.exit();`);
  expect([stdout, stderr]).toEqual(["500 ours\n", ""]);
});
