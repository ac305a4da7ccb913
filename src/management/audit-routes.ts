import { createRoute, z } from "@hono/zod-openapi";
import { auditCheckSchema, auditEntrySchema, auditListSchema, writeEntry } from "./audit-schemas.ts";
import { createRoutes } from "./routes.ts";
import { ManagementFault } from "./fault.ts";
import { answers, faultAnswer } from "./fault-answers.ts";
import { idParams, readId } from "./fields.ts";
import { answerList, cursorOf } from "./list-answer.ts";
import { checkSpan, oneOf, pageQuery, readPage, readTime, soughtText, soughtTime } from "./list-query.ts";
import type { ManagementParts } from "./parts.ts";
import type { ReadLog } from "./read-log.ts";

const tags = ["Audit"];
const json = "application/json";

const list = createRoute({
  operationId: "listAudit",
  method: "get",
  path: "/manage/audit",
  tags,
  summary: "List entries of the audit",
  description: "The latest first.",
  request: {
    query: z.strictObject({
      ...pageQuery,
      action: soughtText("`token.create`, for instance."),
      actor: soughtText("Who did it."),
      project_id: soughtText("About this project."),
      projectId: soughtText("`project_id` by another name."),
      token_id: soughtText("About this token, by its id."),
      request_id: soughtText("Of this request."),
      outcome: soughtText("`success`, `failure`, `denied` or `error`."),
      client_ip: soughtText("From this address."),
      method: soughtText("By this method."),
      path: soughtText("At exactly this path."),
      search: soughtText("With this text in any of its members, in any case."),
      start_time: soughtTime("Not before it."),
      end_time: soughtTime("Not after it."),
    }),
  },
  responses: answers({
    200: { description: "Entries", content: { [json]: { schema: auditListSchema } } },
    400: faultAnswer("query_invalid"),
  }),
});

const verify = createRoute({
  operationId: "verifyAudit",
  method: "get",
  path: "/manage/audit/verify",
  tags,
  summary: "Check the chain of the audit",
  description: "Looks through all of it: a changed or missing entry is found.",
  responses: answers({
    200: { description: "What was found", content: { [json]: { schema: auditCheckSchema } } },
  }),
});

const get = createRoute({
  operationId: "getAuditEntry",
  method: "get",
  path: "/manage/audit/{id}",
  tags,
  summary: "Get an entry of the audit",
  request: { params: idParams },
  responses: answers({
    200: { description: "The entry", content: { [json]: { schema: auditEntrySchema } } },
    404: faultAnswer("audit_entry_not_found"),
  }),
});

/** The routes of the audit. */
export function createAuditRoutes({ auditStore }: ManagementParts, readLog: ReadLog) {
  return createRoutes()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const { start_time: start, end_time: end } = query;
      const filter = {
        action: query.action,
        actor: query.actor,
        projectId: oneOf(query, "project_id", "projectId"),
        tokenId: query.token_id,
        requestId: query.request_id,
        outcome: query.outcome,
        clientAddress: query.client_ip,
        method: query.method,
        path: query.path,
        search: query.search,
        from: start === undefined ? undefined : readTime(start),
        to: end === undefined ? undefined : readTime(end),
      };
      checkSpan(filter.from, filter.to);
      const page = await there().list(filter, readPage(query));
      await readLog(c.var.actor, "audit.list");
      const items = page.items.map(writeEntry);
      return answerList(c, query.format, items, { audit: items, next_cursor: cursorOf(page) });
    })
    .openapi(verify, async (c) => {
      const { ok, checked, brokenAt } = await there().verify();
      await readLog(c.var.actor, "audit.verify");
      return c.json({ ok, checked, ...(brokenAt === undefined ? {} : { broken_at: brokenAt }) }, 200);
    })
    .openapi(get, async (c) => {
      const store = there();
      const id = readId(c.req.valid("param").id);
      const entry = id === undefined ? undefined : await store.find(id);
      if (!entry) throw new ManagementFault("audit_entry_not_found");
      await readLog(c.var.actor, "audit.read");
      return c.json(writeEntry(entry), 200);
    });

  function there() {
    if (auditStore) return auditStore;
    throw new ManagementFault("dependency_unavailable", {
      message:
        "The audit isn't in the database, so it can't be read here. AUDIT_ENABLED and AUDIT_STORE_IN_DB put it there; with AUDIT_ENABLED alone its file has it",
    });
  }
}
