import { createRoute, z } from "@hono/zod-openapi";
import { answerUnknown } from "./answer-unknown.ts";
import { createFaultAnswer } from "./answer-fault.ts";
import { createAuditRoutes } from "./audit-routes.ts";
import { authenticate } from "./authenticate.ts";
import { createCacheRoutes } from "./cache-routes.ts";
import { createDocsPage } from "./docs-page.ts";
import { createExchangeRoutes } from "./exchange-routes.ts";
import { createRoutes } from "./routes.ts";
import { answers } from "./fault-answers.ts";
import { createGuessBrake } from "./guess-brake.ts";
import { identify } from "./identify.ts";
import { limitBody } from "./limit-body.ts";
import type { ManagementParts } from "./parts.ts";
import { createProjectRoutes } from "./project-routes.ts";
import { describeProxiedPaths, proxiedTag } from "./proxied-paths.ts";
import { createReadLog } from "./read-log.ts";
import type { RefusalLog } from "./refusal-log.ts";
import { createSinkRoutes } from "./sink-routes.ts";
import { createSystemRoutes } from "./system-routes.ts";
import { createTokenRoutes } from "./token-routes.ts";
import { createUsageRoutes } from "./usage-routes.ts";

/** What anybody may read: the page that shows the documentation to who has the management token. */
export const publicPaths: ReadonlySet<string> = new Set(["/api/docs"]);

const maxBodyBytes = 1024 * 1024;

const introduction = [
  "Projects, tokens, the audit, exchanges and the state of a gateway, as JSON.",
  "Send the management token as `Authorization: Bearer <token>`.",
  'An error is `{"error":{"message":…,"code":…}}`, and `x-weir-error` holds its code.',
  "`x-request-id` is taken where it has 128 printable characters at most, else made; each answer and each entry of the audit has it.",
  "Times are RFC 3339. A list is walked with `limit` and `cursor`.",
].join(" ");

const tags = [
  {
    name: "Projects",
    description: "They own provider keys, and decide what their tokens may call. Nothing is ever deleted.",
  },
  { name: "Tokens", description: "What consumers call with. A token's text is shown once." },
  { name: "Audit", description: "What was changed and read, and who was refused: a chain of entries." },
  { name: "Exchanges", description: "What was called, what it took, and what was said, as far as it is kept." },
  { name: "Cache", description: "Answers that were kept." },
  { name: "Sinks", description: "Where records of exchanges go." },
  { name: "System", description: "The gateway itself." },
  { name: proxiedTag, description: "What is ours in what is forwarded." },
] as const;

const document = createRoute({
  operationId: "getDescription",
  method: "get",
  path: "/manage/openapi.json",
  tags: ["System"],
  summary: "This description, as OpenAPI 3.1",
  responses: answers({
    200: {
      description: "The document",
      content: { "application/json": { schema: z.record(z.string(), z.unknown()) } },
    },
  }),
});

const page = createRoute({
  operationId: "getDescriptionPage",
  method: "get",
  path: "/api/docs",
  tags: ["System"],
  summary: "This description, as a page",
  security: [],
  responses: { 200: { description: "The page", content: { "text/html": { schema: z.string() } } } },
});

/** Creates the routes of the management API, behind one check of credentials. */
export function createApi(parts: ManagementParts, refusals: Pick<RefusalLog, "add">) {
  const readLog = createReadLog(parts);
  const docsPage = createDocsPage();
  let description: Record<string, unknown> | undefined;
  const root = createRoutes();
  root.use(identify(parts.findClientAddress));
  root.use(
    authenticate({
      managementToken: parts.managementToken,
      brake: createGuessBrake(parts),
      refusals,
      publicPaths,
    }),
  );
  root.use(limitBody(maxBodyBytes));

  const api = root
    .route("/", createProjectRoutes(parts, readLog))
    .route("/", createTokenRoutes(parts, readLog))
    .route("/", createAuditRoutes(parts, readLog))
    .route("/", createExchangeRoutes(parts, readLog))
    .route("/", createUsageRoutes(parts))
    .route("/", createSinkRoutes(parts))
    .route("/", createCacheRoutes(parts))
    .route("/", createSystemRoutes(parts, readLog))
    .openapi(document, (c) => c.json((description ??= describe()), 200))
    .openapi(page, () => docsPage());

  api.openAPIRegistry.registerComponent("securitySchemes", "management", {
    type: "http",
    scheme: "bearer",
    description: "The management token.",
  });
  api.notFound(answerUnknown(api));
  api.onError(createFaultAnswer(parts.onFault));
  describeProxiedPaths(api);
  return api;

  function describe(): Record<string, unknown> {
    return {
      ...api.getOpenAPI31Document({
        openapi: "3.1.0",
        info: { title: "Weir", version: parts.version, description: introduction },
        security: [{ management: [] }],
        tags: [...tags],
      }),
    };
  }
}
