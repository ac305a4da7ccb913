import type { Answer, CreateDialect, MockContext } from "../dialect.ts";
import { hasCredential } from "../mock-request.ts";
import type { MockRequest } from "../mock-request.ts";
import type { AnthropicCall } from "./anthropic-call.ts";
import { failure, jsonAnswer } from "./anthropic-head.ts";
import { createBatches } from "./batches.ts";
import { answerCompletion } from "./completions.ts";
import { createFiles } from "./files.ts";
import { answerCount, answerMessage } from "./messages.ts";
import { answerModels } from "./models.ts";

/** Answers a request; `rest` is what follows the route's own path. */
type Handler = (call: AnthropicCall, rest: string) => Answer;
type Route = readonly [method: string | undefined, path: RegExp, handler: Handler];

/** Anthropic's API: what is its own by the path, and every path under `/v1` with `anthropic-version`. */
export const createAnthropicDialect: CreateDialect = (context) => {
  const routes: readonly Route[] = [
    ["POST", /^\/v1\/messages\/?$/, answerMessage],
    ["POST", /^\/v1\/messages\/count_tokens\/?$/, answerCount],
    [undefined, /^\/v1\/messages\/batches(?=\/|$)/, createBatches()],
    [undefined, /^\/v1\/files(?=\/|$)/, createFiles()],
    ["GET", /^\/v1\/models(?=\/|$)/, answerModels],
    ["POST", /^\/v1\/complete\/?$/, answerCompletion],
  ];
  return {
    find(request) {
      if (!isAnthropics(request)) return undefined;
      return answer(request, { context, routes });
    },
  };
};

function isAnthropics(request: MockRequest): boolean {
  if (/^\/(?:v1\/(?:messages|complete)|api\/hello)(?:\/|$)/.test(request.path)) return true;
  return request.path.startsWith("/v1/") && request.header("anthropic-version") !== undefined;
}

/** Every answer goes into the books. */
function answer(
  request: MockRequest,
  { context, routes }: { readonly context: MockContext; readonly routes: readonly Route[] },
): Answer {
  const head = { requestId: context.ids.next("req_01", 22), now: context.now() };
  const found = handle({ request, context, head }, routes);
  return { ...found, served: found.served ?? { requestId: head.requestId, path: request.path } };
}

function handle(call: AnthropicCall, routes: readonly Route[]): Answer {
  const { request, head } = call;
  // What asks whether the API is there needs no credential.
  if (request.path.startsWith("/api/hello")) return jsonAnswer({}, head);
  if (!hasCredential(request, { headers: ["x-api-key", "authorization"] })) {
    return failure(401, "x-api-key header is required", head);
  }
  if (request.header("anthropic-version") === undefined) {
    return failure(400, "anthropic-version: header is required", head);
  }
  const path = request.path.replace(/\/+$/, "");
  for (const [method, pattern, handler] of routes) {
    if (method !== undefined && method !== request.method) continue;
    const found = pattern.exec(path);
    if (found !== null) return handler(call, path.slice(found[0].length));
  }
  return failure(404, `Not found: ${request.method} ${request.path}`, head);
}
