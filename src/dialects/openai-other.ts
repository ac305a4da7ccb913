import type { Output } from "../domain/output.ts";
import type { Answer, AnswerBuilder, Dialect } from "./dialect.ts";
import { type JsonObject, object, objects, present, text } from "./json.ts";
import { describeError, readOpenaiError } from "./openai-error.ts";
import { openForm, readOpenaiRequest } from "./openai-request.ts";
import { readOpenaiUsage } from "./openai-usage.ts";

const content: ReadonlySet<string> = new Set([
  "input",
  "messages",
  "instructions",
  "prompt",
  "tools",
  "file",
  "query",
  "content",
]);

/**
 * The rest of the OpenAI API: moderations, files, batches, assistants, threads, runs, vector stores, models, videos.
 * A run or a batch repeats its usage at every look, so none of these is a generation that is billed by what one answer says;
 * a video is, though it comes later.
 */
export const openaiOther: Dialect = {
  name: "openai-other",
  family: "openai",
  kindOf: ({ method, path }) =>
    method === "POST" && /\/videos(\/[^/]+\/remix)?\/?$/.test(path) ? "generation" : "other",
  readRequest: (body, place) => readOpenaiRequest(openForm(body), place, content),
  createAnswer,
};

function createAnswer(): AnswerBuilder {
  let whole: unknown;
  let model: string | undefined;
  let responseId: string | undefined;
  let usage: JsonObject | undefined;
  let said = "";
  let error: Answer["error"];
  let complete: boolean | undefined;

  function take(body: JsonObject) {
    model = text(body.model) ?? model;
    usage = object(body.usage) ?? usage;
    const failure = object(body.last_error);
    error = readOpenaiError(body) ?? (failure && describeError(failure)) ?? error;
  }

  /** A run's stream: its own state, and its messages in deltas. https://platform.openai.com/docs/api-reference/assistants-streaming/events */
  function takeEvent(body: JsonObject) {
    if (body.object === "thread.message.delta") {
      for (const part of objects(object(body.delta)?.content)) said += text(object(part.text)?.value) ?? "";
      return;
    }
    if (body.object === "thread.run") responseId = text(body.id);
    // Steps have a usage of their own, which the run's sums up.
    if (body.object !== "thread.run.step") take(body);
  }

  function output(): Output | undefined {
    if (said !== "") return { kind: "choices", choices: [{ index: 0, text: said }] };
    return whole === undefined ? undefined : { kind: "json", value: whole };
  }

  return {
    whole(value) {
      const body = object(value);
      responseId = text(body?.id);
      if (body) take(body);
      if (!body?.error) whole = value;
    },
    event(_name, data) {
      complete ??= false;
      if (data === "[DONE]") complete = true;
      const body = object(data);
      if (body) takeEvent(body);
    },
    answer: () => present({ model, responseId, output: output(), usage: readOpenaiUsage(usage), error, complete }),
  };
}
