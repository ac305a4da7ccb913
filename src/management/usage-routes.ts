import { createRoute, z } from "@hono/zod-openapi";
import { writeCsv } from "../lib/csv.ts";
import { writeUsd } from "../lib/nano-usd.ts";
import { type Quantiles, usageColumns, type UsageGroup, type UsageKey, usageKeys } from "../storage/usage-queries.ts";
import { ManagementFault, queryFault } from "./fault.ts";
import { answers, faultAnswer } from "./fault-answers.ts";
import { timeAnswer, writeTime } from "./fields.ts";
import { answerList, nextCursor } from "./list-answer.ts";
import { checkSpan, pageQuery, readTime, soughtText, soughtTime } from "./list-query.ts";
import type { ManagementParts } from "./parts.ts";
import { readProjectNames } from "./project-names.ts";
import { createRoutes } from "./routes.ts";

const dayMs = 86_400_000;
const usualSpanMs = 30 * dayMs;
const hourMs = 3_600_000;

const count = z.int().nonnegative();
const text = z.string().nullable().optional();
const quantile = z.number().nullable();
const quantilesSchema = z
  .object({ p50: quantile, p90: quantile, p95: quantile, p99: quantile })
  .openapi("Quantiles", { description: "Milliseconds, wrong by 2 % at most; null where nothing was measured." });

const usageSchema = z
  .object({
    project_id: text,
    project_name: text.openapi({ description: "Its name now." }),
    token_id: text,
    model: text,
    provider: text,
    user: text,
    status: z.int().nullable().optional(),
    day: z.string().optional().openapi({ description: "In UTC.", example: "2026-03-01" }),
    hour: timeAnswer.optional(),
    requests: count,
    errors: count,
    cache_hits: count,
    unpriced: count.openapi({ description: "Exchanges whose price isn't known; they are not in the cost." }),
    usage: z
      .record(z.string(), count)
      .openapi({ description: "LLM tokens by bucket, which never overlap.", example: { input: 1200, output: 30 } }),
    cost_usd: z.string().openapi({ description: "Exact, as decimal text.", example: "12.5" }),
    cost_nano_usd: z.string().openapi({ example: "12500000000" }),
    saved_usd: z.string().openapi({ description: "What hits of the cache would have cost.", example: "0.75" }),
    saved_nano_usd: z.string().openapi({ example: "750000000" }),
    latency_ms: quantilesSchema,
    first_byte_ms: quantilesSchema,
  })
  .openapi("UsageSums", {
    description:
      "Sums of a group; it has the members that were grouped by, null where its exchanges have no such thing.",
  });

const usageListSchema = z
  .object({
    usage: z.array(usageSchema),
    start_time: timeAnswer,
    end_time: timeAnswer,
    next_cursor: nextCursor,
  })
  .openapi("UsageList");

const groupBy = z
  .string()
  .refine(
    (written) => readGroups(written) !== undefined,
    `must be one or more of ${usageKeys.join(", ")}, with commas between them`,
  )
  .optional()
  .openapi({
    description: `Any of ${usageKeys.map((key) => `\`${key}\``).join(", ")}, with commas between them; one sum over everything without it.`,
  });

const get = createRoute({
  operationId: "getUsage",
  method: "get",
  path: "/manage/usage",
  tags: ["Exchanges"],
  summary: "Sum up usage",
  description:
    "Requests, errors, LLM tokens, cost and times of whole hours, in UTC. The earliest first where it is by day or hour, then the dearest. With `Accept: text/csv` it is CSV.",
  request: {
    query: z.strictObject({
      group_by: groupBy,
      start_time: soughtTime("From the hour on that it lies in; 30 days before the end by default."),
      end_time: soughtTime("Before it; now by default."),
      project_id: soughtText("Of this project."),
      token_id: soughtText("With this token, by its id."),
      provider: soughtText("To this provider."),
      model: soughtText("Of exactly this model."),
      user: soughtText("Of this user."),
      status: z
        .string()
        .regex(/^[1-9]\d{2}$/, "must be a status such as 200")
        .optional()
        .openapi({ description: "With this status.", type: "integer" }),
      format: pageQuery.format,
    }),
  },
  responses: answers({
    200: {
      description: "Sums",
      content: { "application/json": { schema: usageListSchema }, "text/csv": { schema: z.string() } },
    },
    400: faultAnswer("query_invalid"),
    503: faultAnswer("exchange_log_off", "exchange_log_unavailable", "dependency_unavailable"),
  }),
});

/** The route of usage. */
export function createUsageRoutes({
  exchanges,
  projects,
  now,
}: Pick<ManagementParts, "exchanges" | "projects" | "now">) {
  return createRoutes().openapi(get, async (c) => {
    const query = c.req.valid("query");
    const groups = readGroups(query.group_by ?? "") ?? [];
    const to = (query.end_time === undefined ? undefined : readTime(query.end_time)) ?? now();
    const from = (query.start_time === undefined ? undefined : readTime(query.start_time)) ?? to - usualSpanMs;
    checkSpan(from, to);
    const log = exchanges.findLog();
    if (!log) throw new ManagementFault("exchange_log_off");
    const found = await log.ask({
      kind: "usage",
      query: {
        from,
        to,
        groupBy: groups,
        projectId: query.project_id,
        tokenId: query.token_id,
        provider: query.provider,
        model: query.model,
        user: query.user,
        status: query.status === undefined ? undefined : Number(query.status),
      },
    });
    if (found.kind === "too_many")
      throw queryFault(`these are more than ${found.most} groups; ask for a shorter time, or group by less`);
    const names = groups.includes("project") ? await readProjectNames(projects) : noNames;
    if (wantsCsv(c.req.header("accept")))
      return c.body(writeUsageCsv(groups, found.groups, names), 200, {
        "content-type": "text/csv; charset=utf-8; header=present",
        "content-disposition": 'attachment; filename="usage.csv"',
      });
    const items = found.groups.map((group) => writeGroup(group, names));
    return answerList(c, query.format, items, {
      usage: items,
      start_time: writeTime(from - (from % hourMs)),
      end_time: writeTime(to),
      next_cursor: null,
    });
  });
}

/** What projects are called, by id. */
type Names = ReadonlyMap<string, string>;

const noNames: Names = new Map();

/** What it is grouped by; `undefined` where something else is written. */
function readGroups(written: string): readonly UsageKey[] | undefined {
  const names = written.split(",").map((name) => name.trim());
  if (written.trim() === "") return [];
  const known = usageKeys.filter((key) => names.includes(key));
  return names.every((name) => known.some((key) => key === name)) ? known : undefined;
}

function wantsCsv(accept = ""): boolean {
  return accept.split(",").some((range) => /^\s*text\/csv\s*(?:;(?!\s*q=0(?:\.0*)?\s*$)|$)/i.test(range));
}

function writeGroup(group: UsageGroup, names: Names): z.output<typeof usageSchema> {
  return {
    ...Object.fromEntries(writeKeys(group, names)),
    requests: group.requests,
    errors: group.errors,
    cache_hits: group.cacheHits,
    unpriced: group.unpriced,
    usage: { ...group.usage },
    cost_usd: writeUsd(group.costNanoUsd),
    cost_nano_usd: group.costNanoUsd,
    saved_usd: writeUsd(group.savedNanoUsd),
    saved_nano_usd: group.savedNanoUsd,
    latency_ms: { ...group.durationMs },
    first_byte_ms: { ...group.firstByteMs },
  };
}

const keyNames: Readonly<Record<UsageKey, string>> = {
  project: "project_id",
  token: "token_id",
  model: "model",
  provider: "provider",
  user: "user",
  status: "status",
  day: "day",
  hour: "hour",
};

/** What a group is of, by the names that answers have for it. */
function writeKeys({ keys }: UsageGroup, names: Names): readonly (readonly [name: string, value: Written])[] {
  return usageKeys.flatMap((key): readonly (readonly [string, Written])[] => {
    const value = keys[key];
    if (value === undefined) return [];
    const written = [keyNames[key], writeKey(key, value)] as const;
    return key === "project" ? [written, [projectName, names.get(String(value)) ?? null]] : [written];
  });
}

type Written = string | number | null;

const projectName = "project_name";

function writeKey(key: UsageKey, value: Written): Written {
  if (key === "day") return writeTime(Number(value)).slice(0, 10);
  return key === "hour" ? writeTime(Number(value)) : value;
}

function writeUsageCsv(groupedBy: readonly UsageKey[], groups: readonly UsageGroup[], names: Names): string {
  const shares = ["p50", "p90", "p95", "p99"] as const;
  const timesOf = (quantiles: Quantiles) => shares.map((share) => quantiles[share]);
  const head = [
    ...groupedBy.flatMap((key) => (key === "project" ? [keyNames[key], projectName] : [keyNames[key]])),
    "requests",
    "errors",
    "cache_hits",
    "unpriced",
    ...usageColumns,
    "cost_usd",
    "cost_nano_usd",
    "saved_usd",
    "saved_nano_usd",
    ...shares.map((share) => `latency_${share}_ms`),
    ...shares.map((share) => `first_byte_${share}_ms`),
  ];
  const rows = groups.map((group) => [
    ...writeKeys(group, names).map(([, value]) => value),
    group.requests,
    group.errors,
    group.cacheHits,
    group.unpriced,
    ...usageColumns.map((column) => group.usage[column] ?? 0),
    writeUsd(group.costNanoUsd),
    group.costNanoUsd,
    writeUsd(group.savedNanoUsd),
    group.savedNanoUsd,
    ...timesOf(group.durationMs),
    ...timesOf(group.firstByteMs),
  ]);
  return writeCsv([head, ...rows]);
}
