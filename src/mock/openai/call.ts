import type { Answer, MockContext, MockEvent } from "../dialect.ts";
import type { Directives } from "../directives.ts";
import type { UsageBuckets } from "../../domain/usage.ts";
import type { Header } from "../http1.ts";
import { textOf } from "../json.ts";
import type { Json } from "../json.ts";
import type { MockRequest } from "../mock-request.ts";
import { acceptWebSocket } from "../websocket.ts";
import type { Session } from "../websocket.ts";
import { webPage } from "../web-page.ts";
import { faultByStatus, faultText } from "./fault.ts";
import type { Fault } from "./fault.ts";

/** One request to this API. */
export type OpenaiCall = {
  readonly request: MockRequest;
  readonly context: MockContext;
  /** The id that stands in the path; empty where none does. */
  readonly id: string;
  readonly requestId: string;
};

/** Answers one kind of request. */
export type Handler = (call: OpenaiCall) => Answer | Promise<Answer>;

/** A request that names a model, which says how it is to be answered. */
export type ModelCall = OpenaiCall & { readonly body: Json; readonly directives: Directives };

/** What an answer was, beside its body. */
export type About = {
  readonly status?: number;
  readonly type?: string;
  readonly directives?: Directives;
  readonly usage?: UsageBuckets;
  readonly headers?: readonly Header[];
};

/** An answer of bytes or text. */
export function answer(call: OpenaiCall, body: Answer["body"], about: About = {}): Answer {
  const { status = 200, type = "application/json", directives, usage, headers = [] } = about;
  return {
    status,
    headers: [["content-type", type], ...headersOf(call), ...headers],
    body,
    directives,
    served: { requestId: call.requestId, path: call.request.path, model: directives?.model, usage },
  };
}

/** An answer in JSON. */
export function jsonAnswer(call: OpenaiCall, value: unknown, about: About = {}): Answer {
  return answer(call, JSON.stringify(value), about);
}

/** An answer of server-sent events; `error` is the event that breaks a stream off. */
export function streamAnswer(
  call: OpenaiCall,
  events: Iterable<MockEvent>,
  about: About & { readonly error: string },
): Answer {
  return answer(call, { events, error: about.error }, { type: "text/event-stream; charset=utf-8", ...about });
}

/** The beginning of a WebSocket. */
export function socketAnswer(call: OpenaiCall, session: Session): Answer {
  const { status, headers, upgrade } = acceptWebSocket(call.request, session);
  return { ...answer(call, "", { status }), headers: [...headers, ...headersOf(call)], upgrade };
}

/** A refusal in this API's shape. */
export function refuse(call: OpenaiCall, fault: Fault, about: About = {}): Answer {
  return answer(call, faultText(fault), { ...about, status: fault.status });
}

/** Reads what a request with a model in its JSON says, and lets the model's name refuse it. */
export function withModel(handle: (call: ModelCall) => Answer | Promise<Answer>, { defaultModel = "" } = {}): Handler {
  return (call) => {
    const body = call.request.json();
    if (body === undefined) {
      return refuse(call, {
        status: 400,
        message: "We could not parse the JSON body of your request. It has to be a JSON object.",
      });
    }
    const model = textOf(body["model"]) ?? defaultModel;
    if (model === "") return refuse(call, { status: 400, message: "you must provide a model parameter" });
    const directives = call.context.read(model);
    return refuseByName(call, directives) ?? handle({ ...call, body, directives });
  };
}

/** The refusal that a model's name asks for. */
export function refuseByName(call: OpenaiCall, directives: Directives): Answer | undefined {
  const { status, html } = directives;
  if (status === undefined) return undefined;
  if (html) return answer(call, webPage(status, "Bad Gateway"), { status, type: "text/html", directives });
  const headers: Header[] =
    status === 429
      ? [
          ["retry-after", "1"],
          ["retry-after-ms", "1000"],
        ]
      : [];
  return refuse(call, faultByStatus(status, directives.model), { directives, headers });
}

function headersOf({ requestId }: OpenaiCall): readonly Header[] {
  return [
    ["x-request-id", requestId],
    ["openai-organization", "mock"],
    ["openai-processing-ms", "12"],
    ["openai-version", "2020-10-01"],
    ["x-ratelimit-limit-requests", "10000"],
    ["x-ratelimit-limit-tokens", "2000000"],
    ["x-ratelimit-remaining-requests", "9999"],
    ["x-ratelimit-remaining-tokens", "1999000"],
    ["x-ratelimit-reset-requests", "6ms"],
    ["x-ratelimit-reset-tokens", "30ms"],
  ];
}
