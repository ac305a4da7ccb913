import type { Answer } from "../dialect.ts";
import { textOf } from "../json.ts";
import { createShelf } from "../shelf.ts";
import { composeTurn } from "../turn.ts";
import type { GeminiCall } from "./gemini-call.ts";
import { failure, faultMessage, headersOf, jsonAnswer } from "./gemini-head.ts";
import { endStatus, interactionHead, interactionUsage, stepsOf } from "./interaction-body.ts";
import { interactionStream } from "./interaction-stream.ts";
import { withoutFolder } from "./member.ts";
import { readInteractionRequest } from "./read-interaction-request.ts";

type Call = Omit<GeminiCall, "cachedTokens">;

/** Answers `interactions` and what lies below; those that came whole can be had again. */
export function createInteractions(): (call: Call, rest: string) => Answer {
  const kept = createShelf<object>(100);

  return (call, rest) => {
    const { method } = call.request;
    if (rest === "") return method === "POST" ? create(call) : failure(404, "Requested entity was not found.");
    const id = rest.slice(1).replace(/\/cancel$/, "");
    const found = kept.find(id);
    if (found === undefined) return failure(404, "Requested entity was not found.");
    if (method !== "DELETE") return jsonAnswer(found);
    kept.remove(id);
    return jsonAnswer({});
  };

  function create({ request, context, requestId }: Call): Answer {
    const body = request.json() ?? {};
    const name = textOf(body["model"]) ?? textOf(body["agent"]);
    if (name === undefined) return failure(400, "One of model and agent is required.");
    if (body["input"] === undefined) return failure(400, "input is required.");

    const directives = context.read(withoutFolder(name));
    const { model, wishes, status, html } = directives;
    const id = context.ids.next("v1_", 40);
    const served = { requestId, path: request.path, model };
    if (status !== undefined) return { ...failure(status, faultMessage(status), { html }), directives, served };

    const turn = composeTurn(readInteractionRequest(body, model), wishes);
    const facts = { id, model, ids: context.ids, now: context.now() };
    const told = { directives, served: { ...served, usage: turn.usage } };
    if (body["stream"] === true) {
      return {
        status: 200,
        headers: headersOf("text/event-stream"),
        body: interactionStream(turn, facts),
        ...told,
      };
    }
    const interaction = {
      ...interactionHead(facts, endStatus(turn)),
      steps: stepsOf(turn, context.ids).map(({ whole }) => whole),
      usage: interactionUsage(turn.usage),
    };
    if (body["store"] !== false) kept.put(id, interaction);
    return { ...jsonAnswer(interaction), ...told };
  }
}
