import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openRaw, send, writeRequest } from "./client.ts";
import type { Seen } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

let wire: Wire;
beforeAll(async () => {
  wire = await openWire({ env: { CLIENT_IDLE_TIMEOUT_MS: "1000" } });
});
afterAll(() => wire[Symbol.asyncDispose]());

/** What became of bytes that are no proper request: an answer's status (0 for none), and what the upstreams got in full. */
async function attempt(bytes: string, mark: string): Promise<{ status: number; whole: readonly string[] }> {
  const call = openRaw(wire.weir.port, Buffer.from(bytes, "latin1"), { limitMs: 10_000 });
  const status = await call.answer.then(
    (answer) => answer.status,
    () => 0,
  );
  await Bun.sleep(50);
  call.leave();
  const seen = wire.seen.filter(({ head }) => head.includes(mark));
  const whole = await Promise.all(seen.map(isWhole));
  return { status, whole: seen.filter((_one, n) => whole[n]).map(({ target }) => target) };
}

function isWhole(seen: Seen): Promise<boolean> {
  return Promise.race([seen.body.then(() => true), seen.closed.then(() => false), Bun.sleep(3000).then(() => false)]);
}

const post = (headers: string, body: string) => (mark: string) =>
  `POST /v1/${mark} HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n${body}`;
const get = (headers: string) => (mark: string) => `GET /v1/${mark} HTTP/1.1\r\n${headers}\r\n\r\n`;

const refused: Readonly<Record<string, (mark: string) => string>> = {
  "a length and chunks": post("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nX"),
  "chunks and a length": post("Transfer-Encoding: chunked\r\nContent-Length: 3", "1\r\nA\r\n0\r\n\r\n"),
  "two lengths that differ": post("Content-Length: 1\r\nContent-Length: 2", "ab"),
  "two lengths that are equal": post("Content-Length: 2\r\nContent-Length: 2", "ab"),
  "a list of lengths": post("Content-Length: 2, 2", "ab"),
  "a length with a sign": post("Content-Length: +2", "ab"),
  "a negative length": post("Content-Length: -2", "ab"),
  "a hexadecimal length": post("Content-Length: 0x2", "ab"),
  "an endless length": post("Content-Length: 99999999999999999999999", "ab"),
  "an unknown transfer coding": post("Transfer-Encoding: xchunked", "0\r\n\r\n"),
  "chunks that aren't the last coding": post("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
  "two transfer codings": post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
  "a blank before the colon": post("Transfer-Encoding : chunked", "0\r\n\r\n"),
  "a folded header": post("x-a: 1\r\n folded\r\nContent-Length: 2", "ab"),
  "bare line feeds": (mark) => `POST /v1/${mark} HTTP/1.1\nHost: a\nContent-Length: 2\n\nab`,
  "a bare carriage return in a value": post("x-a: b\rx-c: d\r\nContent-Length: 2", "ab"),
  "NUL in a value": post("x-a: b\0c\r\nContent-Length: 2", "ab"),
  "NUL in a name": post("x-\0a: b\r\nContent-Length: 2", "ab"),
  "NUL in the path": (mark) => `GET /v1/${mark}\0y HTTP/1.1\r\nHost: a\r\n\r\n`,
  "a blank in a name": get("Host: a\r\nx y: 1"),
  "a name of nothing": get("Host: a\r\n: 1"),
  "no Host": get("Accept: */*"),
  "two Hosts": get("Host: a\r\nHost: b"),
  "the same Host twice": get("Host: a\r\nHost: a"),
  "a list of Hosts": get("Host: a, b"),
  "an empty Host": get("Host:"),
  "a Host with a path": get("Host: a/v1/messages?"),
  "a Host with a user": get("Host: u:p@a"),
  "a Host with a blank": get("Host: a b"),
  "another version of HTTP": (mark) => `GET /v1/${mark} HTTP/1.9\r\nHost: a\r\n\r\n`,
  "no version at all": (mark) => `GET /v1/${mark}\r\n\r\n`,
  "blanks in the request line": (mark) => `GET  /v1/${mark}  HTTP/1.1\r\nHost: a\r\n\r\n`,
  "a tunnel": (mark) => `CONNECT ${mark}.example:443 HTTP/1.1\r\nHost: ${mark}.example:443\r\n\r\n`,
  "a chunk of negative size": post("Transfer-Encoding: chunked", "-1\r\nab\r\n0\r\n\r\n"),
  "a chunk of endless size": post("Transfer-Encoding: chunked", "fffffffffffffffff\r\nab\r\n0\r\n\r\n"),
  "chunks with bare line feeds": post("Transfer-Encoding: chunked", "2\nab\n0\n\n"),
  "a line feed in a chunk's extension": post("Transfer-Encoding: chunked", "2;a=\nb\r\nab\r\n0\r\n\r\n"),
  "a chunk longer than it says": post("Transfer-Encoding: chunked", "1\r\nab\r\n0\r\n\r\n"),
  "the beginning of TLS": () => "\u0016\u0003\u0001\u0002\0\u0001\0",
  "the beginning of HTTP/2": () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
};

describe("no upstream ever gets a whole request out of", () => {
  for (const [n, [what, write]] of Object.entries(refused).entries()) {
    test.concurrent(
      what,
      async () => {
        const { status, whole } = await attempt(write(`mark-${n}-`), `mark-${n}-`);
        expect(whole).toEqual([]);
        expect(status === 0 || (status >= 400 && status < 600 && status !== 502)).toBe(true);
      },
      60_000,
    );
  }
});

test.concurrent("a refusal of a Host or a length that came twice says what is wrong, and ends the connection", async () => {
  const call = openRaw(wire.weir.port, "GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  const answer = await call.answer;
  expect([answer.status, answer.header("connection"), answer.header("x-weir-error")]).toEqual([
    400,
    "close",
    "head_invalid",
  ]);
});

test.concurrent("what stands in a body is never a request of its own", async () => {
  const inner = "GET /v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
    const call = openRaw(wire.weir.port, writeRequest({ method, target: "/v1/outer", body: inner }));
    expect((await call.answer).status).toBe(200);
    call.leave();
  }
  expect(wire.seen.filter(({ target }) => target.includes("smuggled")).length).toBe(0);
});

test.concurrent("the body of a refused request is not the next request on its connection", async () => {
  const inner = "GET /v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const target of ["/nope", "/metrics", "/admin/x"]) {
    const call = openRaw(wire.weir.port, writeRequest({ method: "POST", target, body: inner }));
    expect((await call.answer).status).toBeGreaterThanOrEqual(400);
    let bytes = "";
    call.socket.on("data", (data: Buffer) => {
      bytes += data.toString("latin1");
    });
    if (call.socket.writable) call.write(writeRequest({ target: "/live" }));
    await Bun.sleep(100);
    expect(bytes === "" || bytes.startsWith("HTTP/1.1 200") || bytes.startsWith("HTTP/1.1 400")).toBe(true);
    expect(bytes.split("HTTP/1.1 ").length).toBeLessThanOrEqual(2);
    call.leave();
  }
  expect(wire.seen.filter(({ target }) => target.includes("smuggled")).length).toBe(0);
});

test.concurrent("two requests in one write don't mix: each goes to its own upstream, or nowhere", async () => {
  const both = [
    "GET /v1/pipelined-one HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /v1beta/pipelined-two HTTP/1.1\r\nHost: a\r\n\r\n",
  ];
  const call = openRaw(wire.weir.port, both.join(""));
  await call.answer;
  await Bun.sleep(100);
  call.leave();
  const seen = wire.seen
    .filter(({ target }) => target.includes("pipelined"))
    .map(({ upstream, target }) => `${upstream} ${target}`);
  expect(["openai /v1/pipelined-one", "gemini /v1beta/pipelined-two"]).toEqual(expect.arrayContaining(seen));
  expect(seen).toContain("openai /v1/pipelined-one");
});

test.concurrent("a whole URL as the target changes nothing of where a request goes", async () => {
  for (const url of [
    "http://evil.example/v1/absolute",
    "http://169.254.169.254/v1/absolute",
    "https://127.0.0.1:1/v1/absolute",
  ]) {
    const call = openRaw(wire.weir.port, `GET ${url} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    const answer = await call.answer;
    call.leave();
    const own = wire.seen.filter(({ target }) => target.endsWith("absolute"));
    expect(answer.status === 200 || answer.status >= 400).toBe(true);
    expect(
      own.every(
        ({ upstream, target, header }) =>
          upstream === "openai" &&
          target === "/v1/absolute" &&
          header("host") === `127.0.0.1:${wire.upstreams.openai.port}`,
      ),
    ).toBe(true);
  }
});

test.concurrent("a path that begins with two slashes names no other host", async () => {
  const { answer, seen } = await wire.exchange({ target: "//evil.example/v1/models" });
  expect([answer.status, seen.length]).toEqual([404, 0]);
});

test("hundreds of connections that never finish their head harm nobody", async () => {
  const idle = Array.from({ length: 400 }, () =>
    openRaw(wire.weir.port, "GET /v1/models HTTP/1.1\r\nHost:", { limitMs: 30_000 }),
  );
  await Bun.sleep(100);
  const started = performance.now();
  expect((await send(wire.weir.port, { target: "/live" })).status).toBe(200);
  expect((await wire.exchange({ target: "/v1/models" })).answer.status).toBe(200);
  expect(performance.now() - started).toBeLessThan(5000);
  for (const call of idle) call.leave();
});
