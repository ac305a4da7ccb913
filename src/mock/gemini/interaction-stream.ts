import type { EventBody, MockEvent } from "../dialect.ts";
import type { Turn } from "../turn.ts";
import { errorBody, faultMessage } from "./gemini-head.ts";
import { endStatus, interactionHead, interactionUsage, stepsOf } from "./interaction-body.ts";
import type { InteractionFacts } from "./interaction-body.ts";

/** A turn as the events of an interaction. */
export function interactionStream(turn: Turn, facts: InteractionFacts): EventBody {
  const error = { event_type: "error", ...errorBody(503, faultMessage(503)) };
  return { events: interactionEvents(turn, facts), error: sse("error", error) };
}

function* interactionEvents(turn: Turn, facts: InteractionFacts): Generator<MockEvent> {
  const event = (type: string, data: object, kind?: MockEvent["kind"]): MockEvent => ({
    text: sse(type, { ...data, event_type: type }),
    ...(kind === undefined ? {} : { kind }),
  });

  yield event("interaction.created", { interaction: interactionHead(facts, "in_progress") });
  yield event("interaction.status_update", { interaction_id: facts.id, status: "in_progress" });
  for (const [index, { start, deltas }] of stepsOf(turn, facts.ids).entries()) {
    yield event("step.start", { index, step: start });
    for (const delta of deltas()) yield event("step.delta", { index, delta }, "content");
    yield event("step.stop", { index });
  }
  const interaction = { ...interactionHead(facts, endStatus(turn)), usage: interactionUsage(turn.usage) };
  yield event("interaction.completed", { interaction }, "end");
  yield { text: "event: done\ndata: [DONE]\n\n", kind: "end" };
}

function sse(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
