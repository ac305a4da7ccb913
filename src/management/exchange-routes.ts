import { createRoute, z } from "@hono/zod-openapi";
import { readUsd, writeUsd } from "../lib/nano-usd.ts";
import type { ExchangeFacts, ExchangeFilter } from "../storage/exchange-queries.ts";
import { createEventStream } from "./event-stream.ts";
import { exchangeBodySchema, exchangeListSchema, exchangeSchema, writeSummary } from "./exchange-schemas.ts";
import { ManagementFault, queryFault } from "./fault.ts";
import { answers, faultAnswer } from "./fault-answers.ts";
import { idParams, readId } from "./fields.ts";
import { answerList, cursorOf } from "./list-answer.ts";
import { checkSpan, pageQuery, readPage, readTime, soughtText, soughtTime } from "./list-query.ts";
import type { ManagementParts } from "./parts.ts";
import type { ReadLog } from "./read-log.ts";
import { createRoutes } from "./routes.ts";

const tags = ["Exchanges"];
const json = "application/json";
const off = { 503: faultAnswer("exchange_log_off", "exchange_log_unavailable", "dependency_unavailable") };
const unknown = { 404: faultAnswer("exchange_not_found") };

/** Rows that are passed over for a page that is asked for by its number. */
const longestOffset = 10_000;

const filterQuery = {
  project_id: soughtText("Of this project."),
  token_id: soughtText("With this token, by its id."),
  provider: soughtText("To this provider."),
  model: soughtText("Of exactly this model."),
  user: soughtText("Of this user."),
  session: soughtText("Of this session."),
  status: z
    .string()
    .regex(/^[1-9]\d{2}$/, "must be a status such as 200")
    .optional()
    .openapi({ description: "With this status.", type: "integer" }),
  outcome: soughtText("`answered`, `refused`, `failed` or `aborted`."),
  kind: soughtText("`generation`, `embedding` or `other`."),
  cache: soughtText("`hit`: those whose answer was one that had been kept."),
  start_time: soughtTime("Not before it."),
  end_time: soughtTime("Not after it."),
  min_cost: z
    .string()
    .refine((text) => readUsd(text) !== undefined, "must be an amount of USD such as 0.05")
    .optional()
    .openapi({ description: "That cost so many USD at least." }),
  min_latency: z
    .string()
    .regex(/^\d{1,9}$/, "must be a whole number of milliseconds")
    .optional()
    .openapi({ description: "That took so many milliseconds at least.", type: "integer" }),
  search: soughtText(
    "With this text in path, model, user, session, trace id or cause, in any case; never in what was said.",
  ),
};

const list = createRoute({
  operationId: "listExchanges",
  method: "get",
  path: "/manage/exchanges",
  tags,
  summary: "List exchanges",
  description:
    "The latest first. What is rare is looked for for a moment only: a page may then hold fewer than were asked for, or none, and its `next_cursor` goes on from there.",
  request: { query: z.strictObject({ ...pageQuery, ...filterQuery }) },
  responses: answers({
    200: { description: "Exchanges", content: { [json]: { schema: exchangeListSchema } } },
    400: faultAnswer("query_invalid"),
    ...off,
  }),
});

const live = createRoute({
  operationId: "watchExchanges",
  method: "get",
  path: "/manage/exchanges/live",
  tags,
  summary: "Watch exchanges",
  description: [
    "Server-sent events, until the client leaves: `start` where one begins (where the gateway tells of beginnings), `exchange`, as in the list, once one has ended and is recorded,",
    "and `lagging` with how many were left out for a client that reads too slowly. A comment comes every few seconds.",
    "They are this process's alone: of several on one port, or on several machines, each tells of its own.",
  ].join(" "),
  responses: answers({
    200: { description: "Events", content: { "text/event-stream": { schema: z.string() } } },
    503: faultAnswer("telemetry_unavailable", "listeners_exceeded", "dependency_unavailable"),
  }),
});

const get = createRoute({
  operationId: "getExchange",
  method: "get",
  path: "/manage/exchanges/{id}",
  tags,
  summary: "Get an exchange, without what was said in it",
  request: { params: idParams },
  responses: answers({
    200: { description: "The exchange", content: { [json]: { schema: exchangeSchema } } },
    ...unknown,
    ...off,
  }),
});

const body = createRoute({
  operationId: "getExchangeBody",
  method: "get",
  path: "/manage/exchanges/{id}/body",
  tags,
  summary: "Get what was said in an exchange",
  description: "Who reads it is an entry of the audit.",
  request: { params: idParams },
  responses: answers({
    200: { description: "What was said", content: { [json]: { schema: exchangeBodySchema } } },
    ...unknown,
    ...off,
  }),
});

/** The routes of the exchange log. */
export function createExchangeRoutes({ exchanges }: Pick<ManagementParts, "exchanges">, readLog: ReadLog) {
  return createRoutes()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const page = readPage(query);
      if ((page.offset ?? 0) > longestOffset)
        throw queryFault(`page goes no further than ${longestOffset} exchanges; go on with cursor, or ask for a time`);
      const found = await there()({ kind: "list", filter: readFilter(query), page });
      const items = found.items.map(writeSummary);
      return answerList(c, query.format, items, { exchanges: items, next_cursor: cursorOf(found) });
    })
    .openapi(live, (c) => {
      const { listen } = exchanges;
      if (!listen) throw new ManagementFault("telemetry_unavailable");
      const listener = listen();
      if (!listener) throw new ManagementFault("listeners_exceeded", { headers: { "retry-after": "5" } });
      // Who asks for the head alone reads nothing.
      if (c.req.raw.method === "HEAD") listener.leave();
      return new Response(createEventStream(listener, c.req.raw.signal), {
        headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" },
      });
    })
    .openapi(get, async (c) => {
      const { facts, hasBody } = await find(c.req.valid("param").id);
      return c.json(writeExchange(facts, hasBody), 200);
    })
    .openapi(body, async (c) => {
      const { id, projectId, tokenId } = await find(c.req.valid("param").id);
      const said = await there()({ kind: "body", id });
      if (!said) throw new ManagementFault("exchange_not_found");
      await readLog(c.var.actor, "exchange.read", {
        ...(projectId === null ? {} : { projectId }),
        ...(tokenId === null ? {} : { tokenId }),
      });
      return c.json({ id, ...said }, 200);
    });

  function there() {
    const log = exchanges.findLog();
    if (!log?.keepsRows) throw new ManagementFault("exchange_log_off");
    return log.ask;
  }

  async function find(called: string): Promise<ExchangeFacts & { readonly id: string }> {
    const ask = there();
    const id = readId(called);
    const found = id === undefined ? undefined : await ask({ kind: "find", id });
    if (id === undefined || !found) throw new ManagementFault("exchange_not_found");
    return { id, ...found };
  }
}

function readFilter(query: { readonly [Name in keyof typeof filterQuery]?: string | undefined }): ExchangeFilter {
  const { start_time: start, end_time: end, status, min_cost: minCost, min_latency: minLatency } = query;
  const from = start === undefined ? undefined : readTime(start);
  const to = end === undefined ? undefined : readTime(end);
  checkSpan(from, to);
  return {
    projectId: query.project_id,
    tokenId: query.token_id,
    provider: query.provider,
    model: query.model,
    user: query.user,
    session: query.session,
    status: status === undefined ? undefined : Number(status),
    outcome: query.outcome,
    kind: query.kind,
    cache: query.cache,
    from,
    to,
    minCostNanoUsd: minCost === undefined ? undefined : readUsd(minCost),
    minDurationMs: minLatency === undefined ? undefined : Number(minLatency),
    search: query.search,
  };
}

function writeExchange(facts: ExchangeFacts["facts"], hasBody: boolean): z.output<typeof exchangeSchema> {
  const { cost_nano_usd: cost } = facts;
  return {
    ...facts,
    id: String(facts["id"]),
    ...(typeof cost === "string" ? { cost_usd: writeUsd(cost) } : {}),
    body_kept: hasBody,
  };
}
