import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { connect } from "node:net";
import { startMock } from "./mock-provider.ts";
import type { MockProvider } from "./mock-provider.ts";

let mock: MockProvider;

beforeAll(() => {
  mock = startMock();
});

afterAll(() => mock.stop());

const headers = { authorization: "Bearer any", "content-type": "application/json" };

function bodyOf(model: string, stream = true): string {
  return JSON.stringify({ model, stream, messages: [{ role: "user", content: "Hello" }] });
}

function ask(
  model: string,
  { stream = true, of = mock }: { stream?: boolean; of?: MockProvider } = {},
): Promise<Response> {
  return fetch(`${of.url}/v1/chat/completions`, { method: "POST", headers, body: bodyOf(model, stream) });
}

function rawRequest(model: string, stream = true): string {
  const body = bodyOf(model, stream);
  return `POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer any\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

/** What comes back on a raw connection until `enough` says so or it ends, and how it ended. */
function exchange(
  bytes: string,
  enough: (text: string) => boolean,
): Promise<{ text: string; ended: string; pieces: number }> {
  const { promise, resolve } = Promise.withResolvers<{ text: string; ended: string; pieces: number }>();
  const socket = connect(mock.port, "127.0.0.1");
  let text = "";
  let pieces = 0;
  const finish = (ended: string) => {
    resolve({ text, ended, pieces });
    socket.destroy();
  };
  socket.on("data", (data) => {
    text += data.toString("latin1");
    pieces += 1;
    if (enough(text)) finish("open");
  });
  socket.on("end", () => finish("fin"));
  socket.on("error", () => finish("reset"));
  socket.write(bytes);
  return promise;
}

const never = () => false;
const eventsIn = (text: string): number => text.split("data: ").length - 1;

async function served(requestId: string | null): Promise<object | undefined> {
  const lines = (await (await fetch(`${mock.url}/__mock/served`)).text()).split("\n").filter((line) => line !== "");
  return lines
    .map((line) => JSON.parse(line) as { request_id: string })
    .find(({ request_id }) => request_id === requestId);
}

test("HEAD / answers 200", async () => {
  expect((await fetch(mock.url, { method: "HEAD" })).status).toBe(200);
});

test("requests of one pipeline are answered in order on one connection", async () => {
  const { text } = await exchange(
    rawRequest("gpt-a", false) + rawRequest("gpt-b") + rawRequest("gpt-c", false),
    (all) => all.endsWith("}") && all.split("HTTP/1.1 200").length === 4,
  );
  const models = [...text.matchAll(/"model":"(gpt-.)"/g)].map((match) => match[1]);
  expect([...new Set(models)]).toEqual(["gpt-a", "gpt-b", "gpt-c"]);
});

test("a request that comes byte by byte is read like any other", async () => {
  const socket = connect(mock.port, "127.0.0.1");
  socket.setNoDelay(true);
  const answered = new Promise<string>((resolve) => socket.once("data", (data) => resolve(data.toString("latin1"))));
  for (const byte of rawRequest("gpt-4o", false)) {
    socket.write(byte);
    await new Promise(setImmediate);
  }
  expect(await answered).toStartWith("HTTP/1.1 200 OK");
  socket.destroy();
});

test("mock-cut-N resets the connection after N events", async () => {
  const { text, ended } = await exchange(rawRequest("mock-cut-3"), never);
  expect(eventsIn(text)).toBe(3);
  expect(ended).toBe("reset");
});

test("mock-fin-N closes it in order, without the last chunk", async () => {
  const { text, ended } = await exchange(rawRequest("mock-fin-3"), never);
  expect(eventsIn(text)).toBe(3);
  expect(ended).toBe("fin");
  expect(text).not.toEndWith("0\r\n\r\n");
});

test("mock-cut-byte-N resets it after N bytes of the body", async () => {
  const { text } = await exchange(rawRequest("mock-cut-byte-100", false), never);
  expect(text.slice(text.indexOf("\r\n\r\n") + 4).length).toBe(100);
});

test("mock-cut breaks a whole answer off in its middle", async () => {
  const { text, ended } = await exchange(rawRequest("mock-cut", false), never);
  const length = Number(/content-length: (\d+)/.exec(text)?.[1]);
  expect(text.slice(text.indexOf("\r\n\r\n") + 4).length).toBe(Math.floor(length / 2));
  expect(ended).toBe("reset");
});

test("mock-stall sends no more and leaves the connection open", async () => {
  const { text, ended } = await exchange(rawRequest("mock-stall-2"), (all) => eventsIn(all) === 2);
  expect(text).not.toContain("[DONE]");
  expect(ended).toBe("open");
});

test("mock-noterm lacks the event that ends a stream", async () => {
  const text = await (await ask("mock-noterm")).text();
  expect(text).toContain('"finish_reason":"stop"');
  expect(text).not.toContain("[DONE]");
});

test("mock-error-event-N sends an error in place of the rest", async () => {
  const response = await ask("mock-error-event-3");
  const events = (await response.text()).trim().split("\n\n");
  expect(events.length).toBe(4);
  expect(JSON.parse(events[3]?.slice(6) ?? "")).toMatchObject({ error: { type: "server_error" } });
  expect(await served(response.headers.get("x-request-id"))).toMatchObject({ ended: "cut" });
});

test("mock-gzip, mock-br and mock-zstd encode, whole and streamed", async () => {
  for (const encoding of ["gzip", "br", "zstd"]) {
    for (const stream of [false, true]) {
      const response = await ask(`gpt-4o+mock-${encoding}`, { stream });
      expect(response.headers.get("content-encoding")).toBe(encoding);
      expect(await response.text()).toContain(stream ? "[DONE]" : '"finish_reason":"stop"');
    }
  }
});

test("mock-1byte sends every byte by itself, mock-crlf ends lines with both", async () => {
  const { pieces, text } = await exchange(rawRequest("mock-1byte+chunks-1-0"), (all) => all.endsWith("0\r\n\r\n"));
  expect(pieces).toBeGreaterThan(100);
  expect(text).toContain("HTTP/1.1 200");
  expect((await (await ask("mock-crlf")).text()).endsWith("data: [DONE]\r\n\r\n")).toBe(true);
});

test("mock-big-N has N characters, mock-chunks-N-MS N pieces at their pace", async () => {
  const big = (await (await ask("mock-big-100000", { stream: false })).json()) as {
    choices: { message: { content: string } }[];
  };
  expect(big.choices[0]?.message.content.length).toBe(100_000);
  const started = performance.now();
  const text = await (await ask("mock-chunks-5-10")).text();
  expect(text.split('{"content":').length - 1).toBe(5);
  expect(performance.now() - started).toBeGreaterThan(45);
});

test("mock-slow-N waits before the head", async () => {
  const started = performance.now();
  await ask("mock-slow-60");
  expect(performance.now() - started).toBeGreaterThan(55);
});

test("statuses come by name, and 502 as a web page", async () => {
  for (const status of [400, 401, 403, 404, 429, 500, 503, 529]) {
    const response = await ask(`mock-${status}`);
    expect(response.status).toBe(status);
    expect(await response.json()).toHaveProperty("error.message");
  }
  const page = await ask("mock-502-html");
  expect([page.status, page.headers.get("content-type")]).toEqual([502, "text/html"]);
});

test("the list of what was served tells usage as the answer did, and how it ended", async () => {
  const whole = await ask("gpt-4o", { stream: false });
  const { usage } = (await whole.json()) as { usage: { prompt_tokens: number; completion_tokens: number } };
  expect(await served(whole.headers.get("x-request-id"))).toMatchObject({
    path: "/v1/chat/completions",
    model: "gpt-4o",
    status: 200,
    usage: { input: usage.prompt_tokens, output: usage.completion_tokens },
    ended: "complete",
  });
  const cut = await ask("mock-cut");
  await cut.text().catch(() => undefined);
  expect(await served(cut.headers.get("x-request-id"))).toMatchObject({ ended: "cut" });

  const abort = new AbortController();
  const left = await fetch(`${mock.url}/v1/chat/completions`, {
    method: "POST",
    headers,
    body: bodyOf("mock-chunks-1000-5"),
    signal: abort.signal,
  });
  const before = mock.stats().left;
  abort.abort();
  while (mock.stats().left === before) await Bun.sleep(2);
  expect(await served(left.headers.get("x-request-id"))).toMatchObject({ ended: "left" });
});

test("a body that is encoded is read", async () => {
  const body = Bun.gzipSync(bodyOf("gpt-4o", false));
  const response = await fetch(`${mock.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...headers, "content-encoding": "gzip" },
    body,
  });
  expect(response.status).toBe(200);
});

test("whatever JSON comes, there is an answer", async () => {
  const paths = [
    "chat/completions",
    "completions",
    "responses",
    "responses/compact",
    "embeddings",
    "images/generations",
    "moderations",
  ];
  const key = fc.constantFrom(
    "messages",
    "input",
    "prompt",
    "tools",
    "tool_choice",
    "text",
    "n",
    "stream",
    "role",
    "content",
    "type",
  );
  const odd = fc.dictionary(key, fc.jsonValue({ maxDepth: 3 }));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), odd, async (path, fields) => {
      const body = JSON.stringify({ ...fields, model: "gpt-4o" });
      const response = await fetch(`${mock.url}/v1/${path}`, { method: "POST", headers, body });
      expect([200, 400]).toContain(response.status);
      await response.arrayBuffer();
    }),
    { numRuns: 200 },
  );
});

test("a body that can't be made ends its own answer and no other", async () => {
  const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
  const body = `{"model":"gpt-4o","stream":true,"input":"Hello","metadata":${deep}}`;
  const answered = fetch(`${mock.url}/v1/responses`, { method: "POST", headers, body }).then((response) =>
    response.text(),
  );
  expect(await answered.catch(() => "broken off")).toBe("broken off");
  expect((await ask("gpt-4o", { stream: false })).status).toBe(200);
  // Giving up takes the runtime some seconds.
}, 120_000);

test("the same seed gives the same ids, and chaos in the same places", async () => {
  const run = async (seed: number) => {
    const chaotic = startMock({ seed, chaos: 0.5 });
    const statuses: string[] = [];
    for (let count = 0; count < 12; count += 1) {
      const response = await ask("mock-slow-1+text", { stream: false, of: chaotic }).catch(() => undefined);
      statuses.push(`${response?.status} ${response?.headers.get("x-request-id")}`);
    }
    chaotic.stop();
    return statuses;
  };
  const first = await run(42);
  expect(await run(42)).toEqual(first);
  expect(new Set(first.map((line) => line.slice(0, 3))).size).toBeGreaterThan(1);
});

test("every answer waits for the latency", async () => {
  const slow = startMock({ latencyMs: 40, jitterMs: 10 });
  const started = performance.now();
  await ask("gpt-4o", { of: slow });
  expect(performance.now() - started).toBeGreaterThan(38);
  slow.stop();
});

test("a path that no provider has is 404, in JSON", async () => {
  const response = await fetch(`${mock.url}/v1/nothing`, { headers });
  expect(response.status).toBe(404);
  expect(await response.json()).toHaveProperty("error.message");
});
