import { type Command, InvalidArgumentError, Option } from "commander";
import { createSseReader } from "../../lib/sse.ts";
import { complain } from "../command.ts";
import { formatCount, formatDuration, formatTable, formatUsd } from "../format.ts";
import { act, type Desk, type Shown } from "./act.ts";
import { readTime } from "./expiry-options.ts";
import { ManageFault } from "./fault.ts";
import { findProjectId } from "./find-project.ts";
import { toPathPart } from "./ids.ts";
import { addListOptions, describeRest, type Listed, type ListOptions, listPages } from "./list-options.ts";
import { listProjects } from "./list-projects.ts";
import { type Exchange, shapes } from "./shapes.ts";
import { formatFacts, formatTime } from "./words.ts";

const listHelp = `
What was said is never searched. What is rare is looked for for a moment only: go on with --cursor, or give --all.

  $ weir manage exchanges list --project search --outcome failed --start-time 2026-03-01
  $ weir manage exchanges list --min-cost 0.5 --all --json
`;

const getHelp = `
With --body also what was said, as far as it is kept. Who reads that is in the audit.

  $ weir manage exchanges get <id> --body
`;

const tailHelp = `
They are those of the one process that answers. Ctrl-C ends it.

  $ weir manage exchanges tail
  $ weir manage exchanges tail --json | jq 'select(.status >= 400)'
`;

/** Adds `weir manage exchanges …`. */
export function addExchangeCommands(manage: Command): void {
  const exchanges = manage.command("exchanges").description("what was called, what it took, and what was said");
  addListOptions(exchanges.command("list").description("list exchanges, the latest first").option("--json", "as JSON"))
    .addOption(new Option("--project-id, --project <id or name>", "of this project"))
    .option("--token-id <id>", "with this token")
    .option("--provider <name>", "to this provider")
    .option("--model <model>", "of exactly this model")
    .option("--user <id>", "of this user")
    .option("--session <id>", "of this session")
    .addOption(new Option("--status <status>", "with this status").argParser(readStatus))
    .addOption(new Option("--outcome <outcome>", "how it ended").choices(["answered", "refused", "failed", "aborted"]))
    .addOption(new Option("--kind <kind>", "what it was for").choices(["generation", "embedding", "other"]))
    .addOption(new Option("--cache <state>", "whose answer had been kept").choices(["hit"]))
    .addOption(new Option("--start-time <time>", "not before it").argParser(readTime))
    .addOption(new Option("--end-time <time>", "not after it").argParser(readTime))
    .option("--min-cost <usd>", "that cost so many USD at least")
    .option("--min-latency <milliseconds>", "that took so long at least")
    .option("--search <text>", "with this text in path, model, user, session, trace id or cause")
    .addHelpText("after", listHelp)
    .action(act(list));
  exchanges
    .command("get")
    .description("show an exchange")
    .argument("<id>", "its id")
    .option("--body", "with what was said in it")
    .option("--json", "as JSON")
    .addHelpText("after", getHelp)
    .action(act(get));
  exchanges
    .command("tail")
    .description("show exchanges as they end")
    .option("--starts", "those that begin, too, where the gateway tells of them")
    .option("--json", "as JSON, one a line")
    .addHelpText("after", tailHelp)
    .action(act(tail));
}

type Filter = ListOptions & {
  readonly [
    Name in
      | "project"
      | "tokenId"
      | "provider"
      | "model"
      | "user"
      | "session"
      | "status"
      | "outcome"
      | "kind"
      | "cache"
      | "startTime"
      | "endTime"
      | "minCost"
      | "minLatency"
      | "search"
  ]?: string;
};

async function list({ api, options }: Desk<Filter>): Promise<Shown> {
  const { project, provider, model, user, session, status, outcome, kind, cache, search } = options;
  const filter = {
    project_id: project === undefined ? undefined : await findProjectId(api, project),
    token_id: options.tokenId,
    provider,
    model,
    user,
    session,
    status,
    outcome,
    kind,
    cache,
    start_time: options.startTime,
    end_time: options.endTime,
    min_cost: options.minCost,
    min_latency: options.minLatency,
    search,
  };
  const listed = await listPages(options, async (page) => {
    const sent = api.manage.exchanges.$get({ query: { ...filter, ...page } });
    const { exchanges, next_cursor: next } = await api.ask(sent, shapes.exchanges);
    return { items: exchanges, next };
  });
  const json = { exchanges: listed.items, next_cursor: listed.next };
  const ofProjects = options.json !== true && listed.items.some(({ project_id: id }) => id !== null);
  const names = new Map((ofProjects ? await listProjects(api) : []).map(({ id, name }) => [id, name]));
  return { json, lines: describeList(listed, names) };
}

async function get({ api, options }: Desk<{ readonly body?: true }>, called = ""): Promise<Shown> {
  const param = { id: toPathPart(called) };
  const exchange = api.manage.exchanges[":id"];
  const facts = await api.ask(exchange.$get({ param }), shapes.exchangeFacts);
  const lines = formatFacts(Object.entries(facts).map(([name, value]) => [name, writeValue(value)]));
  if (options.body !== true) return { json: facts, lines };
  const { id: _, ...said } = await api.ask(exchange.body.$get({ param }), shapes.exchangeBody);
  return { json: { ...facts, ...said }, lines: [...lines, "", ...writeJson(said)] };
}

/** How long nothing may come, though a sign of life should, and how often and how soon a lost connection is tried again. */
const silentForMs = 30_000;
const attempts = 5;
const againAfterMs = 1_000;

/** Goes on until somebody ends it, or the gateway can't be reached any more. */
async function tail({ api, options }: Desk<{ readonly starts?: true }>): Promise<Shown> {
  process.on("SIGINT", () => process.exit(0));
  const print = (name: string | undefined, data: string) => {
    const line = describeEvent(name, data, options);
    if (line !== undefined) console.log(line);
  };
  for (let failed = 0; ;) {
    try {
      const stream = await api.follow("/manage/exchanges/live");
      if (failed > 0) complain(["The connection is there again."]);
      failed = 0;
      await readEvents(stream, print);
    } catch (error) {
      // A gateway that starts anew may refuse for a while what it has taken before.
      if (error instanceof ManageFault && (failed === 0 || failed >= attempts)) throw error;
    }
    failed += 1;
    complain([
      `The connection was lost. It is tried again (${failed} of ${attempts}); what happens meanwhile isn't shown.`,
    ]);
    await Bun.sleep(againAfterMs * failed);
  }
}

/** Reads to the end; throws where the connection breaks or is dead. */
async function readEvents(
  stream: ReadableStream<Uint8Array>,
  event: (name: string | undefined, data: string) => void,
): Promise<void> {
  const sse = createSseReader({ event });
  const reader = stream.getReader();
  for (;;) {
    const timer = setTimeout(() => void reader.cancel(), silentForMs);
    const { done, value } = await reader.read();
    clearTimeout(timer);
    if (done) return;
    sse.push(value);
  }
}

function describeEvent(
  name: string | undefined,
  data: string,
  { json, starts }: { readonly json?: boolean; readonly starts?: true },
): string | undefined {
  if (name === "start" && !starts) return undefined;
  const value = shapes.event.parse(JSON.parse(data));
  if (json) return JSON.stringify({ event: name, ...value });
  const exchange = shapes.exchange.safeParse(value);
  if (exchange.success) return formatTable([describe(exchange.data)]).join("");
  if (name === "lagging") return `${value.dropped ?? 0} more are left out: they come faster than they are read`;
  const { started_at: at = "", id = "", method = "", path = "" } = value;
  return formatTable([[formatTime(at), id, "begins", method, path]]).join("");
}

function describeList({ items, next }: Listed<Exchange>, projects: ReadonlyMap<string, string>): readonly string[] {
  if (items.length === 0 && next === null) return ["There are no such exchanges."];
  const head = ["time", "id", "status", "provider", "model", "in", "out", "cost", "took", "path", "cause"];
  // Whose they are takes room, so it stands there where any is somebody's.
  const owners = [
    { title: "project", of: ({ project_id: id }: Exchange) => id && (projects.get(id) ?? id) },
    { title: "token", of: ({ token_id: id }: Exchange) => id },
    { title: "user", of: ({ user }: Exchange) => user },
  ].filter(({ of }) => items.some((exchange) => of(exchange) !== null));
  const place = head.indexOf("path");
  const rows = items.map((exchange) =>
    describe(exchange).toSpliced(place, 0, ...owners.map(({ of }) => of(exchange) ?? "-")),
  );
  const titles = head.toSpliced(place, 0, ...owners.map(({ title }) => title));
  const table = formatTable([titles, ...rows], [5, 6, 7, 8]);
  return [...(items.length === 0 ? ["There are none among the latest."] : table), ...describeRest({ next })];
}

function describe(exchange: Exchange): readonly string[] {
  return [
    formatTime(exchange.started_at),
    exchange.id,
    exchange.status === null ? exchange.outcome : String(exchange.status),
    exchange.provider ?? "-",
    exchange.model ?? "-",
    formatCount(exchange.input_tokens),
    formatCount(exchange.output_tokens),
    describeCost(exchange),
    formatDuration(exchange.duration_ms),
    exchange.path,
    exchange.cause ?? "",
  ];
}

function describeCost({ cost_nano_usd: cost, unpriced, cache }: Exchange): string {
  if (cost !== null) return formatUsd(cost);
  return unpriced ? "?" : cache === "hit" ? "kept" : "-";
}

function writeValue(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** JSON over several lines, without what a terminal would obey. */
function writeJson(value: unknown): readonly string[] {
  return JSON.stringify(value, null, 2)
    .split("\n")
    .map((line) => line.replaceAll(/\p{Cc}/gu, " "));
}

function readStatus(written: string): string {
  if (/^[1-9]\d\d$/.test(written)) return written;
  throw new InvalidArgumentError("It must be a status such as 200.");
}
