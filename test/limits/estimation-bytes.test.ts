import { expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import { type Asked, ask } from "./ask.ts";
import { openStage, type Stage, useStage } from "./stage.ts";

const window = 1000;
const responses = "/v1/responses";
const refused = "429 rate_limit_exceeded";
const find = useStage({
  yaml: `limits:
  tokens_per_minute: ${window}
  count: input
  estimation: { max_sample_bytes: 100, bytes_per_token: 4 }`,
});

/** What a call is told in a window of which so much is taken already. */
async function tell(stage: Stage, asked: Asked, taken = 1): Promise<string> {
  stage.wait(120);
  const credential = { token: stage.token };
  const first = await ask(stage.url, { ...credential, text: "H", plan: { input: taken, output: 0 } });
  if (first.status !== 200) throw new Error(`The first call is ${first.told}`);
  return (await ask(stage.url, { plan: { input: 1, output: 0 }, ...asked, ...credential })).told;
}

/** JSON of exactly so many bytes, a good part of which is no text. */
function jsonOf(bytes: number): string {
  const body = { model: "gpt-4o", metadata: { a: "b".repeat(500) }, input: "" };
  return JSON.stringify({ ...body, input: "x".repeat(bytes - JSON.stringify(body).length) });
}

function inChunks(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.subarray(at, at + size));
      controller.close();
    },
  });
}

const multipart = (bytes: number): Asked => ({
  target: "/v1/audio/transcriptions",
  headers: { "content-type": "multipart/form-data; boundary=b" },
  body: "y".repeat(bytes),
});

test("JSON beyond the sampled bytes is estimated by all of its bytes", async () => {
  const json = (bytes: number): Asked => ({ target: responses, body: jsonOf(bytes) });
  expect(await tell(find(), json(4 * 999 - 4))).toBe("200");
  expect(await tell(find(), json(4 * 1000))).toBe(refused);
  expect(await tell(find(), json(40_000))).toBe(refused);
});

test("JSON in chunks beyond the sampled bytes isn't free", async () => {
  const chunked = (bytes: number): Asked => ({ target: responses, body: inChunks(jsonOf(bytes), 500) });
  expect(await tell(find(), chunked(3900))).toBe("200");
  expect(await tell(find(), chunked(40_000))).toBe(refused);
});

test("JSON in chunks that is too large to be looked into is estimated by what is here of it", async () => {
  const yaml = `limits: { tokens_per_minute: ${window}, count: input }`;
  await using stage = await openStage({ yaml, env: { MAX_INSPECT_BYTES: "20000" } });
  expect(await tell(stage, { target: responses, body: inChunks(jsonOf(40_000), 500) })).toBe(refused);
});

test("a body that isn't JSON is estimated by its bytes", async () => {
  // Where a body's size is all that is known and it says itself how large it is.
  expect(await tell(find(), multipart(4 * 999 - 4))).toBe("200");
  expect(await tell(find(), multipart(4 * 1000))).toBe(refused);
});

test("a body that isn't JSON and doesn't say how large it is takes one at least", async () => {
  const stage = await openStage({ yaml: `limits: { tokens_per_minute: ${window}, count: input }` });
  await using _stage = stage;
  stage.wait(120);
  expect((await stage.ask({ text: "H", plan: { input: window, output: 0 } })).told).toBe("200");
  // The first call's real usage is known a moment after its answer.
  const isRefused = async () => {
    const body = inChunks("y".repeat(3000), 500);
    return (await stage.ask({ ...multipart(1), body, plan: { input: 0, output: 0 } })).told === refused;
  };
  await waitFor(isRefused, "A body of no declared length passes a window that is full");
});

test("compressed JSON is estimated, and isn't free", async () => {
  const body = Bun.gzipSync(Buffer.from(JSON.stringify({ model: "gpt-4o", input: crypto.randomUUID().repeat(2000) })));
  const large = new Uint8Array(Buffer.concat([body, Buffer.from(crypto.getRandomValues(new Uint8Array(8000)))]));
  expect(await tell(find(), { target: responses, body: large, headers: { "content-encoding": "gzip" } })).toBe(refused);
});

test("a call that carries nothing to a model takes a request, and no window of LLM tokens can keep it out for long", async () => {
  const stage = find();
  stage.wait(120);
  const answer = await fetch(`${stage.url}/v1/models`, { headers: { authorization: `Bearer ${stage.token}` } });
  expect(answer.status).toBe(200);
});
