import { type Command, Option } from "commander";
import { formatNumberOf, formatTable } from "../format.ts";
import { act, type Desk, type Shown } from "./act.ts";
import { ManageFault } from "./fault.ts";
import { findProjectId } from "./find-project.ts";
import { shapes } from "./shapes.ts";

const purgeHelp = `
  $ weir manage cache purge --method GET --url /v1/models
  $ weir manage cache purge --prefix /v1/embeddings
  $ weir manage cache purge --all
`;

/** Adds `weir manage cache`, `providers` and `config`. */
export function addSystemCommands(manage: Command): void {
  manage
    .command("cache")
    .description("the response cache")
    .command("purge")
    .description("forget answers")
    .option("--method <method>", "with --url: of this method; GET unless it says so")
    .option("--url <url>", "the answers to exactly this URL")
    .option("--prefix <prefix>", "the answers to URLs that begin so")
    .addOption(new Option("--project-id, --project <id or name>", "the answers to this project"))
    .option("--all", "all answers")
    .option("--json", "as JSON")
    .addHelpText("after", purgeHelp)
    .action(act(purge));
  manage
    .command("providers")
    .description("list providers: where they are, whether there is a key, whether they answer")
    .option("--json", "as JSON")
    .action(act(listProviders));
  manage
    .command("config")
    .description("show the settings in effect and where each came from; no secrets")
    .option("--json", "as JSON")
    .action(act(showConfig));
}

type Purge = {
  readonly method?: string;
  readonly url?: string;
  readonly prefix?: string;
  readonly project?: string;
  readonly all?: true;
};

async function purge({ api, options }: Desk<Purge>): Promise<Shown> {
  const { method, url, prefix, project, all } = options;
  const ways = [url, prefix, project, all].filter((way) => way !== undefined);
  if (ways.length !== 1) throw new ManageFault(2, "Give one of --url, --prefix, --project and --all");
  if (method !== undefined && url === undefined) throw new ManageFault(2, "--method goes with --url");
  const json = {
    ...(url === undefined ? {} : { method: (method ?? "GET").toUpperCase(), url }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(project === undefined ? {} : { project_id: await findProjectId(api, project) }),
    ...(all === undefined ? {} : { all }),
  };
  const { deleted } = await api.ask(api.manage.cache.purge.$post({ json }), shapes.purged);
  const missed = deleted === 0 && url !== undefined && method === undefined;
  const advice = missed ? [" Those to POSTs are forgotten with --method POST."] : [];
  return { json: { deleted }, lines: [[`${formatNumberOf(deleted, "answer")} forgotten.`, ...advice].join("")] };
}

async function listProviders({ api }: Desk<object>): Promise<Shown> {
  const list = await api.ask(api.manage.providers.$get(), shapes.providers);
  const rows = list.providers.map((provider) => [
    provider.name,
    provider.dialect,
    provider.key === "set" ? "set" : "not set",
    provider.status,
    provider.error_rate === null ? "-" : `${(provider.error_rate * 100).toFixed(1)} %`,
    provider.base_url,
    provider.routes.join(" "),
  ]);
  return {
    json: list,
    lines: formatTable([["provider", "dialect", "key", "status", "errors", "where", "routes"], ...rows]),
  };
}

async function showConfig({ api }: Desk<object>): Promise<Shown> {
  const config = await api.ask(api.manage.config.$get(), shapes.config);
  const rows = config.settings.map(({ name, value, source }) => [name, value ?? "", source]);
  return { json: config, lines: [`Weir ${config.version}`, ...formatTable([["setting", "value", "from"], ...rows])] };
}
