import { createRoute, z } from "@hono/zod-openapi";
import type { Project } from "../domain/project.ts";
import { NameTaken } from "../storage/projects.ts";
import { createRoutes } from "./routes.ts";
import { ManagementFault } from "./fault.ts";
import { answers, bodyAnswers, faultAnswer } from "./fault-answers.ts";
import { idParams, readId } from "./fields.ts";
import { answerList, cursorOf } from "./list-answer.ts";
import { pageQuery, readFlag, readPage, soughtFlag, soughtText } from "./list-query.ts";
import type { ManagementParts } from "./parts.ts";
import { readNewProject, readProjectChange, writeProject } from "./project-json.ts";
import {
  newProjectSchema,
  projectChangeSchema,
  projectListSchema,
  projectSchema,
  revokedSchema,
} from "./project-schemas.ts";
import type { ReadLog } from "./read-log.ts";

const tags = ["Projects"];
const json = "application/json";
const one = { description: "The project", content: { [json]: { schema: projectSchema } } } as const;

const list = createRoute({
  operationId: "listProjects",
  method: "get",
  path: "/manage/projects",
  tags,
  summary: "List projects",
  description: "The latest first.",
  request: {
    query: z.strictObject({
      ...pageQuery,
      active: soughtFlag("Only those that are active, or only those that aren't."),
      search: soughtText("Only those whose name contains it, in any case."),
    }),
  },
  responses: answers({
    200: { description: "Projects", content: { [json]: { schema: projectListSchema } } },
    400: faultAnswer("query_invalid"),
  }),
});

const create = createRoute({
  operationId: "createProject",
  method: "post",
  path: "/manage/projects",
  tags,
  summary: "Create a project",
  request: { body: { required: true, content: { [json]: { schema: newProjectSchema } } } },
  responses: bodyAnswers({
    201: { ...one, description: "The new project" },
    409: faultAnswer("project_exists"),
  }),
});

const get = createRoute({
  operationId: "getProject",
  method: "get",
  path: "/manage/projects/{id}",
  tags,
  summary: "Get a project",
  request: { params: idParams },
  responses: answers({ 200: one, 404: faultAnswer("project_not_found") }),
});

const patch = createRoute({
  operationId: "updateProject",
  method: "patch",
  path: "/manage/projects/{id}",
  tags,
  summary: "Change a project",
  description:
    "What is absent stays. Keys, rules of the policy, settings and limits are changed one by one, and null takes one away; metadata and budgets are replaced as a whole.",
  request: { params: idParams, body: { required: true, content: { [json]: { schema: projectChangeSchema } } } },
  responses: bodyAnswers({
    200: one,
    404: faultAnswer("project_not_found"),
    409: faultAnswer("project_exists"),
  }),
});

const remove = createRoute({
  operationId: "deleteProject",
  method: "delete",
  path: "/manage/projects/{id}",
  tags,
  summary: "Not permitted: projects are never deleted",
  description: "Deactivate it: PATCH `is_active: false`.",
  request: { params: idParams },
  responses: answers({ 405: faultAnswer("method_not_allowed") }),
});

const revoke = createRoute({
  operationId: "revokeProjectTokens",
  method: "post",
  path: "/manage/projects/{id}/tokens/revoke",
  tags,
  summary: "Revoke all tokens of a project",
  description: "All or none, and again as often as you like.",
  request: { params: idParams },
  responses: answers({
    200: { description: "How many", content: { [json]: { schema: revokedSchema } } },
    404: faultAnswer("project_not_found"),
  }),
});

/** The routes of projects. */
export function createProjectRoutes(
  { projects, tokens, changes, providerNames, now }: ManagementParts,
  readLog: ReadLog,
) {
  return createRoutes()
    .openapi(list, async (c) => {
      const { active, search, ...query } = c.req.valid("query");
      const page = await projects.list({ isActive: readFlag(active), search }, readPage(query));
      await readLog(c.var.actor, "project.list");
      const items = await write(page.items);
      return answerList(c, query.format, items, { projects: items, next_cursor: cursorOf(page) });
    })
    .openapi(create, async (c) => {
      const wanted = readNewProject(c.req.valid("json"), providerNames());
      try {
        return c.json(await writeOne(await projects.add(wanted, c.var.actor)), 201);
      } catch (error) {
        if (!(error instanceof NameTaken)) throw error;
        const reason = "project_exists";
        await changes.note(c.var.actor, [
          { action: "project.create", outcome: "failure", reason, after: { name: wanted.name } },
        ]);
        throw new ManagementFault(reason);
      }
    })
    .openapi(get, async (c) => {
      const project = await found(c.req.valid("param").id);
      await readLog(c.var.actor, "project.read", { projectId: project.id });
      return c.json(await writeOne(project), 200);
    })
    .openapi(patch, async (c) => {
      const before = await found(c.req.valid("param").id);
      const body = c.req.valid("json");
      const change = readProjectChange(body, providerNames());
      if (Object.keys(body).length === 0) return c.json(await writeOne(before), 200);
      try {
        const done = await projects.update(before.id, change, c.var.actor);
        if (!done) throw new ManagementFault("project_not_found");
        return c.json(await writeOne(done.project), 200);
      } catch (error) {
        if (!(error instanceof NameTaken)) throw error;
        const reason = "project_exists";
        const about = { projectId: before.id, after: { name: body.name } };
        await changes.note(c.var.actor, [{ action: "project.update", outcome: "failure", reason, ...about }]);
        throw new ManagementFault(reason);
      }
    })
    .openapi(remove, async (c) => {
      const projectId = readId(c.req.valid("param").id);
      const message = "method not allowed: project deletion is not permitted. PATCH is_active: false deactivates it";
      await changes.note(c.var.actor, [
        { action: "project.delete", outcome: "failure", reason: "projects are never deleted", projectId },
      ]);
      throw new ManagementFault("method_not_allowed", { message, headers: { allow: "GET, PATCH" } });
    })
    .openapi(revoke, async (c) => {
      const id = readId(c.req.valid("param").id);
      const done = id === undefined ? undefined : await tokens.revokeAll(id, c.var.actor);
      if (!done) throw new ManagementFault("project_not_found");
      const { revoked, total } = done;
      return c.json({ revoked_count: revoked, already_revoked_count: total - revoked, total_tokens: total }, 200);
    });

  async function write(items: readonly Project[]) {
    const spentBy = await projects.readSpent(items.flatMap(({ id, budgets }) => (budgets ? [id] : [])));
    const at = now();
    return items.map((project) => writeProject(project, spentBy(project.id), at));
  }

  async function writeOne(project: Project) {
    const spentBy = await projects.readSpent(project.budgets ? [project.id] : []);
    return writeProject(project, spentBy(project.id), now());
  }

  async function found(sent: string) {
    const id = readId(sent);
    const project = id === undefined ? undefined : await projects.find(id);
    if (!project) throw new ManagementFault("project_not_found");
    return project;
  }
}
