import type { Output } from "../domain/output.ts";
import type { Answer, AnswerBuilder, Dialect, RequestPlace } from "./dialect.ts";
import { type JsonObject, count, object, objects, present, text } from "./json.ts";
import { readOpenaiError } from "./openai-error.ts";
import { readOpenaiRequest } from "./openai-request.ts";
import { countSearches, readItems } from "./openai-response-items.ts";
import { readOpenaiUsage } from "./openai-usage.ts";

const content: ReadonlySet<string> = new Set(["instructions", "input", "prompt", "tools", "tool_choice"]);

/**
 * The Responses API, as JSON, as a stream, and over a WebSocket (the Realtime API's responses too).
 * https://platform.openai.com/docs/api-reference/responses, https://platform.openai.com/docs/api-reference/responses-streaming
 */
export const openaiResponses: Dialect = {
  name: "openai-responses",
  family: "openai",
  kindOf,
  readRequest: (body, place) => readOpenaiRequest(openEvent(body), place, content),
  createAnswer,
};

/** A WebSocket is opened by a GET of the same path, and each request on it stands for a POST; compacting a conversation is a model's work, counting its tokens isn't. */
function kindOf({ method, path }: RequestPlace) {
  const generates =
    (method === "POST" && /\/(responses(\/compact)?|realtime)\/?$/.test(path)) ||
    (method === "GET" && /\/(responses|realtime)\/?$/.test(path));
  return generates ? "generation" : "other";
}

/** Over a WebSocket a request comes as an event, which has its members at the top (Responses) or under `response` (Realtime). */
function openEvent(body: unknown): unknown {
  const event = object(body) ?? objects(body).findLast(({ type }) => type === "response.create");
  if (event?.type !== "response.create") return event;
  const { type: _, response, ...members } = event;
  return { ...members, ...object(response) };
}

/** An item of the output as far as the stream has told it. */
type ItemState = { item: JsonObject; done: boolean; text: string; refusal: string; thought: string; call: string };

/** Where each delta goes. */
const deltas = new Map<string, "text" | "refusal" | "thought" | "call">([
  ["response.output_text.delta", "text"],
  ["response.output_audio_transcript.delta", "text"],
  ["response.refusal.delta", "refusal"],
  ["response.reasoning_summary_text.delta", "thought"],
  ["response.reasoning_text.delta", "thought"],
  ["response.function_call_arguments.delta", "call"],
  ["response.custom_tool_call_input.delta", "call"],
  ["response.mcp_call_arguments.delta", "call"],
  ["response.code_interpreter_call_code.delta", "call"],
]);

/** What the consumer said in a Realtime session, written down by a model that is billed by itself. https://platform.openai.com/docs/api-reference/realtime-server-events/conversation/item/input_audio_transcription/completed */
const transcribed = "conversation.item.input_audio_transcription.completed";

/** Events after which nothing comes; `response.done` is Realtime's. */
const lastEvents: ReadonlySet<string> = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
  "response.done",
]);

function createAnswer(): AnswerBuilder {
  const states = new Map<number, ItemState>();
  let response: JsonObject = {};
  let model: string | undefined;
  let error: Answer["error"];
  let complete: boolean | undefined;
  let other: unknown;

  function takeResponse(body: JsonObject) {
    response = body;
    model = text(body.model) ?? model;
    error = readOpenaiError(body) ?? error;
  }

  function stateOf(event: JsonObject): ItemState {
    const index = count(event.output_index) ?? 0;
    let state = states.get(index);
    if (!state) states.set(index, (state = { item: {}, done: false, text: "", refusal: "", thought: "", call: "" }));
    return state;
  }

  function takeEvent(type: string, event: JsonObject) {
    const delta = deltas.get(type);
    if (delta) {
      stateOf(event)[delta] += text(event.delta) ?? "";
      return;
    }
    const item = object(event.item);
    const done = type === "response.output_item.done";
    if (item && (done || type === "response.output_item.added")) Object.assign(stateOf(event), { item, done });
    const told = object(event.response);
    if (told) takeResponse(told);
    if (type === transcribed && text(object(event.usage)?.type) !== undefined) takeTranscription(event);
    if (type === "error") error = readOpenaiError(event) ?? error;
    if (lastEvents.has(type)) complete = true;
    // Realtime names the model once for all responses of a session.
    model ??= text(object(event.session)?.model);
  }

  /** It is the only event of its exchange. */
  function takeTranscription({ transcript, usage }: JsonObject) {
    takeResponse({ output: [{ type: "message", content: [{ transcript }] }], usage });
    complete = true;
  }

  /** The last event tells the whole output again, but not at every provider. */
  function items(): readonly JsonObject[] {
    const told = objects(response.output);
    if (told.length > 0) return told;
    const ordered = [...states].toSorted(([a], [b]) => a - b);
    return ordered.map(([, state]) => (state.done ? state.item : unfinished(state)));
  }

  function output(made: readonly JsonObject[]): Output | undefined {
    if (other !== undefined) return { kind: "json", value: other };
    // A stream that was cut never told how it ended.
    const reason =
      complete === false ? undefined : (text(object(response.incomplete_details)?.reason) ?? text(response.status));
    if (made.length === 0 && reason === undefined) return undefined;
    return { kind: "choices", choices: [readItems(made, reason)] };
  }

  return {
    whole(value) {
      const body = object(value);
      if (body) takeResponse(body);
      // Counted input, and lists of items, come from under the same path.
      if (!Array.isArray(body?.output) && !error) other = value;
    },
    event(name, data) {
      complete ??= false;
      const event = object(data);
      if (event) takeEvent(text(event.type) ?? name ?? "", event);
    },
    answer() {
      const made = items();
      const context = {
        tier: response.service_tier,
        requests: countSearches(made),
        toolUsage: response.tool_usage,
      };
      const usage = readOpenaiUsage(response.usage, context);
      return present({ model, responseId: text(response.id), output: output(made), usage, error, complete });
    },
  };
}

/** An item that the stream never finished, with what its deltas said. */
function unfinished({ item, text: said, refusal, thought, call }: ItemState): JsonObject {
  return {
    type: call ? "function_call" : thought ? "reasoning" : "message",
    ...item,
    content: [{ text: said, refusal }],
    summary: [{ text: thought }],
    ...(call ? { arguments: call } : {}),
  };
}
