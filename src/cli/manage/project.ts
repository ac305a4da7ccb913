import type { Command } from "commander";
import { complain } from "../command.ts";
import { formatTable } from "../format.ts";
import { act, type Desk, type Shown } from "./act.ts";
import { addBoundOptions, type BoundOptions, formatBudgets, formatLimits, readBounds } from "./bound-options.ts";
import type { ManagementClient } from "./client.ts";
import { ManageFault } from "./fault.ts";
import { findProjectId } from "./find-project.ts";
import { addKeyOptions, collect } from "./key-options.ts";
import { addListOptions, describeRest, type ListOptions, listPages } from "./list-options.ts";
import { readMetadata } from "./metadata-option.ts";
import { type Project, type ProjectChange, shapes } from "./shapes.ts";
import { formatFacts, formatPairs, formatTime } from "./words.ts";

const keyHelp = `
Where a key is -, it is a line of the standard input; of several, in the order of the options:

  $ weir manage project create --name search --openai-key -
  $ weir manage project update search --anthropic-key - --key groq=- < keys.txt
`;

/** Adds `weir manage project …`. */
export function addProjectCommands(manage: Command): void {
  const project = manage.command("project").description("projects: who owns provider keys and tokens");
  const add = (name: string, about: string) => project.command(name).description(about).option("--json", "as JSON");
  const addOn = (name: string, about: string) => add(name, about).argument("<project>", "its id or its name");

  addListOptions(add("list", "list projects, the latest first"))
    .option("--active", "only those that are active")
    .option("--inactive", "only those that aren't")
    .option("--search <text>", "only those whose name contains it")
    .action(act(list));
  addOn("get", "show a project, with its keys masked").action(act(get));
  addBoundOptions(
    addKeyOptions(add("create", "create a project").requiredOption("--name <name>", "its name; no two have the same")),
  )
    .option("--metadata <name=text>", "text of your own; again for more", collect)
    .addHelpText("after", keyHelp)
    .action(act(create));
  addBoundOptions(
    addKeyOptions(addOn("update", "change a project; what isn't named stays").option("--name <name>", "its new name")),
  )
    .option("--remove-key <provider>", "take a provider's key away; again for more", collect)
    .option("--metadata <name=text>", "text of your own, in place of all that was there; again for more", collect)
    .addHelpText("after", keyHelp)
    .action(act(update));
  addOn("deactivate", "close a project: its tokens are refused within a second, and it gets no new ones")
    .option("--revoke-tokens", "revoke its tokens too, so that they stay refused when it is activated again")
    .action(act(deactivate));
  addOn("activate", "open a project again, and its tokens with it but for those that were revoked").action(
    act(activate),
  );
  project
    .command("delete")
    .description("say what to do instead: nothing is ever deleted")
    .argument("[project]", "its id or its name")
    .option("--json", "as JSON")
    .action(refuseToDelete);
}

type Filter = ListOptions & { readonly active?: true; readonly inactive?: true; readonly search?: string };

async function list({ api, options }: Desk<Filter>): Promise<Shown> {
  const { active, inactive, search } = options;
  if (active && inactive)
    throw new ManageFault(2, "--active and --inactive can't be combined; without either, all are listed");
  const filter = {
    ...(active ? { active: "true" as const } : inactive ? { active: "false" as const } : {}),
    ...(search === undefined ? {} : { search }),
  };
  const listed = await listPages(options, async (page) => {
    const sent = api.manage.projects.$get({ query: { ...filter, ...page } });
    const { projects, next_cursor: next } = await api.ask(sent, shapes.projects);
    return { items: projects, next };
  });
  return {
    json: { projects: listed.items, next_cursor: listed.next },
    lines: [...describeProjects(listed.items), ...describeRest(listed)],
  };
}

async function get({ api }: Desk<object>, project = ""): Promise<Shown> {
  const id = await findProjectId(api, project);
  return show(await api.ask(api.manage.projects[":id"].$get({ param: { id } }), shapes.project));
}

type Wanted = BoundOptions & { readonly name?: string; readonly metadata?: readonly string[] };

async function create({ api, options, keys }: Desk<Wanted & { readonly name: string }>): Promise<Shown> {
  const { name, metadata } = options;
  const json = { name, provider_keys: keys, ...readMetadata(metadata), ...readBounds(options, { isNew: true }) };
  return show(await api.ask(api.manage.projects.$post({ json }), shapes.project));
}

async function update(
  { api, options, keys }: Desk<Wanted & { readonly removeKey?: readonly string[] }>,
  project = "",
): Promise<Shown> {
  const { name, metadata, removeKey = [] } = options;
  const both = removeKey.find((provider) => provider in keys);
  if (both !== undefined)
    throw new ManageFault(2, `There are a key for ${both} and --remove-key ${both}: give one of them`);
  const changed = { ...keys, ...Object.fromEntries(removeKey.map((provider) => [provider, null])) };
  const json = {
    ...(name === undefined ? {} : { name }),
    ...(Object.keys(changed).length === 0 ? {} : { provider_keys: changed }),
    ...readMetadata(metadata),
    ...readBounds(options, { isNew: false }),
  };
  if (Object.keys(json).length === 0)
    throw new ManageFault(2, "Nothing is to be changed: weir manage project update --help shows what can be");
  return show(await change(api, project, json));
}

async function deactivate({ api, options }: Desk<{ readonly revokeTokens?: true }>, project = ""): Promise<Shown> {
  const revoking = options.revokeTokens ? { revoke_tokens: true } : {};
  return show(await change(api, project, { is_active: false, ...revoking }));
}

async function activate({ api }: Desk<object>, project = ""): Promise<Shown> {
  return show(await change(api, project, { is_active: true }));
}

async function change(api: ManagementClient, project: string, json: ProjectChange): Promise<Project> {
  const id = await findProjectId(api, project);
  return api.ask(api.manage.projects[":id"].$patch({ param: { id }, json }), shapes.project);
}

function refuseToDelete(project = "<project>"): never {
  complain([
    "Nothing is ever deleted, so that records and the audit stay readable. What closes a project for good is:",
    "",
    `  weir manage project deactivate --revoke-tokens ${/^[\w<>-]+$/.test(project) ? project : "<project>"}`,
  ]);
  process.exit(2);
}

function describeProjects(projects: readonly Project[]): readonly string[] {
  if (projects.length === 0) return ["There are no such projects."];
  const rows = projects.map((project) => [
    project.id,
    project.name,
    describeState(project),
    Object.keys(project.provider_keys).join(", ") || "-",
    formatTime(project.created_at),
  ]);
  return formatTable([["id", "name", "state", "keys for", "created"], ...rows]);
}

function show(project: Project): Shown {
  const { deactivated_at: deactivatedAt } = project;
  const facts = [
    ["id", project.id],
    ["name", project.name],
    ["state", deactivatedAt === null ? describeState(project) : `inactive since ${formatTime(deactivatedAt)}`],
    ["keys", formatPairs(project.provider_keys)],
    ["created", formatTime(project.created_at)],
    ["updated", formatTime(project.updated_at)],
    ["metadata", formatPairs(project.metadata)],
    ["policy", describeSet(project.policy)],
    ["settings", describeSet(project.settings)],
    ["limits", formatLimits(project)],
    ["budgets", formatBudgets(project)],
  ] as const;
  return { json: project, lines: formatFacts(facts) };
}

function describeState(project: Pick<Project, "is_active">): string {
  return project.is_active ? "active" : "inactive";
}

/** What of it was decided. */
function describeSet(rules: Readonly<Record<string, unknown>>): string {
  const set = Object.entries(rules).filter(([, rule]) => rule !== null);
  return set.length === 0 ? "-" : JSON.stringify(Object.fromEntries(set));
}
