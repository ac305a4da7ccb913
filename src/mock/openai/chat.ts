import type { Answer } from "../dialect.ts";
import { countOf, objectOf } from "../json.ts";
import { wholeText } from "../text.ts";
import { composeTurn } from "../turn.ts";
import type { Turn } from "../turn.ts";
import { jsonAnswer, refuse, streamAnswer, withModel } from "./call.ts";
import type { ModelCall } from "./call.ts";
import { chatEvents } from "./chat-events.ts";
import { readChatPrompt } from "./chat-prompt.ts";
import { faultText, missing, serverFault } from "./fault.ts";
import { finishReason } from "./finish-reason.ts";
import { sseError } from "./sse.ts";
import { chatUsage, usageOfChoices } from "./usage.ts";

const mostChoices = 128;

/** `POST /chat/completions`. */
export const createChatCompletion = withModel((call) => {
  const { body } = call;
  if (!Array.isArray(body["messages"])) return refuse(call, missing("messages"));
  if (body["stream_options"] !== undefined && body["stream_options"] !== null && body["stream"] !== true) {
    const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    return refuse(call, { status: 400, message, param: "stream_options" });
  }
  return complete(call);
});

function complete(call: ModelCall): Answer {
  const { body, context, directives } = call;
  const { model, wishes } = directives;
  const prompt = readChatPrompt(body, model);
  const count = Math.min(countOf(body["n"]) ?? 1, mostChoices);
  const turns = Array.from({ length: count }, (_, choice) => composeTurn(prompt, wishes, choice));
  const usage = usageOfChoices(turns.map((turn) => turn.usage));
  const head = { id: context.ids.next("chatcmpl-", 29), created: context.now(), model };
  if (body["stream"] === true) {
    const toldUsage = objectOf(body["stream_options"])["include_usage"] === true ? chatUsage(usage) : undefined;
    const events = chatEvents({ head, turns, usage: toldUsage, ids: context.ids, showsReasoning: wishes.think });
    return streamAnswer(call, events, { directives, usage, error: sseError(faultText(serverFault())) });
  }
  return jsonAnswer(
    call,
    {
      id: head.id,
      object: "chat.completion",
      created: head.created,
      model,
      choices: turns.map((turn, index) => ({
        index,
        message: messageOf(turn, call),
        logprobs: null,
        finish_reason: finishReason(turn),
      })),
      usage: chatUsage(usage),
      service_tier: "default",
      system_fingerprint: "fp_mock000001",
    },
    { directives, usage },
  );
}

function messageOf(turn: Turn, { context, directives }: ModelCall): object {
  const calls = turn.calls.map(({ name, args }) => ({
    id: context.ids.next("call_"),
    type: "function",
    function: { name, arguments: JSON.stringify(args) },
  }));
  return {
    role: "assistant",
    content: calls.length > 0 ? null : wholeText(turn.text),
    ...(directives.wishes.think ? { reasoning_content: turn.reasoning } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    refusal: null,
    annotations: [],
  };
}
