import type { Answer, CreateDialect } from "../dialect.ts";
import { hasCredential } from "../mock-request.ts";
import type { MockRequest } from "../mock-request.ts";
import { asksForWebSocket } from "../websocket.ts";
import { createCachedContents } from "./cached-contents.ts";
import { answerBatchEmbed, answerEmbed } from "./embed.ts";
import { createFiles } from "./files.ts";
import type { GeminiCall } from "./gemini-call.ts";
import { failure, faultMessage } from "./gemini-head.ts";
import { answerCount, answerGenerate, answerStream } from "./generate.ts";
import { createInteractions } from "./interactions.ts";
import { answerLive } from "./live.ts";
import { answerModel, answerModels } from "./models.ts";

/** Answers a request; `rest` is what follows the route's own path. */
type Handler = (call: GeminiCall, rest: string) => Answer;
type Route = readonly [method: string | undefined, path: RegExp, handler: Handler];

const verbs = new Map<string, (call: GeminiCall, model: string) => Answer>([
  ["generateContent", answerGenerate],
  ["streamGenerateContent", answerStream],
  ["countTokens", answerCount],
  ["embedContent", answerEmbed],
  ["batchEmbedContents", answerBatchEmbed],
]);

/** Gemini's API under `/v1beta`, `/v1alpha` and `/v1`, as far as it is told from others' by its paths or its key. */
export const createGeminiDialect: CreateDialect = (context) => {
  const cached = createCachedContents();
  const files = createFiles();
  const routes: readonly Route[] = [
    ["POST", /^\/upload\/v1[a-z]*\/files$/, files.upload],
    ["POST", /^\/v1[a-z]*\/(?:models|tunedModels)\/(?=[^/]+:\w+$)/, answerVerb],
    ["GET", /^\/v1[a-z]*\/models$/, answerModels],
    ["GET", /^\/v1[a-z]*\/models\//, (_call, name) => answerModel(name)],
    [undefined, /^\/v1[a-z]*\/interactions(?=\/|$)/, createInteractions()],
    [undefined, /^\/v1[a-z]*\/cachedContents(?=\/|$)/, cached.answer],
    [undefined, /^\/v1[a-z]*\/files(?=\/|$)/, files.answer],
  ];
  const parts = { context, routes, cachedTokens: cached.tokens };
  return { find: (request) => (isGeminis(request) ? answer(request, parts) : undefined) };
};

function isGeminis({ path, method, header, query }: MockRequest): boolean {
  if (/^\/(?:upload\/)?v1(?:beta|alpha)\d*\/|^\/upload\/v1\/|^\/{1,2}ws\/google\./.test(path)) return true;
  if (/^\/v1\/(?:interactions|cachedContents)(?:\/|$)/.test(path)) return true;
  const verb = /^\/v1\/models\/[^/]+:(\w+)$/.exec(path)?.[1];
  if (method === "POST" && verb !== undefined && verbs.has(verb)) return true;
  return path.startsWith("/v1/") && (header("x-goog-api-key") !== undefined || query.has("key"));
}

type Parts = Pick<GeminiCall, "context" | "cachedTokens"> & { readonly routes: readonly Route[] };

/** Every answer tells its id in its head, and goes into the books. */
function answer(request: MockRequest, { context, routes, cachedTokens }: Parts): Answer {
  const requestId = context.ids.next("", 23);
  const found = handle({ request, context, requestId, cachedTokens }, routes);
  return {
    ...found,
    headers: [...found.headers, ["x-request-id", requestId]],
    served: found.served ?? { requestId, path: request.path },
  };
}

function handle(call: GeminiCall, routes: readonly Route[]): Answer {
  const { request } = call;
  const inArray = request.path.endsWith(":streamGenerateContent") && request.query.get("alt") !== "sse";
  // An upload that has begun is known by its id alone.
  if (!request.query.has("upload_id") && !isKnown(request)) return failure(403, unregistered, { inArray });
  if (asksForWebSocket(request)) return answerLive(call);
  const path = request.path.replace(/\/+$/, "");
  for (const [method, pattern, handler] of routes) {
    if (method !== undefined && method !== request.method) continue;
    const found = pattern.exec(path);
    if (found !== null) return handler(call, path.slice(found[0].length));
  }
  return failure(404, "Requested entity was not found.", { inArray });
}

const unregistered =
  "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.";

function isKnown(request: MockRequest): boolean {
  return hasCredential(request, { headers: ["x-goog-api-key", "authorization"], query: ["key", "access_token"] });
}

function answerVerb(call: GeminiCall, rest: string): Answer {
  const [, model = "", verb = ""] = /^(.*):(\w+)$/.exec(rest) ?? [];
  const handler = verbs.get(verb);
  return handler === undefined ? failure(404, faultMessage(404)) : handler(call, decoded(model));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
