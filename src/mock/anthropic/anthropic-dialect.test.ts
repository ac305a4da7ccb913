import { afterAll, expect, test } from "bun:test";
import { startMock } from "../mock-provider.ts";

const mock = startMock();
afterAll(mock.stop);

const known = { "x-api-key": "key", "anthropic-version": "2023-06-01" };
const hello = { model: "claude-opus-4-6", max_tokens: 1_000, messages: [{ role: "user", content: "Hello" }] };

function post(body: unknown, headers: Record<string, string> = known): Promise<Response> {
  return fetch(`${mock.url}/v1/messages`, { method: "POST", headers, body: JSON.stringify(body) });
}

test("a request without a credential, a version, or a limit is refused in Anthropic's words", async () => {
  const refused = async (answer: Response) => [answer.status, await answer.json()];
  const failed = (type: string, message: string) => ({
    type: "error",
    error: { type, message },
    request_id: expect.stringMatching(/^req_01/) as unknown,
  });
  expect(await refused(await post(hello, { "anthropic-version": "2023-06-01" }))).toEqual([
    401,
    failed("authentication_error", "x-api-key header is required"),
  ]);
  expect(await refused(await post(hello, { "x-api-key": "key" }))).toEqual([
    400,
    failed("invalid_request_error", "anthropic-version: header is required"),
  ]);
  expect(await refused(await post({ ...hello, max_tokens: undefined }))).toEqual([
    400,
    failed("invalid_request_error", "max_tokens: Field required"),
  ]);
});

test("an answer's head tells the request, the limits and the organization, and after a 429 when to come again", async () => {
  const { headers } = await post(hello);
  expect(headers.get("request-id")).toMatch(/^req_01/);
  expect(headers.get("anthropic-organization-id")).not.toBeNull();
  expect(Number(headers.get("anthropic-ratelimit-tokens-remaining"))).toBeGreaterThan(0);
  const limited = await post({ ...hello, model: "mock-429" });
  expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "1"]);
});

test("a stream begins, pings, and ends as Anthropic's do, its JSON padded", async () => {
  const answer = await post({ ...hello, stream: true });
  const text = await answer.text();
  const names = [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
  expect(names.slice(0, 4)).toEqual(["message_start", "content_block_start", "ping", "content_block_delta"]);
  expect(names.slice(-3)).toEqual(["content_block_stop", "message_delta", "message_stop"]);
  expect(text).toMatch(/^data: \{"type":"content_block_delta".* +\}$/m);
});

test("what is marked is written to the cache in the first turn, for as long as it says, and read in later ones", async () => {
  const long = (ttl?: string) => ({
    type: "text",
    text: "x".repeat(4_000),
    cache_control: { type: "ephemeral", ...(ttl === undefined ? {} : { ttl }) },
  });
  const usageOf = async (body: object): Promise<unknown> =>
    ((await (await post(body)).json()) as { usage: unknown }).usage;
  const first = { ...hello, system: [long("1h")], messages: [{ role: "user", content: [long()] }] };
  expect(await usageOf(first)).toMatchObject({
    cache_read_input_tokens: 0,
  });
  const written = (await usageOf(first)) as {
    cache_creation: Record<string, number>;
    cache_creation_input_tokens: number;
  };
  const { ephemeral_5m_input_tokens: minutes = 0, ephemeral_1h_input_tokens: hour = 0 } = written.cache_creation;
  expect(Math.min(minutes, hour)).toBeGreaterThanOrEqual(1_000);
  expect(written.cache_creation_input_tokens).toBe(minutes + hour);
  const later = {
    ...first,
    messages: [...first.messages, { role: "assistant", content: "Yes" }, { role: "user", content: "And?" }],
  };
  expect(await usageOf(later)).toMatchObject({
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: minutes + hour,
  });
});

test("a length that the model's name asks for outdoes max_tokens", async () => {
  const answer = await post({ ...hello, model: "mock-big-100000", max_tokens: 1 });
  const { content } = (await answer.json()) as { content: readonly { text: string }[] };
  expect(content[0]?.text).toHaveLength(100_000);
  const chunks = await (await post({ ...hello, model: "mock-chunks-7-0", max_tokens: 1, stream: true })).text();
  expect(chunks.match(/text_delta/g)).toHaveLength(7);
});

test("every encoding and odd framing carries the same stream", async () => {
  const plain = await streamed("mock-text");
  for (const way of ["gzip", "br", "zstd", "1byte"]) expect(await streamed(`mock-text+${way}`)).toBe(plain);
  expect(await streamed("mock-text+crlf")).toBe(plain.replaceAll("\n", "\r\n"));
  expect(await streamed("mock-text+noterm")).not.toContain("message_stop");
});

test("whether the API is there is told without a credential", async () => {
  const { status } = await fetch(`${mock.url}/api/hello`, { method: "HEAD" });
  expect(status).toBe(200);
});

/** Without what differs from request to request. */
async function streamed(model: string): Promise<string> {
  const text = await (await post({ ...hello, model, stream: true })).text();
  return text.replaceAll(/"(?:id|model)":"[^"]*"/g, "");
}
