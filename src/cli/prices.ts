import { type Command, InvalidArgumentError, Option } from "commander";
import type { Config } from "../config/config.ts";
import { type UsageBucket, sumUsage, type UsageBuckets } from "../domain/usage.ts";
import { compileGlobs } from "../lib/glob.ts";
import { listNameOf, toListing } from "../prices/listed-prices.ts";
import { openPriceData } from "../prices/open-price-book.ts";
import { createOwnPrices } from "../prices/own-prices.ts";
import { createPriceBook } from "../prices/price-book.ts";
import type { PriceData } from "../prices/price-data.ts";
import type { Listing } from "../prices/rate-card.ts";
import { type CliCommand, complain } from "./command.ts";
import { formatJson } from "./format.ts";
import { loadConfig } from "./load-config.ts";
import { describeRepricing, writeRepricing } from "./prices/describe-repricing.ts";
import { describeExplanation, describeListings, type Explanation, writeCard } from "./prices/describe-prices.ts";
import { checkProvider } from "./prices/check-provider.ts";
import { readTime } from "./manage/expiry-options.ts";
import { findServer } from "./prices/find-server.ts";
import { updatePrices } from "./prices/update-prices.ts";
import { accept, type Options, readFlags } from "./serve.ts";

const help = `
What a model costs is looked up in "prices" of weir.yaml first, and then in the price data of genai-prices: the bundled one, or
the one that "weir prices update" has fetched into <DATA_DIR>/prices.json. Prices are USD for a million.

  $ weir prices list --provider anthropic --model "claude-sonnet-*"
  $ weir prices explain gpt-4o --input 200 --cached 800 --output 200 --tier batch
  $ weir prices update
  $ weir prices reprice --from 2026-03-01 --to 2026-04-01 --model gpt-4o --dry-run

What "explain" counts is apart from each other: of 1,000 prompt_tokens of OpenAI of which 800 were cached, --input is 200. So is
--output beside --reasoning.

The exit code is 0 where it was done, 1 where it failed or there is no price, 2 for a mistake in the options or the settings,
3 where the price data or the database can't be reached.
`;

/** The options of `explain` that count something, and what they count. */
const counted: readonly (readonly [option: string, bucket: UsageBucket, about: string])[] = [
  ["input", "input", "LLM tokens of input, beside those that are cached, sound or pictures"],
  ["cached", "input_cached", "of input read from a cache"],
  ["write-5m", "input_cache_write_5m", "of input written to a cache for five minutes"],
  ["write-1h", "input_cache_write_1h", "of input written to a cache for an hour"],
  ["input-audio", "input_audio", "of sound in the input"],
  ["input-image", "input_image", "of pictures in the input"],
  ["output", "output", "of output"],
  ["reasoning", "output_reasoning", "of thinking"],
  ["output-audio", "output_audio", "of sound in the output"],
  ["output-image", "output_image", "of pictures in the output"],
  ["searches", "requests", "billed calls of server tools"],
];

/** `weir prices`. */
export const pricesCommand: CliCommand = {
  register(program) {
    const prices = program
      .command("prices")
      .description("show what models cost and why, fetch newer prices, and price what was recorded anew")
      .addHelpText("after", help);
    addFiles(prices.command("list").description("list the prices in use"))
      .option("--provider <name>", "of this provider alone")
      .option("--model <glob>", "of the models whose name it fits")
      .option("--at <date>", "that hold then (now)", readMoment)
      .action(list);
    const explain = prices
      .command("explain")
      .argument("<model>", "the model's name, as a call or an answer has it")
      .description("say which price a model has, where it comes from, and what so much of it costs");
    for (const [option, , about] of counted)
      explain.addOption(new Option(`--${option} <number>`, about).argParser(readCount));
    addFiles(explain)
      .option("--provider <name>", "which provider serves it (the one that its name belongs to)")
      .option("--tier <tier>", "the service tier that is billed, such as flex, batch or priority")
      .option("--at <date>", "when it is called (now)", readMoment)
      .action(explainModel);
    addFiles(prices.command("update").description("fetch the newest price data of genai-prices"))
      .option("--from <file or url>", "where it is, if not where genai-prices publishes it")
      .action(update);
    addFiles(
      prices.command("reprice").description("compute the cost of recorded exchanges anew, with the prices of now"),
    )
      .requiredOption("--from <date>", "of those that came in then or later", readMoment)
      .option("--to <date>", "and before then (now)", readMoment)
      .option("--project <id or name>", "of this project alone")
      .option("--provider <name>", "of this provider alone")
      .option("--model <name>", "of this model alone")
      .option("--dry-run", "only show what would change")
      .action(reprice);
  },
};

function addFiles(command: Command): Command {
  return command
    .option("--config <file>", "the configuration file (WEIR_CONFIG, weir.yaml)")
    .option("--env <file>", "the file with environment variables (.env)")
    .option("--json", "as JSON");
}

type ListOptions = FileOptions & { readonly provider?: string; readonly model?: string; readonly at?: number };
type FileOptions = { readonly config?: string; readonly env?: string; readonly json?: boolean };

async function list({ provider, model, at = Date.now(), json, ...files }: ListOptions): Promise<void> {
  const { prices, data } = await open(files);
  const { matches } = compileGlobs([(model ?? "**").toLowerCase()]);
  const listings = [...createOwnPrices(prices.own).list(), ...(await listAll(data))].filter(
    (listing) =>
      matches(listing.model.toLowerCase()) &&
      (provider === undefined || [provider, listNameOf(provider)].includes(listing.provider ?? provider)),
  );
  const rows = listings.flatMap((listing) => {
    const card = listing.at(at);
    return card === undefined ? [] : [{ listing, card }];
  });
  const shown = rows.map(({ listing: { provider: of, model: name, source, version }, card }) => ({
    ...(of === undefined ? {} : { provider: of }),
    model: name,
    source,
    version,
    ...writeCard(card),
  }));
  print(json, { priceData: data.version, models: shown }, describeListings(data.version, rows));
}

async function listAll(data: PriceData): Promise<readonly Listing[]> {
  const providers = await data.list();
  return providers.flatMap(({ id, models }) => models.map((model) => toListing(data, id, model, model.id)));
}

type ExplainOptions = FileOptions & { readonly provider?: string; readonly tier?: string; readonly at?: number };

async function explainModel(model: string, options: ExplainOptions & Readonly<Record<string, unknown>>): Promise<void> {
  const { provider: wanted, tier, at = Date.now(), json, config: file, env } = options;
  const { config, prices, data } = await open({
    ...(file === undefined ? {} : { config: file }),
    ...(env === undefined ? {} : { env }),
  });
  const providers = config.gateway.providers.map(({ name }) => name);
  if (wanted !== undefined) await refuseUnknown(wanted, providers, data);
  const buckets = readBuckets(options);
  const book = createPriceBook({ own: prices.own, data });
  const sources = { own: prices.own, data, book, providers };
  const { provider, others } = findServer(sources, { model, at, asked: wanted });
  const listing = book.find(provider, model).find((each) => each.at(at) !== undefined);
  const asked = { model, at, ...(provider === undefined ? {} : { provider }), ...(tier === undefined ? {} : { tier }) };
  const usage = sumUsage(buckets, { source: "provider" });
  const explanation: Explanation = {
    model,
    pricedAs: createOwnPrices(prices.own).nameOf(model),
    ...(provider === undefined ? {} : { provider }),
    isAssumed: wanted === undefined,
    others,
    ...(tier === undefined ? {} : { tier }),
    at,
    listing,
    pricing: Object.keys(buckets).length === 0 ? undefined : book.price({ ...asked, usage }),
  };
  const { lines, value, hasPrice } = describeExplanation(explanation);
  print(json, value, lines);
  if (!hasPrice) process.exitCode = 1;
}

async function refuseUnknown(provider: string, here: readonly string[], data: PriceData): Promise<void> {
  const listed = await data.list();
  const fault = checkProvider(provider, { here, listed: listed.map(({ id }) => id) });
  if (fault === undefined) return;
  complain([fault]);
  process.exit(2);
}

function readBuckets(options: Readonly<Record<string, unknown>>): UsageBuckets {
  const read = counted.flatMap(([option, bucket]) => {
    const count = options[option.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
    return typeof count === "number" ? [[bucket, count] as const] : [];
  });
  return Object.fromEntries(read);
}

async function update({ from, json, ...files }: FileOptions & { readonly from?: string }): Promise<void> {
  const { prices } = await openSettings(files);
  const done = await updatePrices({ path: prices.file, from });
  if (done.kind === "failed") {
    complain([`${done.why} The prices are those of before.`]);
    process.exit(done.unreachable ? 3 : 1);
  }
  const { lines, ...value } = done;
  print(json, value, lines);
}

type RepriceOptions = FileOptions & {
  readonly from: number;
  readonly to?: number;
  readonly project?: string;
  readonly provider?: string;
  readonly model?: string;
  readonly dryRun?: boolean;
};

async function reprice(options: RepriceOptions): Promise<void> {
  const { from, to = Date.now(), project: projectId, provider, model, dryRun = false, json, ...files } = options;
  if (from >= to) {
    complain(["--from must be before --to"]);
    process.exit(2);
  }
  const { config, data } = await open(files);
  const filter = { from, to, projectId, provider, model };
  // It needs the database, which nothing else here does.
  const { repriceLog } = await import("./prices/reprice-log.ts");
  const done = await repriceLog({ config, data, filter, dryRun });
  print(json, { dryRun, ...writeRepricing(done) }, describeRepricing(done, dryRun));
}

/** What prices are looked up in, as the gateway with these settings does. */
async function open(
  files: FileOptions,
): Promise<Pick<Config, "prices"> & { readonly config: Config; readonly data: PriceData }> {
  const config = await openSettings(files);
  const { prices } = config;
  const data = await openPriceData({
    file: prices.file,
    onFault: (error) =>
      complain([
        `warning: ${prices.file} can't be used (${error instanceof Error ? error.message : String(error)}); the bundled data is used. Fetch it again: weir prices update`,
      ]),
  });
  return { config, prices, data };
}

async function openSettings({ config, env }: FileOptions): Promise<Config> {
  const files: Options = { ...(config === undefined ? {} : { config }), ...(env === undefined ? {} : { env }) };
  return accept(await loadConfig({ flags: readFlags(files), serves: false }));
}

function readCount(written: string): number {
  if (/^\d{1,12}$/.test(written)) return Number(written);
  throw new InvalidArgumentError("It must be a whole number.");
}

function readMoment(written: string): number {
  return Date.parse(readTime(written));
}

function print(json: boolean | undefined, value: unknown, lines: readonly string[]): void {
  console.log(json === true ? formatJson(value) : lines.join("\n"));
}
