import { createRoute, z } from "@hono/zod-openapi";
import type { AuditAction } from "../domain/audit.ts";
import { ManagementFault } from "./fault.ts";
import { answers, faultAnswer } from "./fault-answers.ts";
import { line, writeTime } from "./fields.ts";
import { answerList } from "./list-answer.ts";
import { pageQuery, readPage } from "./list-query.ts";
import type { ManagementParts, SinkState } from "./parts.ts";
import { createRoutes } from "./routes.ts";
import { deadLetterListSchema, sinkListSchema, type sinkSchema } from "./sink-schemas.ts";

const tags = ["Sinks"];
const json = "application/json";
const params = z.object({ name: line(100).openapi({ example: "langfuse" }) });
const unknown = { 404: faultAnswer("sink_not_found") };
const ofProcess = "It is this process's: of several on one port each has sinks of its own.";

const list = createRoute({
  operationId: "listSinks",
  method: "get",
  path: "/manage/sinks",
  tags,
  summary: "List sinks",
  description: `What each sink got, has to get, and refused. ${ofProcess}`,
  responses: answers({ 200: { description: "Sinks", content: { [json]: { schema: sinkListSchema } } } }),
});

const pause = createRoute({
  operationId: "pauseSink",
  method: "post",
  path: "/manage/sinks/{name}/pause",
  tags,
  summary: "Pause a sink",
  description: `It gets nothing more, and what comes waits in the outbox, until it is resumed or the process starts anew. ${ofProcess}`,
  request: { params },
  responses: answers({
    200: { description: "It is paused", content: { [json]: { schema: z.object({ status: z.literal("paused") }) } } },
    ...unknown,
  }),
});

const resume = createRoute({
  operationId: "resumeSink",
  method: "post",
  path: "/manage/sinks/{name}/resume",
  tags,
  summary: "Resume a sink",
  request: { params },
  responses: answers({
    200: { description: "It goes on", content: { [json]: { schema: z.object({ status: z.literal("resumed") }) } } },
    ...unknown,
  }),
});

const replay = createRoute({
  operationId: "replaySink",
  method: "post",
  path: "/manage/sinks/{name}/replay",
  tags,
  summary: "Give its dead letters to a sink again",
  request: { params },
  responses: answers({
    200: { description: "How many", content: { [json]: { schema: z.object({ replayed: z.int() }) } } },
    ...unknown,
  }),
});

const deadLetters = createRoute({
  operationId: "listDeadLetters",
  method: "get",
  path: "/manage/dead-letters",
  tags,
  summary: "List dead letters",
  description: `Records that a sink refused for good, the latest first; ${pageQuery.limit.meta()?.description ?? ""}`,
  request: { query: z.strictObject({ limit: pageQuery.limit, format: pageQuery.format, sink: line(100).optional() }) },
  responses: answers({
    200: { description: "Dead letters", content: { [json]: { schema: deadLetterListSchema } } },
    400: faultAnswer("query_invalid"),
  }),
});

/** The routes of sinks. */
export function createSinkRoutes({ sinks, changes }: Pick<ManagementParts, "sinks" | "changes">) {
  return createRoutes()
    .openapi(list, async (c) => {
      const states = answered(await sinks.list());
      return c.json({ sinks: states.map(writeSink), next_cursor: null }, 200);
    })
    .openapi(pause, async (c) => {
      const { name } = c.req.valid("param");
      if (!answered(await sinks.hold(name))) throw new ManagementFault("sink_not_found");
      await note(c.var.actor, "sink.pause", { sink: name });
      return c.json({ status: "paused" as const }, 200);
    })
    .openapi(resume, async (c) => {
      const { name } = c.req.valid("param");
      if (!answered(await sinks.resume(name))) throw new ManagementFault("sink_not_found");
      await note(c.var.actor, "sink.resume", { sink: name });
      return c.json({ status: "resumed" as const }, 200);
    })
    .openapi(replay, async (c) => {
      const { name } = c.req.valid("param");
      if (!answered(await sinks.list()).some((sink) => sink.name === name)) throw new ManagementFault("sink_not_found");
      const replayed = answered(await sinks.replay(name));
      await note(c.var.actor, "sink.replay", { sink: name, replayed });
      return c.json({ replayed }, 200);
    })
    .openapi(deadLetters, async (c) => {
      const { sink, ...query } = c.req.valid("query");
      const letters = answered(await sinks.deadLetters(sink, readPage(query).limit));
      const items = letters.map(({ sink: name, id, reason, at }) => ({
        sink: name,
        exchange_id: id,
        reason,
        at: writeTime(at),
      }));
      return answerList(c, query.format, items, { "dead-letters": items, next_cursor: null });
    });

  async function note(
    actor: Parameters<typeof changes.note>[0],
    action: AuditAction,
    after: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    await changes.note(actor, [{ action, outcome: "success", after }]);
  }
}

/** What telemetry said; where it is switched off, or busy for too long, nobody can say. */
function answered<T>(answer: T | undefined): T {
  if (answer === undefined) throw new ManagementFault("telemetry_unavailable");
  return answer;
}

function writeSink({ name, target, counts, failing, held }: SinkState): z.output<typeof sinkSchema> {
  return {
    name,
    target,
    status: held ? "paused" : failing === undefined ? "ok" : "failing",
    last_error: failing ?? null,
    received: counts.received,
    delivered: counts.delivered,
    pending: counts.pending,
    rejected: counts.rejected,
    dropped: { ...counts.dropped },
    sampled_out: counts.sampledOut,
    lag_seconds: counts.lagSeconds,
  };
}
