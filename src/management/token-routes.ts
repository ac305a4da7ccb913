import { createRoute, z } from "@hono/zod-openapi";
import type { Token } from "../domain/token.ts";
import { ProjectInactive, ProjectUnknown } from "../storage/tokens.ts";
import { createRoutes } from "./routes.ts";
import { ManagementFault } from "./fault.ts";
import { answers, bodyAnswers, faultAnswer } from "./fault-answers.ts";
import { idParams, readId } from "./fields.ts";
import { answerList, cursorOf } from "./list-answer.ts";
import { oneOf, pageQuery, readFlag, readPage, readTime, soughtFlag, soughtText, soughtTime } from "./list-query.ts";
import type { ManagementParts } from "./parts.ts";
import type { ReadLog } from "./read-log.ts";
import { readNewToken, readTokenChange, writeToken } from "./token-json.ts";
import { newTokenSchema, tokenChangeSchema, tokenListSchema, tokenSchema } from "./token-schemas.ts";

const tags = ["Tokens"];
const json = "application/json";
const one = { description: "The token, masked", content: { [json]: { schema: tokenSchema } } } as const;

const list = createRoute({
  operationId: "listTokens",
  method: "get",
  path: "/manage/tokens",
  tags,
  summary: "List tokens",
  description: "The latest first; never their texts.",
  request: {
    query: z.strictObject({
      ...pageQuery,
      project_id: soughtText("Only those of this project."),
      projectId: soughtText("`project_id` by another name."),
      active_only: soughtFlag("Only those that are active and haven't expired."),
      activeOnly: soughtFlag("`active_only` by another name."),
      expires_before: soughtTime("Only those that expire before it."),
    }),
  },
  responses: answers({
    200: { description: "Tokens", content: { [json]: { schema: tokenListSchema } } },
    400: faultAnswer("query_invalid"),
  }),
});

const create = createRoute({
  operationId: "createToken",
  method: "post",
  path: "/manage/tokens",
  tags,
  summary: "Create a token",
  description: "The answer holds the token's whole text, which is shown this once.",
  request: { body: { required: true, content: { [json]: { schema: newTokenSchema } } } },
  responses: bodyAnswers({
    201: { ...one, description: "The new token, with its text" },
    403: faultAnswer("project_inactive"),
    404: faultAnswer("project_not_found"),
  }),
});

const get = createRoute({
  operationId: "getToken",
  method: "get",
  path: "/manage/tokens/{id}",
  tags,
  summary: "Get a token",
  request: { params: idParams },
  responses: answers({ 200: one, 404: faultAnswer("token_not_found") }),
});

const patch = createRoute({
  operationId: "updateToken",
  method: "patch",
  path: "/manage/tokens/{id}",
  tags,
  summary: "Change a token",
  request: { params: idParams, body: { required: true, content: { [json]: { schema: tokenChangeSchema } } } },
  responses: bodyAnswers({
    200: one,
    404: faultAnswer("token_not_found"),
    400: faultAnswer("body_invalid", "no_fields"),
  }),
});

const remove = createRoute({
  operationId: "revokeToken",
  method: "delete",
  path: "/manage/tokens/{id}",
  tags,
  summary: "Revoke a token",
  description: "It stays in the list, inactive. Revoking it again is no error.",
  request: { params: idParams },
  responses: answers({ 204: { description: "It is revoked" }, 404: faultAnswer("token_not_found") }),
});

/** The routes of tokens. */
export function createTokenRoutes({ tokens, changes, now }: ManagementParts, readLog: ReadLog) {
  return createRoutes()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const projectId = oneOf(query, "project_id", "projectId");
      const activeOnly = readFlag(oneOf(query, "active_only", "activeOnly"));
      const { expires_before: before } = query;
      const filter = {
        projectId: projectId === undefined ? undefined : (readId(projectId) ?? projectId),
        isActive: activeOnly === true ? true : undefined,
        expiresBefore: before === undefined ? undefined : readTime(before),
      };
      const page = await tokens.list(filter, readPage(query));
      await readLog(c.var.actor, "token.list");
      const spentBy = await tokens.readSpent(page.items.flatMap(({ id, budgets }) => (budgets ? [id] : [])));
      const at = now();
      const items = page.items.map((token) => writeToken(token, { spent: spentBy(token.id), now: at }));
      return answerList(c, query.format, items, { tokens: items, next_cursor: cursorOf(page) });
    })
    .openapi(create, async (c) => {
      const wanted = readNewToken(c.req.valid("json"), now());
      try {
        const { token, text } = await tokens.add(wanted, c.var.actor);
        return c.json(await writeOne(token, text), 201);
      } catch (error) {
        if (error instanceof ProjectUnknown) throw new ManagementFault("project_not_found");
        if (!(error instanceof ProjectInactive)) throw error;
        const reason = "project_inactive";
        await changes.note(c.var.actor, [
          { action: "token.create", outcome: "denied", reason, projectId: wanted.projectId },
        ]);
        throw new ManagementFault(reason);
      }
    })
    .openapi(get, async (c) => {
      const id = readTokenId(c.req.valid("param").id);
      const token = await tokens.find(id);
      if (!token) throw new ManagementFault("token_not_found");
      await readLog(c.var.actor, "token.read", { projectId: token.projectId, tokenId: token.id });
      return c.json(await writeOne(token), 200);
    })
    .openapi(patch, async (c) => {
      const id = readTokenId(c.req.valid("param").id);
      const change = readTokenChange(c.req.valid("json"), now());
      const token = await tokens.update(id, change, c.var.actor);
      if (!token) throw new ManagementFault("token_not_found");
      return c.json(await writeOne(token), 200);
    })
    .openapi(remove, async (c) => {
      const id = readTokenId(c.req.valid("param").id);
      if (!(await tokens.revoke(id, c.var.actor))) throw new ManagementFault("token_not_found");
      return c.body(null, 204);
    });

  async function writeOne(token: Token, text = token.shown) {
    const spentBy = await tokens.readSpent(token.budgets ? [token.id] : []);
    return writeToken(token, { spent: spentBy(token.id), now: now(), text });
  }
}

function readTokenId(sent: string): string {
  const id = readId(sent);
  if (id === undefined) throw new ManagementFault("token_not_found");
  return id;
}
