import type { EventBody, MockEvent } from "../dialect.ts";
import { pretty } from "../json.ts";
import { contentChunks } from "./content-body.ts";
import type { ContentFacts } from "./content-body.ts";
import { errorBody, faultMessage } from "./gemini-head.ts";

const broken = errorBody(503, faultMessage(503));

/** The chunks of an answer as server-sent events. */
export function eventStream(facts: ContentFacts): EventBody {
  return { events: events(facts), error: `data: ${JSON.stringify(broken)}\n\n` };
}

/** The chunks of an answer as a JSON array that grows. */
export function arrayStream(facts: ContentFacts): EventBody {
  return { events: elements(facts), error: `,\n${pretty(broken)}\n]` };
}

function* events(facts: ContentFacts): Generator<MockEvent> {
  for (const { chunk, last } of contentChunks(facts)) {
    yield { text: `data: ${JSON.stringify(chunk)}\n\n`, kind: last ? "end" : "content" };
  }
}

function* elements(facts: ContentFacts): Generator<MockEvent> {
  let before = "[";
  for (const { chunk, last } of contentChunks(facts)) {
    yield { text: `${before}${pretty(chunk)}${last ? "\n]\n" : "\n"}`, kind: last ? "end" : "content" };
    before = ",\n";
  }
}
