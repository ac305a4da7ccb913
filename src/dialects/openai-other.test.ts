import { expect, test } from "bun:test";
import fc from "fast-check";
import { openaiOther } from "./openai-other.ts";
import { eventStream, readAnswer } from "./test-answers.ts";

const runs = "/v1/threads/thread_1/runs";
const usage = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29, prompt_token_details: { cached_tokens: 8 } };
const run = { id: "run_1", object: "thread.run", status: "completed", model: "gpt-4o", usage };

test("any JSON is recorded as it is, with its model, id and usage where it has them", () => {
  expect(readAnswer(openaiOther, `${runs}/run_1`, { body: JSON.stringify(run) })).toEqual({
    model: "gpt-4o",
    responseId: "run_1",
    output: { kind: "json", value: run },
    usage: { input: 12, input_cached: 8, output: 9, total: 29, source: "provider", raw: usage },
  });
  const models = { object: "list", data: [{ id: "gpt-5" }] };
  expect(readAnswer(openaiOther, "/v1/models", { body: JSON.stringify(models) })).toEqual({
    output: { kind: "json", value: models },
  });
});

test("a run's stream tells its text and the run's own usage, not that of its steps", () => {
  const delta = (value: string) => ({
    object: "thread.message.delta",
    delta: { content: [{ index: 0, type: "text", text: { value } }] },
  });
  const body = eventStream([
    { ...run, status: "queued", usage: null },
    delta("Hello "),
    delta("there"),
    { object: "thread.run.step", id: "step_1", usage: { ...usage, total_tokens: 1_000 } },
    run,
  ]);
  expect(readAnswer(openaiOther, runs, { type: "text/event-stream", body, sizes: [11] })).toMatchObject({
    model: "gpt-4o",
    responseId: "run_1",
    output: { kind: "choices", choices: [{ index: 0, text: "Hello there" }] },
    usage: { total: 29 },
    complete: true,
  });
});

test("a run that failed tells why", () => {
  const failed = { ...run, status: "failed", last_error: { code: "rate_limit_exceeded", message: "Slow down" } };
  expect(readAnswer(openaiOther, runs, { body: JSON.stringify(failed) }).error).toEqual({
    code: "rate_limit_exceeded",
    message: "Slow down",
  });
});

test("an error is told, and nothing else", () => {
  const body = JSON.stringify({ error: { message: "No such file", type: "invalid_request_error", code: null } });
  expect(readAnswer(openaiOther, "/v1/files/file_1", { body })).toEqual({
    error: { message: "No such file", type: "invalid_request_error" },
  });
});

test("nothing here is a generation but a video that is asked for", () => {
  const others = [runs, "/v1/threads", "/v1/batches", "/v1/files", "/v1/moderations", "/v1/vector_stores/vs_1/search"];
  for (const path of others) expect(openaiOther.kindOf({ method: "POST", path })).toBe("other");
  expect(openaiOther.kindOf({ method: "GET", path: "/v1/models" })).toBe("other");
  expect(openaiOther.kindOf({ method: "POST", path: "/v1/videos" })).toBe("generation");
  expect(openaiOther.kindOf({ method: "POST", path: "/v1/videos/video_1/remix" })).toBe("generation");
  expect(openaiOther.kindOf({ method: "GET", path: "/v1/videos/video_1" })).toBe("other");
});

test("an uploaded file is named and measured", () => {
  const form = { fields: { purpose: "batch" }, files: [{ name: "file", filename: "in.jsonl", bytes: 99 }] };
  expect(openaiOther.readRequest(form, { method: "POST", path: "/v1/files" })).toEqual({
    input: { file: [{ filename: "in.jsonl", bytes: 99 }] },
    parameters: { purpose: "batch" },
  });
});

test("anything at all is read without failing", () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const builder = openaiOther.createAnswer({ method: "POST", path: runs });
      builder.event(undefined, value);
      builder.event(undefined, { object: "thread.message.delta", delta: { content: [value, { text: value }] } });
      builder.whole(value);
      builder.answer();
    }),
  );
});
