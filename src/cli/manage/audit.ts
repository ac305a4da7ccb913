import { type Command, Option } from "commander";
import { formatCount, formatTable } from "../format.ts";
import { act, type Desk, type Shown } from "./act.ts";
import { readTime } from "./expiry-options.ts";
import { addListOptions, describeRest, type ListOptions, listPages } from "./list-options.ts";
import { findBudgetNews } from "./budget-news.ts";
import { type Entry, shapes } from "./shapes.ts";
import { formatTime } from "./words.ts";

const help = `
  $ weir manage audit list --action token.create --start-time 2026-03-01
  $ weir manage audit list --outcome denied --all --json

"weir manage audit verify" asks the gateway; "weir audit verify" looks for itself, at the database or at a file.
`;

/** Adds `weir manage audit …`. */
export function addAuditCommands(manage: Command): void {
  const audit = manage.command("audit").description("the audit: what was changed and read, and who was refused");
  addListOptions(audit.command("list").description("list entries, the latest first").option("--json", "as JSON"))
    .option("--action <action>", "token.create, for instance")
    .option("--actor <name>", "who did it")
    .option("--project-id <id>", "about this project")
    .option("--token-id <id>", "about this token")
    .option("--request-id <id>", "of this request")
    .addOption(new Option("--outcome <outcome>", "how it ended").choices(["success", "failure", "denied", "error"]))
    .option("--client-ip <address>", "from this address")
    .option("--method <method>", "by this method")
    .option("--path <path>", "at exactly this path")
    .option("--search <text>", "with this text anywhere")
    .addOption(new Option("--start-time <time>", "not before it").argParser(readTime))
    .addOption(new Option("--end-time <time>", "not after it").argParser(readTime))
    .addHelpText("after", help)
    .action(act(list));
  audit
    .command("verify")
    .description("have the gateway look through the chain; the exit code is 1 where an entry was changed or is missing")
    .option("--json", "as JSON")
    .action(act(verify));
}

type Filter = ListOptions & {
  readonly [
    Name in
      | "action"
      | "actor"
      | "projectId"
      | "tokenId"
      | "requestId"
      | "outcome"
      | "clientIp"
      | "method"
      | "path"
      | "search"
      | "startTime"
      | "endTime"
  ]?: string;
};

async function list({ api, options }: Desk<Filter>): Promise<Shown> {
  const { action, actor, outcome, method, path, search } = options;
  const filter = {
    action,
    actor,
    project_id: options.projectId,
    token_id: options.tokenId,
    request_id: options.requestId,
    outcome,
    client_ip: options.clientIp,
    method,
    path,
    search,
    start_time: options.startTime,
    end_time: options.endTime,
  };
  const listed = await listPages(options, async (page) => {
    const sent = api.manage.audit.$get({ query: { ...filter, ...page } });
    const { audit, next_cursor: next } = await api.ask(sent, shapes.audit);
    return { items: audit, next };
  });
  return {
    json: { audit: listed.items, next_cursor: listed.next },
    lines: [...describeEntries(listed.items), ...describeRest(listed)],
  };
}

async function verify({ api }: Desk<object>): Promise<Shown> {
  const check = await api.ask(api.manage.audit.verify.$get(), shapes.check);
  const checked = check.checked === 1 ? "1 entry is right" : `${formatCount(check.checked)} entries are right`;
  const words = check.ok ? checked : `Entry ${check.broken_at} was changed or is missing; ${checked} before it`;
  return { json: check, lines: [words], code: check.ok ? 0 : 1 };
}

function describeEntries(entries: readonly Entry[]): readonly string[] {
  if (entries.length === 0) return ["There are no such entries."];
  const rows = entries.map((entry) => {
    const news = findBudgetNews(entry.action, entry["after"]);
    return [
      formatTime(entry.timestamp),
      entry.action,
      entry.outcome,
      entry.actor,
      entry.origin,
      entry.client_ip ?? "-",
      news?.about ?? entry.token_id ?? entry.project_id ?? "-",
      news?.reason ?? entry.reason ?? "",
    ];
  });
  return formatTable([["time", "action", "outcome", "actor", "origin", "from", "about", "reason"], ...rows]);
}
