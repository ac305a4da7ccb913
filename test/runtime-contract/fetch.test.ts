import { expect, test } from "bun:test";
import { runChild } from "./child.ts";
import { codeOf, listenForHeads } from "./raw.ts";

/** As the gateway asks its upstreams. */
const untouched = { decompress: false, redirect: "manual", timeout: false } as const;

/** Opens 300 requests to a server that answers none until all are there or no more have come for two seconds; prints how many came. */
const manyAtOnce = `
  import { createServer } from "node:net";
  let heads = 0;
  let timer;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => { if (++heads === 300) done(); clearTimeout(timer); timer = setTimeout(done, 2000); });
  });
  function done() { console.log(heads); process.exit(0); }
  server.listen(0, "127.0.0.1", () => {
    for (let i = 0; i < 300; i++) fetch("http://127.0.0.1:" + server.address().port).catch(() => {});
  });`;

test.concurrent("fetch queues beyond 256 requests at once", async () => {
  expect((await runChild(manyAtOnce)).stdout).toBe("256\n");
});

test.concurrent("BUN_CONFIG_MAX_HTTP_REQUESTS in the environment lifts that, and 65336 is read", async () => {
  const { stdout } = await runChild(manyAtOnce, { env: { BUN_CONFIG_MAX_HTTP_REQUESTS: "65336" } });
  expect(stdout).toBe("300\n");
});

test.concurrent("BUN_CONFIG_MAX_HTTP_REQUESTS set in code comes too late", async () => {
  const source = `process.env.BUN_CONFIG_MAX_HTTP_REQUESTS = "65336"; ${manyAtOnce}`;
  expect((await runChild(source)).stdout).toBe("256\n");
});

test("with decompress: false the bytes and their encoding stay as they came", async () => {
  const body = Bun.gzipSync("hello");
  await using upstream = await listenForHeads((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body);
  });
  const answer = await fetch(upstream.url, untouched);
  expect(answer.headers.get("content-encoding")).toBe("gzip");
  expect(answer.headers.get("content-length")).toBe(String(body.length));
  expect(await answer.bytes()).toEqual(body);
});

test("with redirect: manual a redirect is an answer like any other", async () => {
  await using upstream = await listenForHeads((socket) =>
    socket.write("HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 4\r\n\r\nmove"),
  );
  const answer = await fetch(upstream.url, { ...untouched, method: "POST", body: "x" });
  expect([answer.status, answer.headers.get("location"), await answer.text()]).toEqual([307, "/elsewhere", "move"]);
  expect(upstream.sockets.length).toBe(1);
});

test("fetch adds host, connection, user-agent and accept, and no accept-encoding", async () => {
  let head = "";
  await using upstream = await listenForHeads((socket, text) => {
    head = text;
    socket.write("HTTP/1.1 204 No Content\r\n\r\n");
  });
  await fetch(`${upstream.url}/v1/models?a=b%2Fc`, untouched);
  const [line, ...headers] = head.trimEnd().split("\r\n");
  expect(line).toBe("GET /v1/models?a=b%2Fc HTTP/1.1");
  expect(headers.map((header) => header.toLowerCase()).toSorted()).toEqual([
    "accept: */*",
    "connection: keep-alive",
    `host: 127.0.0.1:${upstream.port}`,
    `user-agent: bun/${Bun.version}`,
  ]);
});

test("headers that are given stand in place of those, and bytes get no content-type", async () => {
  let head = "";
  await using upstream = await listenForHeads((socket, text) => {
    head = text.toLowerCase();
    socket.write("HTTP/1.1 204 No Content\r\n\r\n");
  });
  const headers = { "user-agent": "mine", accept: "text/event-stream", "accept-encoding": "br" };
  await fetch(upstream.url, { ...untouched, method: "POST", headers, body: new Uint8Array(2) });
  expect(head).toContain("\r\nuser-agent: mine\r\n");
  expect(head).toContain("\r\naccept: text/event-stream\r\n");
  expect(head).toContain("\r\naccept-encoding: br\r\n");
  expect(head).not.toContain("content-type");
});

test("a streamed request body goes in chunks, or by the content-length that it is given", async () => {
  const heads: string[] = [];
  await using upstream = await listenForHeads((socket, text) => {
    heads.push(text.toLowerCase());
    socket.end("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  });
  const body = () =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("abc"));
        controller.close();
      },
    });
  await fetch(upstream.url, { ...untouched, method: "POST", body: body() });
  await fetch(upstream.url, { ...untouched, method: "POST", body: body(), headers: { "content-length": "3" } });
  expect(heads[0]).toContain("\r\ntransfer-encoding: chunked\r\n");
  expect(heads[1]).toContain("\r\ncontent-length: 3\r\n");
  expect(heads[1]).not.toContain("transfer-encoding");
});

test("an answer's set-cookie headers stay apart, its other equal ones are joined, high bytes stay", async () => {
  await using upstream = await listenForHeads((socket) =>
    socket.write(
      "HTTP/1.1 299 Whatever\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-A: 1\r\nX-A: 2\r\nX-B: caf\xe9\r\nContent-Length: 0\r\n\r\n",
      "latin1",
    ),
  );
  const { status, headers } = await fetch(upstream.url, untouched);
  expect(status).toBe(299);
  expect(headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  expect(headers.get("x-a")).toBe("1, 2");
  expect(headers.get("x-b")).toBe("caf\xe9");
});

test("answers of 1xx before the real one are not seen", async () => {
  await using upstream = await listenForHeads((socket) =>
    socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
  );
  const answer = await fetch(upstream.url, untouched);
  expect([answer.status, answer.headers.get("link"), await answer.text()]).toEqual([200, null, "ok"]);
});

const breaks = [
  ["short of its content-length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", false],
  ["without its last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false],
  ["within a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello", false],
  ["by a reset", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true],
] as const;

test.each(breaks)("an answer that ends %s is an error, never an end", async (_how, text, reset) => {
  await using upstream = await listenForHeads((socket) => {
    socket.write(text);
    setTimeout(() => (reset ? socket.resetAndDestroy() : socket.end()), 300);
  });
  const answer = await fetch(upstream.url, untouched);
  const failure = await answer.text().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "ECONNRESET" });
});

test("a reused connection that dies before the head is tried again for GET and PUT, never for POST", async () => {
  for (const [method, times] of [
    ["GET", 2],
    ["PUT", 2],
    ["POST", 1],
    ["PATCH", 1],
  ] as const) {
    const seen: string[] = [];
    await using upstream = await listenForHeads((socket, head, count) => {
      const line = head.slice(0, head.indexOf(" "));
      seen.push(line);
      if (count > 0) socket.destroy();
      else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    await (await fetch(upstream.url, untouched)).text();
    const second = await fetch(upstream.url, {
      ...untouched,
      method,
      ...(method === "GET" ? {} : { headers: { "content-length": "0" } }),
    }).then(({ status }) => status, codeOf);
    expect([method, seen.length - 1, second]).toEqual([method, times, times === 2 ? 200 : "ECONNRESET"]);
  }
});

test("a reused connection that the upstream had already closed is no failure, for POST neither", async () => {
  await using upstream = await listenForHeads((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    setTimeout(() => socket.destroy(), 5);
  });
  for (let i = 0; i < 10; i++) {
    expect(await (await fetch(upstream.url, { ...untouched, method: "POST", body: "x" })).text()).toBe("ok");
    await Bun.sleep(100);
  }
});

const phases = [
  ["before the head", () => {}],
  [
    "in the body",
    (socket: { write: (text: string) => void }) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
  ],
] as const;

test.each(phases)("aborting %s closes the connection upstream at once", async (_phase, answer) => {
  const arrived = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<number>();
  await using upstream = await listenForHeads((socket) => {
    socket.on("close", () => closed.resolve(performance.now()));
    socket.on("end", () => socket.end());
    answer(socket);
    arrived.resolve();
  });
  const abort = new AbortController();
  const answered = fetch(upstream.url, { ...untouched, signal: abort.signal }).then((got) => got.text());
  answered.catch(() => {});
  await arrived.promise;
  await Bun.sleep(50);
  const at = performance.now();
  abort.abort();
  expect((await closed.promise) - at).toBeLessThan(10_000);
  expect(await answered.catch((error: unknown) => (error as Error).name)).toBe("AbortError");
});

test("failures before the head are told apart by their code", async () => {
  await using resets = await listenForHeads((socket) => socket.resetAndDestroy());
  const codes = ["http://127.0.0.1:1", resets.url, "http://nowhere.invalid"].map((url) =>
    fetch(url, { ...untouched, method: "POST" }).then(String, codeOf),
  );
  expect(await Promise.all(codes)).toEqual(["ECONNREFUSED", "ECONNRESET", "ENOTFOUND"]);
});
