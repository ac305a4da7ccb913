import { type Command, Option } from "commander";
import { formatCount, formatDuration, formatTable, formatUsd } from "../format.ts";
import { act, type Desk, type Shown } from "./act.ts";
import { readTime } from "./expiry-options.ts";
import { findProjectId } from "./find-project.ts";
import { shapes, type Sums } from "./shapes.ts";
import { formatTime } from "./words.ts";

const help = `
By any of project, token, model, provider, user, status, day and hour, with commas between them; whole hours, in UTC.

  $ weir manage usage --by model
  $ weir manage usage --by day,project --start-time 2026-03-01 --end-time 2026-04-01 --json
`;

/** Adds `weir manage usage`. */
export function addUsageCommand(manage: Command): void {
  manage
    .command("usage")
    .description("sum up requests, LLM tokens, cost and times, of the last 30 days if nothing else is said")
    .option("--by <keys>", "what is summed up apart, such as day,model")
    .addOption(new Option("--start-time <time>", "from the hour on that it lies in").argParser(readTime))
    .addOption(new Option("--end-time <time>", "before it").argParser(readTime))
    .addOption(new Option("--project-id, --project <id or name>", "of this project"))
    .option("--token-id <id>", "with this token")
    .option("--provider <name>", "to this provider")
    .option("--model <model>", "of exactly this model")
    .option("--user <id>", "of this user")
    .option("--json", "as JSON")
    .addHelpText("after", help)
    .action(act(show));
}

type Wanted = {
  readonly [Name in "by" | "startTime" | "endTime" | "project" | "tokenId" | "provider" | "model" | "user"]?: string;
};

/** Members of a group that say what it is of, in the order in which they are shown. */
const keys = ["day", "hour", "project_id", "token_id", "user", "provider", "model", "status"] as const;

async function show({ api, options }: Desk<Wanted>): Promise<Shown> {
  const { project, provider, model, user } = options;
  const query = {
    group_by: options.by,
    start_time: options.startTime,
    end_time: options.endTime,
    project_id: project === undefined ? undefined : await findProjectId(api, project),
    token_id: options.tokenId,
    provider,
    model,
    user,
  };
  const list = await api.ask(api.manage.usage.$get({ query }), shapes.usage);
  const span = `From ${formatTime(list.start_time)} to ${formatTime(list.end_time)}`;
  return { json: list, lines: [span, ...describeSums(list.usage)] };
}

function describeSums(groups: readonly Sums[]): readonly string[] {
  const [first] = groups;
  if (first === undefined) return ["There was nothing."];
  const by = keys.filter((key) => first[key] !== undefined);
  const counts = ["requests", "errors", "kept", "in", "out", "cost", "saved", "p50", "p95", "first byte"];
  const rows = groups.map((group) => [...by.map((key) => describeKey(nameOf(group, key))), ...describeGroup(group)]);
  return formatTable(
    [[...by.map((key) => key.replace("_id", "")), ...counts], ...rows],
    counts.map((_, index) => by.length + index),
  );
}

/** What a group is of: a project by its name, where it has one. */
function nameOf(group: Sums, key: (typeof keys)[number]): unknown {
  return key === "project_id" ? (group["project_name"] ?? group[key]) : group[key];
}

function describeGroup(group: Sums): readonly string[] {
  const sumOf = (side: string) =>
    Object.entries(group.usage).reduce((sum, [bucket, count]) => sum + (bucket.startsWith(side) ? count : 0), 0);
  const unknown = group.unpriced > 0 ? ` + ${formatCount(group.unpriced)} unpriced` : "";
  return [
    formatCount(group.requests),
    formatCount(group.errors),
    formatCount(group.cache_hits),
    formatCount(sumOf("input")),
    formatCount(sumOf("output")),
    formatUsd(group.cost_nano_usd) + unknown,
    formatUsd(group.saved_nano_usd),
    describeTime(group.latency_ms.p50),
    describeTime(group.latency_ms.p95),
    describeTime(group.first_byte_ms.p50),
  ];
}

function describeKey(value: unknown): string {
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? value.replace(/\.\d+Z$/, "Z") : "-";
}

function describeTime(milliseconds: number | null): string {
  return milliseconds === null ? "-" : formatDuration(milliseconds);
}
