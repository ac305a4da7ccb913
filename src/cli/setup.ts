import type { Command } from "commander";
import type { Config } from "../config/config.ts";
import { ProjectInactive } from "../storage/tokens.ts";
import { type CliCommand, complain, type ExitCode } from "./command.ts";
import { explainDatabaseFault } from "./database-fault.ts";
import { keepOpen, openLineInput } from "./line-input.ts";
import { bypassProxy, localUrl } from "./local-url.ts";
import { readSecrets, SecretMissing, type SecretOption } from "./secret-options.ts";
import { loadWith, readKnown, writeConfiguration } from "./setup/configuration.ts";
import { describeSetup, type SetupResult, toJson } from "./setup/describe-setup.ts";
import { readText } from "./setup/env-file.ts";
import { SetupFault } from "./setup/fault.ts";
import { readLife } from "./setup/life.ts";
import { type Minted, mint } from "./setup/mint.ts";
import {
  asked,
  askWishes,
  completeWishes,
  type Known,
  readPort,
  readProjectName,
  toVariables,
  type Wishes,
} from "./setup/wishes.ts";

const help = `
Asks on a terminal for what no option says; elsewhere, or with --yes, takes the usual. Writes what the gateway needs into .env
and leaves everything else in it as it is; what is set already is kept. Then makes a project, or takes the one of that name,
and a token of it, which is shown this once.

  $ weir setup
  $ weir setup --yes --openai-key - --project search --duration 7d < key.txt
  $ weir setup --yes --skip-project --port 8080

Where the value of a secret is -, it is a line of the standard input; of several, in the order of the options.

The exit code is 0 where it was done, 1 where it failed or was given up, 2 for a mistake in the options or the settings, 3
where the database can't be reached.
`;

type SetupOptions = {
  readonly env: string;
  readonly config?: string;
  readonly port?: string;
  readonly addr?: string;
  readonly db?: string;
  readonly openaiKey?: string;
  readonly anthropicKey?: string;
  readonly geminiKey?: string;
  readonly managementToken?: string | false;
  readonly encryptionKey?: string | false;
  readonly project?: string;
  readonly skipProject?: true;
  readonly duration?: string;
  readonly neverExpires?: true;
  readonly yes?: true;
  readonly interactive?: true;
  readonly json?: true;
};

/** `weir setup`. */
export const setupCommand: CliCommand = {
  register(program) {
    program
      .command("setup")
      .description("write .env, make a project and a token, and say how to call with it")
      .option("--env <file>", "the file to write", ".env")
      .option("--config <file>", "the configuration file (WEIR_CONFIG, weir.yaml)")
      .option("--port <number>", "where to listen (PORT)")
      .option("--addr <host:port>", "where to listen, with the address (LISTEN_ADDR)")
      .option("--db <file>", "the SQLite file (DATABASE_PATH)")
      .option("--openai-key <key>", "the operator's OpenAI key (UPSTREAM_API_KEY)")
      .option("--anthropic-key <key>", "the operator's Anthropic key (ANTHROPIC_API_KEY)")
      .option("--gemini-key <key>", "the operator's Gemini key (GEMINI_API_KEY)")
      .option("--management-token <token>", "the management token (MANAGEMENT_TOKEN); one is made where there is none")
      .option("--no-management-token", "make none")
      .option(
        "--encryption-key <key>",
        "what the database's secrets are sealed with (ENCRYPTION_KEY); one is made where there is none",
      )
      .option("--no-encryption-key", "make none")
      .option("--project <name>", "the project's name (default)")
      .option("--skip-project", "make no project and no token")
      .option("--duration <time>", "how long the token lives: 24h, 7d; a bare number is hours (24h)")
      .option("--never-expires", "the token lives until it is revoked")
      .option("--yes", "ask nothing")
      .option("--interactive", "ask, though there is no terminal: answers are lines of the standard input")
      .option("--json", "as JSON")
      .addHelpText("after", help)
      .action(setUp);
  },
};

async function setUp(options: SetupOptions, command: Command): Promise<never> {
  try {
    refuseEmpty(command);
    const result = await perform(options);
    console.log(options.json ? JSON.stringify(toJson(result)) : describeSetup(result).join("\n"));
    process.exit(0);
  } catch (error) {
    complain(error instanceof SetupFault ? error.lines : [error instanceof Error ? error.message : String(error)]);
    process.exit(codeOf(error));
  }
}

async function perform(options: SetupOptions): Promise<SetupResult> {
  const { env: path } = options;
  const before = readText(path);
  const current = await loadWith(before, options);
  const known = readKnown(current, before);
  const wishes = await readWishes(options, known);
  if (known.encryptionKey && typeof wishes.encryptionKey === "string") throw new SetupFault(2, [keyKept]);
  const variables = toVariables(wishes, known);
  const config = await writeConfiguration(variables, before, options);
  const { project, lifeMs = null } = wishes;
  const minted = project === false || project === undefined ? undefined : await mintOrFail(config, { project, lifeMs });
  const url = localUrl(config);
  return {
    path,
    names: Object.keys(variables),
    hidden: Object.keys(variables).filter((name) => isOverruled(name, variables)),
    madeEncryptionKey: "ENCRYPTION_KEY" in variables && typeof wishes.encryptionKey !== "string",
    config,
    url,
    isRunning: await isRunning(url),
    ...(minted === undefined ? {} : { minted }),
  };
}

/** A script whose variable isn't set says nothing with it: taken for a value, it would take the one that is set away. */
function refuseEmpty(command: Command): void {
  const empty = command.options.filter((option) => {
    const value: unknown = command.getOptionValue(option.attributeName());
    return !option.negate && typeof value === "string" && value.trim() === "";
  });
  if (empty.length === 0) return;
  const faults = empty.map(({ long }) => `${long} is empty. Give it a value, or leave it out to keep what is set.`);
  throw new SetupFault(2, [...faults, "Nothing was written."]);
}

const keyKept =
  "ENCRYPTION_KEY is set already, and what it sealed can't be read without it: set the new one before it, with a comma between, and run weir migrate rotate-key. Nothing was written.";

async function readWishes(options: SetupOptions, known: Known): Promise<Wishes> {
  const secretOptions = listSecrets(options);
  const asks = options.interactive ?? (!options.yes && process.stdin.isTTY && process.stderr.isTTY);
  using input = asks || secretOptions.some(({ secret }) => secret === "-") ? openLineInput() : undefined;
  const secrets = await readSecrets(secretOptions, () => keepOpen(input ?? openLineInput()));
  const secretOf = (flag: string) => secrets[secretOptions.findIndex((option) => option.flag === flag)];
  const keys = asked.map(({ provider }) => [provider, secretOf(`--${provider}-key`)] as const);
  const said: Wishes = {
    port: options.port === undefined ? undefined : readOption("--port", options.port, readPort),
    others: { LISTEN_ADDR: options.addr, DATABASE_PATH: options.db },
    keys: Object.fromEntries(keys.flatMap(([provider, key]) => (key === undefined ? [] : [[provider, key]]))),
    managementToken: options.managementToken === false ? false : secretOf("--management-token"),
    encryptionKey: options.encryptionKey === false ? false : secretOf("--encryption-key"),
    project: options.skipProject
      ? false
      : options.project === undefined
        ? undefined
        : readOption("--project", options.project, readProjectName),
    lifeMs: readLifeOption(options),
  };
  return completeWishes(asks && input ? await askWishes(input, said, known) : said);
}

async function mintOrFail(config: Config, wanted: Parameters<typeof mint>[1]): Promise<Minted> {
  try {
    return await mint(config, wanted);
  } catch (error) {
    if (error instanceof ProjectInactive)
      throw new SetupFault(1, [
        `The project "${wanted.project}" is not active: weir manage project activate opens it again`,
      ]);
    const { message, unreachable } = explainDatabaseFault(error, config.control.database);
    throw new SetupFault(unreachable ? 3 : 1, [message, "The file is written; the project and its token aren't made."]);
  }
}

function listSecrets(options: SetupOptions): readonly SecretOption[] {
  const secret = (flag: string, what: string, written: string | false | undefined) =>
    typeof written === "string" ? [{ flag, what, written, secret: written }] : [];
  return [
    ...secret("--openai-key", "OpenAI key", options.openaiKey),
    ...secret("--anthropic-key", "Anthropic key", options.anthropicKey),
    ...secret("--gemini-key", "Gemini key", options.geminiKey),
    ...secret("--management-token", "management token", options.managementToken),
    ...secret("--encryption-key", "encryption key", options.encryptionKey),
  ];
}

function readLifeOption({ duration, neverExpires }: SetupOptions): number | null | undefined {
  if (neverExpires) return null;
  return duration === undefined ? undefined : readOption("--duration", duration, readLife);
}

function readOption<T>(flag: string, written: string, read: (written: string) => T): T {
  try {
    return read(written);
  } catch (error) {
    throw new SetupFault(2, [`${flag} is "${written}". ${error instanceof Error ? error.message : String(error)}`]);
  }
}

/** What the environment says counts before the file. */
function isOverruled(name: string, variables: Readonly<Record<string, string>>): boolean {
  const set = process.env[name];
  return set !== undefined && set !== "" && set !== variables[name];
}

async function isRunning(url: string): Promise<boolean> {
  bypassProxy(url);
  try {
    return (await fetch(`${url}/live`, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

function codeOf(error: unknown): ExitCode {
  if (error instanceof SetupFault) return error.code;
  return error instanceof SecretMissing ? 2 : 1;
}
