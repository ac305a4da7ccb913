import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { needs } from "../needs.ts";
import { metadata, observation } from "./observation.ts";
import { openStage, type Stage } from "./stage.ts";
import { dataEvent, piecewise } from "./upstream.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage[Symbol.asyncDispose]());

const mebibyte = 1_048_576;
const model = "gpt-4o-mini-2024-07-18";
const usage = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29 };
const usageDetails = { input: 20, output: 9, total: 29 };
const chat = {
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "A long answer, please." }],
  temperature: 0.5,
};
const onLinux = needs("Linux's account of a process's memory", process.platform === "linux");

/** Fifty megabytes as one JSON answer, its usage at the end. */
function* longJson(): Generator<string> {
  yield `{"id":"chatcmpl-1","model":"${model}","choices":[{"index":0,"message":{"role":"assistant","content":"`;
  const page = "All work and no play. ".repeat(2_979);
  for (let sent = 0; sent < 50 * mebibyte; sent += page.length) yield page;
  yield `"},"finish_reason":"stop"}],"usage":${JSON.stringify(usage)}}`;
}

/** Fifty megabytes as an event stream, its usage in the last event. */
function* longStream(): Generator<string> {
  const piece = "All work and no play. ".repeat(93);
  const event = dataEvent({ id: "chatcmpl-1", model, choices: [{ index: 0, delta: { content: piece } }] });
  const page = event.repeat(32);
  for (let sent = 0; sent < 50 * mebibyte; sent += page.length) yield page;
  yield dataEvent({ id: "chatcmpl-1", model, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  yield dataEvent({ id: "chatcmpl-1", model, choices: [], usage });
  yield dataEvent("[DONE]");
}

for (const [form, pieces, type] of [
  ["JSON answer", longJson, "application/json"],
  ["stream", longStream, "text/event-stream"],
] as const) {
  onLinux(
    `of a ${form} of 50 MB, every byte passes, and model, usage and size arrive, in little memory`,
    async () => {
      await stage.record("/v1/chat/completions", { body: chat }, () => Response.json({ model, choices: [], usage }));
      const before = stage.weir.memory().peak;
      const sent = createHash("sha256");
      const received = createHash("sha256");
      let bytes = 0;
      stage.upstream.answer = () => piecewise(type, hashing(pieces(), sent));
      const answer = await stage.call("/v1/chat/completions", {
        body: { ...chat, stream: form === "stream", stream_options: { include_usage: true } },
      });
      for await (const chunk of answer.body ?? []) {
        received.update(chunk);
        bytes += chunk.length;
      }
      const span = await stage.spanOf(answer);

      expect(bytes).toBeGreaterThan(50 * mebibyte);
      expect(received.digest("hex")).toBe(sent.digest("hex"));
      expect(observation(span)).toMatchObject({ "model.name": model, usage_details: usageDetails });
      expect(JSON.stringify(observation(span)["output"])).toContain("All work and no play.");
      expect(metadata(span)).toMatchObject({ truncated: true, response_bytes: bytes, outcome: "answered" });
      expect(stage.weir.memory().peak - before).toBeLessThan(64 * mebibyte);
    },
    60_000,
  );
}

function* hashing(pieces: Iterable<string>, hash: ReturnType<typeof createHash>): Generator<string> {
  for (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

test.each([
  ["900 KB", 900_000, false],
  ["1.5 MB", 1_500_000, true],
])(
  "ten prompts of %s arrive without further traffic, with their latest message and parameters",
  async (_, size, truncated) => {
    const answer = { model, choices: [{ index: 0, message: { role: "assistant", content: "Yes." } }], usage };
    stage.upstream.answer = () => Response.json(answer);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (__, index) => {
        const filler = Array.from({ length: 10 }, () => ({ role: "user", content: "once more ".repeat(size / 100) }));
        const messages = [...filler, { role: "user", content: `the latest question, number ${index}` }];
        return stage.call("/v1/chat/completions", { body: { ...chat, messages } });
      }),
    );

    for (const [index, each] of answers.entries()) {
      const seen = observation(await stage.spanOf(each));
      // A megabyte would make no readable complaint.
      expect(JSON.stringify(seen["input"]).includes(`the latest question, number ${index}`)).toBe(true);
      expect(seen).toMatchObject({
        "model.name": model,
        "model.parameters": { temperature: 0.5 },
        usage_details: usageDetails,
      });
      expect(metadata(await stage.spanOf(each))["truncated"]).toBe(truncated);
    }
    const exports = stage.langfuse.requests().filter(({ path }) => path === "/api/public/otel/v1/traces");
    expect(Math.max(...exports.map(({ bytes }) => bytes))).toBeLessThan(4_500_000);
  },
);

const picture = Buffer.from("a picture ".repeat(500)).toString("base64");
const sound = Buffer.from("a sound ".repeat(500)).toString("base64");
const page = Buffer.from("a page ".repeat(500)).toString("base64");
const withMedia = [
  [
    "OpenAI",
    "/v1/chat/completions",
    {
      model: "gpt-4o-mini",
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: `data:image/png;base64,${picture}` } },
            { type: "input_audio", input_audio: { data: sound, format: "wav" } },
          ],
        },
      ],
    },
    ["image/png", "audio/wav"],
    ["vision", "audio"],
  ],
  [
    "Anthropic",
    "/v1/messages",
    {
      model: "claude-sonnet-4-5",
      max_tokens: 9,
      messages: [
        {
          role: "user",
          content: [
            { type: "image", source: { type: "base64", media_type: "image/jpeg", data: picture } },
            { type: "document", source: { type: "base64", media_type: "application/pdf", data: page } },
          ],
        },
      ],
    },
    ["image/jpeg", "application/pdf"],
    ["vision", "document"],
  ],
  [
    "Gemini",
    "/v1beta/models/gemini-2.5-flash:generateContent",
    { contents: [{ parts: [{ inlineData: { mimeType: "image/webp", data: picture } }, { text: "What is it?" }] }] },
    ["image/webp"],
    ["vision"],
  ],
] as const;

test.each(withMedia)(
  "media in a request to %s are uploaded once and referenced",
  async (_, path, body, types, tags) => {
    stage.langfuse.reset();
    await stage.record(path, { body }, () => Response.json({}));
    const span = await stage.record(path, { body }, () => Response.json({}));

    expect(
      stage.langfuse
        .media()
        .map(({ contentType }) => contentType)
        .toSorted(),
    ).toEqual([...types].toSorted());
    expect(stage.langfuse.media().map(({ uploads, confirmed }) => ({ uploads, confirmed }))).toEqual(
      types.map(() => ({ uploads: 1, confirmed: true })),
    );
    const input = String(span.attributes["langfuse.observation.input"]);
    for (const { mediaId, contentType } of stage.langfuse.media()) {
      expect(input).toContain(`@@@langfuseMedia:type=${contentType}|id=${mediaId}|source=base64_data_uri@@@`);
    }
    expect(input).not.toContain(picture.slice(0, 40));
    expect(span.attributes["langfuse.trace.tags"]).toEqual([...tags]);
  },
);

test("while the place for media hangs, their exchange arrives all the same, and the program stops in time", async () => {
  await using other = await openStage({ env: { FLUSH_TIMEOUT_MS: "200" } });
  other.langfuse.mediaMode = "hang";
  other.upstream.answer = () => Response.json({});
  const [, path, body] = withMedia[0];
  const waiting = await other.call(path, { body });
  const plain = await other.record("/v1/models", {}, () => Response.json({}));
  expect(metadata(plain)["status"]).toBe(200);
  const span = await other.spanOf(waiting, 25_000);
  expect(String(span.attributes["langfuse.observation.input"])).toContain("[image/png, 5000 bytes]");

  other.langfuse.mode = "hang";
  await other.call(path, { body });
  const asked = performance.now();
  expect(await other.weir.stop()).toBe(0);
  expect(performance.now() - asked).toBeLessThan(4_000);
}, 60_000);
