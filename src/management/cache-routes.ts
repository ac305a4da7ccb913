import { createRoute, z } from "@hono/zod-openapi";
import type { Purge } from "../cache/cache.ts";
import { bodyFault, ManagementFault } from "./fault.ts";
import { bodyAnswers, faultAnswer } from "./fault-answers.ts";
import { line } from "./fields.ts";
import type { ManagementParts } from "./parts.ts";
import { createRoutes } from "./routes.ts";

const json = "application/json";

/** A path, or a whole URL, of which the path counts. */
const target = line(8192).refine(
  (written) => /^(?:\/|https?:\/\/[^/?#]+\/)/i.test(written),
  "must be a path such as /v1/models, or a whole URL, of which the path and the query count",
);

const purgeSchema = z
  .strictObject({
    method: line(20).optional(),
    url: target.optional(),
    prefix: target.optional(),
    project_id: line(100).optional(),
    all: z.boolean().optional(),
  })
  .openapi("CachePurge", {
    description: "`method` with `url`, or `prefix`, or `project_id`, or `all: true`.",
    example: { all: true },
  });

const purge = createRoute({
  operationId: "purgeCache",
  method: "post",
  path: "/manage/cache/purge",
  tags: ["Cache"],
  summary: "Purge the response cache",
  description:
    "Forgets kept answers: those to exactly this method and URL (path and query, of whatever headers and body), to URLs whose path begins so, to one project, or all. In memory it is the cache of the process that answers.",
  request: { body: { required: true, content: { [json]: { schema: purgeSchema } } } },
  responses: bodyAnswers({
    200: {
      description: "How many answers were forgotten",
      content: { [json]: { schema: z.object({ deleted: z.int() }).openapi("CachePurged") } },
    },
    400: faultAnswer("body_invalid", "cache_off"),
  }),
});

/** The routes of the response cache. */
export function createCacheRoutes({ purgeCache, changes }: Pick<ManagementParts, "purgeCache" | "changes">) {
  return createRoutes().openapi(purge, async (c) => {
    if (!purgeCache) throw new ManagementFault("cache_off");
    const body = c.req.valid("json");
    const deleted = await purgeCache(readPurge(body)).catch((cause: unknown) => {
      throw new ManagementFault("dependency_unavailable", {
        message: "The cache's Redis doesn't answer as it should. Try again later; the log says what is wrong",
        cause,
      });
    });
    const { project_id: projectId } = body;
    await changes.note(c.var.actor, [
      { action: "cache.purge", outcome: "success", after: { ...body, deleted }, ...(projectId && { projectId }) },
    ]);
    return c.json({ deleted }, 200);
  });
}

function readPurge({ method, url, prefix, project_id: project, all }: z.output<typeof purgeSchema>): Purge {
  const ways: Purge[] = [];
  if (url !== undefined && method !== undefined) ways.push({ kind: "url", method: method.toUpperCase(), url });
  if (prefix !== undefined) ways.push({ kind: "prefix", prefix });
  if (project !== undefined) ways.push({ kind: "project", project });
  if (all === true) ways.push({ kind: "all" });
  const [way, ...more] = ways;
  const isHalf = (url === undefined) !== (method === undefined);
  if (way === undefined || more.length > 0 || isHalf)
    throw bodyFault("it must have method with url, or prefix, or project_id, or all: true");
  return way;
}
