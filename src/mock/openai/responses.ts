import type { Answer } from "../dialect.ts";
import type { Directives } from "../directives.ts";
import { promptTokens } from "../prompt-tokens.ts";
import { createShelf } from "../shelf.ts";
import { asksForWebSocket } from "../websocket.ts";
import { jsonAnswer, refuse, socketAnswer, streamAnswer, withModel } from "./call.ts";
import type { Handler, OpenaiCall } from "./call.ts";
import { draftResponse, findFault, keepResponse } from "./draft-response.ts";
import type { Stored } from "./draft-response.ts";
import { serverFault } from "./fault.ts";
import type { Fault } from "./fault.ts";
import { numberEvents, responseEvents } from "./response-events.ts";
import { listItems, readResponsePrompt } from "./response-prompt.ts";
import { createResponseSession } from "./response-session.ts";
import { sseEvent } from "./sse.ts";
import { responseUsage } from "./usage.ts";

const mostResponses = 1_000;

/** `/responses`, with a memory for the newest thousand. */
export function createResponses(): Readonly<
  Record<"create" | "connect" | "get" | "remove" | "compact" | "count", Handler>
> {
  const stored = createShelf<Stored>(mostResponses);
  const onStored = (call: OpenaiCall, handle: (found: Stored) => Answer): Answer => {
    const found = stored.find(call.id);
    return found === undefined ? refuse(call, notFound(call.id)) : handle(found);
  };

  return {
    create: withModel((call) => {
      const { body, context, directives } = call;
      const fault = findFault(body, stored);
      if (fault !== undefined) return refuse(call, fault, { directives });
      const draft = draftResponse(body, { directives, context, stored });
      const { usage } = draft.turn;
      if (body["stream"] !== true) return jsonAnswer(call, keepResponse(draft, stored), { directives, usage });
      const events = numberEvents(responseEvents(draft), { write: sseEvent, ended: () => keepResponse(draft, stored) });
      return streamAnswer(call, events, { directives, usage, error: errorEvent(directives) });
    }),
    connect(call) {
      if (!asksForWebSocket(call.request))
        return refuse(call, {
          status: 405,
          message: "Not allowed to GET on /v1/responses (HINT: perhaps you meant to make a POST request)",
        });
      return socketAnswer(call, createResponseSession(call, stored));
    },
    get: (call) => onStored(call, ({ response }) => jsonAnswer(call, response)),
    remove: (call) =>
      onStored(call, () => jsonAnswer(call, { id: call.id, object: "response", deleted: stored.remove(call.id) })),
    count: withModel((call) => {
      const { inputTokens } = readResponsePrompt(call.body, { model: call.directives.model, before: 0 });
      return jsonAnswer(
        call,
        { object: "response.input_tokens", input_tokens: inputTokens },
        { directives: call.directives },
      );
    }),
    compact: withModel((call) => {
      const { body, context, directives } = call;
      const usage = { input: promptTokens(body["instructions"], body["input"]), output: 8 };
      const kept = listItems(body["input"]).filter((item) => item["role"] === "user");
      const item = { id: context.ids.next("cmp_", 48), type: "compaction", encrypted_content: "bW9jaw==" };
      const value = {
        id: context.ids.next("resp_", 48),
        object: "response.compaction",
        created_at: context.now(),
        output: [...kept, item],
        usage: responseUsage(usage),
      };
      return jsonAnswer(call, value, { directives, usage });
    }),
  };
}

/** The event that breaks a stream off, with the number that is next at that point. */
function errorEvent({ break: broken }: Directives): string {
  const number = broken !== undefined && "afterEvents" in broken ? broken.afterEvents : 0;
  const { message, type } = serverFault();
  return sseEvent(
    "error",
    JSON.stringify({ type: "error", code: type, message, param: null, sequence_number: number }),
  );
}

function notFound(id: string): Fault {
  return { status: 404, message: `Response with id '${id}' not found.` };
}
