import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { needs } from "../needs.ts";
import { metadata, observation } from "./observation.ts";
import { openStage, type Stage } from "./stage.ts";
import { dataEvent, events, piecewise } from "./upstream.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage[Symbol.asyncDispose]());

const mebibyte = 1_048_576;
const model = "gpt-4o-mini-2024-07-18";
const usage = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29 };
const usageDetails = { input: 20, output: 9, total: 29 };
const chat = { model: "gpt-4o-mini", messages: [{ role: "user", content: "A long answer, please." }], temperature: 0.5 };
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

onLinux.each?.length;
