import type { Answer, CreateDialect, MockContext } from "../dialect.ts";
import { hasCredential } from "../mock-request.ts";
import type { MockRequest } from "../mock-request.ts";
import { refuse } from "./call.ts";
import type { Handler, OpenaiCall } from "./call.ts";
import { createRoutes } from "./routes.ts";

/** OpenAI's own base path, other providers' for the same API, and Azure's. */
const base = /^(?:\/openai)?(?:\/v1|\/deployments\/[^/]+)?(?=\/)/;

/** OpenAI's API; answers every request, with its 404 where there is no such path. */
export const createOpenaiDialect: CreateDialect = (context) => {
  const routes = createRoutes();
  return { find: (request) => answerCall(request, { context, routes }) };
};

type Parts = { readonly context: MockContext; readonly routes: ReadonlyMap<string, Handler> };

function answerCall(request: MockRequest, { context, routes }: Parts): Answer | Promise<Answer> {
  const path = request.path.replace(base, "").replace(/(?<=.)\/$/, "");
  const [, , id = ""] = path.split("/");
  const call: OpenaiCall = { request, context, id, requestId: context.ids.next("req_", 32) };
  if (!isAllowed(request)) return refuse(call, noCredential);
  const key = `${request.method} ${path}`;
  const handler = routes.get(key) ?? routes.get(key.replace(/^(\S+ \/[^/]+\/)[^/]+/, "$1*"));
  if (handler !== undefined) return handler(call);
  const message = `Invalid URL (${request.method} ${request.path})`;
  return refuse(call, { status: 404, message });
}

const noCredential = {
  status: 401,
  message:
    "You didn't provide an API key. It belongs in an Authorization header using Bearer auth (Authorization: Bearer YOUR_KEY).",
};

/** A browser's WebSocket has no headers of its own, and brings its key as a subprotocol. */
function isAllowed(request: MockRequest): boolean {
  if (hasCredential(request, { headers: ["authorization", "api-key"] })) return true;
  return request.header("sec-websocket-protocol")?.includes("openai-insecure-api-key.") === true;
}
