import { z } from "@hono/zod-openapi";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { refusalCodes, statusOf } from "../domain/refusal.ts";
import type { ManagementEnv } from "./routes.ts";

/** Their tag; they aren't served here. */
export const proxiedTag = "Proxied calls";

const addedHeaders = {
  "x-weir-exchange-id": { description: "The exchange in our records.", schema: { type: "string" } },
  "x-weir-trace-id": { description: "Its trace.", schema: { type: "string" } },
  "server-timing": {
    description: "`weir;dur=<ms before the upstream>, upstream;dur=<ms to its first byte>`.",
    schema: { type: "string" },
  },
  "x-request-id": { description: "Only where the upstream sent none.", schema: { type: "string" } },
} as const;

const credentials = {
  bearer: { type: "http", scheme: "bearer", description: "A token of a project, or the gate key." },
  "x-api-key": { type: "apiKey", in: "header", name: "x-api-key" },
  "x-goog-api-key": { type: "apiKey", in: "header", name: "x-goog-api-key" },
  "api-key": { type: "apiKey", in: "header", name: "api-key" },
  "x-weir-key": {
    type: "apiKey",
    in: "header",
    name: "x-weir-key",
    description: "It leaves the other places free for a provider key of the consumer's own.",
  },
  key: { type: "apiKey", in: "query", name: "key" },
} as const;

const refusalSchema = z.object({}).openapi("Refusal", {
  description: "An error of ours, in the shape that the route's dialect has for errors; `x-weir-error` holds the code.",
  example: {
    error: {
      message: "This token has expired. Ask for a new one.",
      type: "authentication_error",
      param: null,
      code: "token_expired",
    },
  },
});

/** Describes what is forwarded, as far as it is ours: credentials, added headers and refusals. */
export function describeProxiedPaths({ openAPIRegistry }: Pick<OpenAPIHono<ManagementEnv>, "openAPIRegistry">): void {
  for (const [name, scheme] of Object.entries(credentials))
    openAPIRegistry.registerComponent("securitySchemes", name, scheme);
  const rest = z.object({
    path: z.string().openapi({ description: "As the provider knows it.", example: "chat/completions" }),
  });
  const named = rest.extend({ provider: z.string().openapi({ description: "A provider's name.", example: "openai" }) });
  register("/v1/{path}", "Call OpenAI, or Anthropic by its paths and headers", rest);
  register("/v1beta/{path}", "Call Gemini", rest);
  register("/{provider}/{path}", "Call a provider by its name", named);

  function register(path: string, summary: string, params: z.ZodObject): void {
    openAPIRegistry.registerPath({
      method: "post",
      path,
      tags: [proxiedTag],
      summary,
      description:
        "Every method, header and body goes up as it came, and the answer comes down as it is; what is added or replaced is listed here. These paths are served by the gateway.",
      security: Object.keys(credentials).map((name) => ({ [name]: [] })),
      request: { params },
      responses: {
        default: { description: "The upstream's own answer, whatever its status", headers: addedHeaders },
        ...refusals(),
      },
    });
  }
}

/** The refusals of each status. */
function refusals() {
  const byStatus = Map.groupBy(refusalCodes, statusOf);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: `A refusal: ${codes.map((code) => `\`${code}\``).join(", ")}`,
        headers: addedHeaders,
        content: { "application/json": { schema: refusalSchema } },
      },
    ]),
  );
}
