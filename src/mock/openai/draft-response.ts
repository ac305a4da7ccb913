import type { MockContext } from "../dialect.ts";
import type { Directives } from "../directives.ts";
import { objectOf, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import type { Shelf } from "../shelf.ts";
import { composeTurn } from "../turn.ts";
import type { Fault } from "./fault.ts";
import { finishedResponse, itemsOf } from "./response-object.ts";
import type { Draft } from "./response-object.ts";
import { readResponsePrompt } from "./response-prompt.ts";

/** A response that can be got again, or gone on from. */
export type Stored = { readonly response: Json; readonly totalTokens: number };

/** What is wrong with a request, if anything is. */
export function findFault(body: Json, stored: Shelf<Stored>): Fault | undefined {
  if ("include_usage" in objectOf(body["stream_options"])) {
    const param = "stream_options.include_usage";
    return { status: 400, message: `Unknown parameter: '${param}'.`, param, code: "unknown_parameter" };
  }
  const previous = textOf(body["previous_response_id"]);
  if (previous === undefined || stored.find(previous) !== undefined) return undefined;
  const message = `Previous response with id '${previous}' not found.`;
  return { status: 400, message, param: "previous_response_id", code: "previous_response_not_found" };
}

/** Makes a response of a request. */
export function draftResponse(
  body: Json,
  {
    directives,
    context,
    stored,
  }: { readonly directives: Directives; readonly context: MockContext; readonly stored: Shelf<Stored> },
): Draft {
  const { model, wishes } = directives;
  const before = stored.find(textOf(body["previous_response_id"]) ?? "")?.totalTokens ?? 0;
  const turn = composeTurn(readResponsePrompt(body, { model, before }), wishes);
  return {
    id: context.ids.next("resp_", 48),
    createdAt: context.now(),
    model,
    body,
    turn,
    items: itemsOf(turn, context.ids),
  };
}

/** Keeps a response, so that another can go on from it, and gives it as it goes out. */
export function keepResponse(draft: Draft, stored: Shelf<Stored>): Json {
  const response = finishedResponse(draft);
  const { input = 0, input_cached = 0, output = 0, output_reasoning = 0 } = draft.turn.usage;
  stored.put(draft.id, { response, totalTokens: input + input_cached + output + output_reasoning });
  return response;
}
