import { isatty } from "node:tty";
import { type Command, Option } from "commander";
import { complain } from "../command.ts";
import { formatCount, formatNumberOf, formatTable } from "../format.ts";
import { act, type Desk, type Shown } from "./act.ts";
import {
  addBoundOptions,
  type BoundOptions,
  formatBudgets,
  formatLimits,
  readBounds,
  readFigure,
} from "./bound-options.ts";
import { addExpiryOptions, type ExpiryOptions, readExpiry, readTime } from "./expiry-options.ts";
import { ManageFault } from "./fault.ts";
import { findProjectId } from "./find-project.ts";
import { toPathPart } from "./ids.ts";
import { collect } from "./key-options.ts";
import { addListOptions, describeRest, type ListOptions, listPages } from "./list-options.ts";
import { readMetadata } from "./metadata-option.ts";
import { readAllowedModels } from "./model-option.ts";
import { shapes, type Token } from "./shapes.ts";
import { formatExpiry, formatFacts, formatPairs, formatTime } from "./words.ts";

const createHelp = `
Without a word on how long it lives it lives 24 hours; 365 days is the most, or --never-expires. The token is shown this once.

  $ weir manage token create --project search --duration 24h --max-requests 1000 --name ci
  $ weir manage token create --project search --never-expires --allowed-model 'gpt-4o*' --json | jq -r .token
`;

const updateHelp = `
What isn't named stays; an empty text takes a name, a user or the list of models away.

  $ weir manage token update <id> --max-requests 5000
  $ weir manage token update <id> --duration 7d --activate
`;

const revokeHelp = `
A revoked token is refused within a second, in every process; an answer that has begun is finished. It stays in the list.

  $ weir manage token revoke <id>
  $ weir manage token revoke --project search --yes
`;

/** Adds `weir manage token …`. */
export function addTokenCommands(manage: Command): void {
  const token = manage.command("token").description("tokens: what consumers call with");
  const add = (name: string, about: string) => token.command(name).description(about).option("--json", "as JSON");
  const addOn = (name: string, about: string) => add(name, about).argument("<id>", "its id");

  addTokenOptions(
    addExpiryOptions(
      add("create", "create a token")
        .alias("generate")
        .addOption(projectOption("of which project").makeOptionMandatory()),
    ),
  )
    .addHelpText("after", createHelp)
    .action(act(create));
  addListOptions(add("list", "list tokens, the latest first; never their texts"))
    .addOption(projectOption("only those of this project"))
    .option("--active-only", "only those that are active and haven't expired")
    .addOption(new Option("--expires-before <time>", "only those that expire before it").argParser(readTime))
    .action(act(list));
  addOn("get", "show a token, masked").action(act(get));
  addTokenOptions(addExpiryOptions(addOn("update", "change a token")))
    .addOption(new Option("--activate", "take it again, though it was revoked or ran out").conflicts("deactivate"))
    .option("--deactivate", "refuse it, as revoke does")
    .addHelpText("after", updateHelp)
    .action(act(update));
  add("revoke", "refuse a token, or all of a project's, from now on")
    .argument("[id]", "its id")
    .addOption(projectOption("all tokens of this project"))
    .option("--yes", "don't ask before all of a project's are revoked")
    .addHelpText("after", revokeHelp)
    .action(act(revoke));
}

/** The older name of the option stands first. */
function projectOption(about: string): Option {
  return new Option("--project-id, --project <id or name>", about);
}

function addTokenOptions(command: Command): Command {
  return addBoundOptions(command)
    .option("--name <name>", "for you to know it by")
    .addOption(
      new Option("--max-requests <number>", "how many calls in its whole life; 0 is unlimited").argParser(readFigure),
    )
    .option("--user <id>", "whom its calls are attributed to where they don't say")
    .option(
      "--allowed-model <glob>",
      "a model that it may use, such as 'gpt-4o*'; again, or after a comma, for more",
      collect,
    )
    .option("--metadata <name=text>", "text of your own; again for more", collect);
}

type Wanted = ExpiryOptions &
  BoundOptions & {
    readonly name?: string;
    readonly maxRequests?: number;
    readonly user?: string;
    readonly allowedModel?: readonly string[];
    readonly metadata?: readonly string[];
  };

async function create({ api, options }: Desk<Wanted & { readonly project: string }>): Promise<Shown> {
  const projectId = await findProjectId(api, options.project);
  const expiry = readExpiry(options);
  const json = {
    project_id: projectId,
    ...(Object.keys(expiry).length === 0 ? { duration: "24h" } : expiry),
    ...readFields(options, { isNew: true }),
  };
  const token = await api.ask(api.manage.tokens.$post({ json }), shapes.token);
  if (await api.isOpen())
    complain(["warning: AUTH_MODE is open: calls without a token pass; set MANAGEMENT_TOKEN or AUTH_MODE=token"]);
  return { json: token, lines: describeToken(token, "  (shown this once)") };
}

type Filter = ListOptions & { readonly project?: string; readonly activeOnly?: true; readonly expiresBefore?: string };

async function list({ api, options }: Desk<Filter>): Promise<Shown> {
  const { project, activeOnly, expiresBefore } = options;
  const filter = {
    ...(project === undefined ? {} : { project_id: await findProjectId(api, project) }),
    ...(activeOnly ? { active_only: "true" as const } : {}),
    ...(expiresBefore === undefined ? {} : { expires_before: expiresBefore }),
  };
  const listed = await listPages(options, async (page) => {
    const sent = api.manage.tokens.$get({ query: { ...filter, ...page } });
    const { tokens, next_cursor: next } = await api.ask(sent, shapes.tokens);
    return { items: tokens, next };
  });
  return {
    json: { tokens: listed.items, next_cursor: listed.next },
    lines: [...describeTokens(listed.items), ...describeRest(listed)],
  };
}

async function get({ api }: Desk<object>, id = ""): Promise<Shown> {
  return show(await api.ask(api.manage.tokens[":id"].$get({ param: { id: toPathPart(id) } }), shapes.token));
}

async function update(
  { api, options }: Desk<Wanted & { readonly activate?: true; readonly deactivate?: true }>,
  id = "",
): Promise<Shown> {
  const { activate, deactivate } = options;
  const json = {
    ...readExpiry(options),
    ...readFields(options, { isNew: false }),
    ...(activate || deactivate ? { is_active: activate === true } : {}),
  };
  if (Object.keys(json).length === 0)
    throw new ManageFault(2, "Nothing is to be changed: weir manage token update --help shows what can be");
  return show(await api.ask(api.manage.tokens[":id"].$patch({ param: { id: toPathPart(id) }, json }), shapes.token));
}

async function revoke(
  { api, options }: Desk<{ readonly project?: string; readonly yes?: true }>,
  id?: string,
): Promise<Shown> {
  const { project, yes } = options;
  if ((id === undefined) === (project === undefined))
    throw new ManageFault(2, "Give a token's id, or --project for all of a project's tokens");
  if (id !== undefined) {
    await api.ask(api.manage.tokens[":id"].$delete({ param: { id: toPathPart(id) } }), shapes.nothing);
    return { json: { id, revoked: true }, lines: [`${id} is revoked.`] };
  }
  const projectId = await findProjectId(api, project ?? "");
  if (!yes && !agrees(project ?? ""))
    throw new ManageFault(2, "Nothing was revoked. Say --yes where nobody can be asked.");
  const sent = api.manage.projects[":id"].tokens.revoke.$post({ param: { id: projectId } });
  const counts = await api.ask(sent, shapes.revoked);
  return {
    json: counts,
    lines: [
      `${formatNumberOf(counts.revoked_count, "token")} revoked; ${formatCount(counts.already_revoked_count)} of ${formatCount(counts.total_tokens)} were before.`,
    ],
  };
}

function agrees(project: string): boolean {
  return isatty(0) && isatty(1) && confirm(`Revoke all tokens of ${project}?`);
}

/** What the options say beside its life; an empty text is null. */
function readFields(options: Wanted, kind: { readonly isNew: boolean }) {
  const { name, maxRequests, user, allowedModel, metadata } = options;
  const models = readAllowedModels(allowedModel, kind);
  return {
    ...(name === undefined ? {} : { name: name || null }),
    ...(maxRequests === undefined ? {} : { max_requests: maxRequests }),
    ...(user === undefined ? {} : { user_id: user || null }),
    ...(models === undefined ? {} : { allowed_models: models === null ? null : [...models] }),
    ...readMetadata(metadata),
    ...readBounds(options, kind),
  };
}

function show(token: Token): Shown {
  return { json: token, lines: describeToken(token) };
}

function describeToken(token: Token, note = ""): readonly string[] {
  return formatFacts([
    ["token", token.token + note],
    ["id", token.id],
    ["project", token.project_id],
    ["name", token.name ?? "-"],
    ["state", describeState(token)],
    ["expires", formatExpiry(token.expires_at, Date.now())],
    ["requests", describeCount(token)],
    ["last used", formatTime(token.last_used_at)],
    ["user", token.user_id ?? "-"],
    ["models", token.allowed_models?.join(", ") ?? "all"],
    ["limits", formatLimits(token)],
    ["budgets", formatBudgets(token)],
    ["metadata", formatPairs(token.metadata)],
    ["created", formatTime(token.created_at)],
  ]);
}

function describeTokens(tokens: readonly Token[]): readonly string[] {
  if (tokens.length === 0) return ["There are no such tokens."];
  const rows = tokens.map((token) => [
    token.id,
    token.token,
    token.name ?? "-",
    describeState(token),
    describeCount(token),
    formatTime(token.expires_at),
    formatTime(token.last_used_at),
  ]);
  return formatTable([["id", "token", "name", "state", "requests", "expires", "last used"], ...rows]);
}

function describeState({
  is_active: isActive,
  expires_at: expiresAt,
  max_requests: most,
  request_count: count,
}: Token): string {
  if (!isActive) return "inactive";
  if (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) return "expired";
  return most !== null && count >= most ? "used up" : "active";
}

function describeCount({ request_count: count, max_requests: most }: Token): string {
  return most === null ? formatCount(count) : `${formatCount(count)} of ${formatCount(most)}`;
}
