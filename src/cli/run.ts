import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { Command } from "commander";
import type { App } from "../app.ts";
import { createLog } from "../lib/log.ts";
import { openLogOutput } from "../lib/log-output.ts";
import type { OutboxStatus } from "../outbox/status.ts";
import type { Tally } from "../telemetry/tally.ts";
import { type CliCommand, complain } from "./command.ts";
import { formatJson } from "./format.ts";
import { runChild } from "./run-child.ts";
import { createChildCommand, createChildEnvironment, urlPlaceholder } from "./run-clients.ts";
import { type RunFolder, takeRunFolder } from "./run-folder.ts";
import { loadRunConfig } from "./run-settings.ts";
import { describeRun, type RunSummary } from "./run-summary.ts";
import { accept, addServeOptions, type Options, readFlags, serve, start } from "./serve.ts";

const forms = `  weir run [options] -- <program> [arguments]   a program, with a gateway of its own
  weir run [options]                            a server, as weir serve`;

const help = `
Both forms:
${forms}

With a program, the gateway listens on a free port of this machine, and the program finds it in OPENAI_BASE_URL,
OPENAI_API_BASE, ANTHROPIC_BASE_URL and GOOGLE_GEMINI_BASE_URL (Claude Code, Gemini CLI, the SDKs), and in
COPILOT_PROVIDER_BASE_URL where Copilot CLI was told to use a provider. ${urlPlaceholder} in its arguments stands for the
gateway's URL, for what is told by arguments alone; codex is told by itself where CODEX_API_KEY is set:

  $ weir run -- claude -p "What is in this folder?"
  $ weir run -- codex -c 'openai_base_url="${urlPlaceholder}/v1"'
  $ weir run -- python app.py

Where calls go: to UPSTREAM_BASE_URL, ANTHROPIC_BASE_URL and GEMINI_BASE_URL as for a server, else to where the program's
own OPENAI_BASE_URL, OPENAI_API_BASE and GOOGLE_GEMINI_BASE_URL point, else to the providers. The program's credentials go
with them as they are; it gets none from us. Neither .env nor weir.yaml of this folder is read, unless --env or --config
names them, and what the environment says of ports, access, logs and DATA_DIR is taken to be the program's.

The run is the session of all calls that name none. Records, and the gateway's log, lie in $XDG_DATA_HOME/weir/runs.
When the program has ended, what it used is printed to standard error.

The exit code is the program's: 128 and the signal's number where a signal ended it, 127 where it isn't there, 126 where
it can't be started; 1 where the gateway can't be, 2 for a mistake in the options or the settings.
`;

/** What a server is told, and a run isn't asked. */
const serverOptions = { port: "--port", addr: "--addr", detach: "--detach", pidFile: "--pid-file" };

/** `weir run -- <program>`; without a program it is `weir serve`. */
export const runCommand: CliCommand = {
  register(program) {
    const command = program.command("run").usage("[options] [-- <program> [arguments]]");
    addServeOptions(
      command.description("run a program and see all that it asks of models; without one, run the gateway"),
    )
      .option("--json", "print what the program used as JSON")
      .argument("[program...]")
      .addHelpText("after", help)
      .action((words: readonly string[], options: Options) => run(words, options, command));
  },
};

async function run(words: readonly string[], options: Options, command: Command): Promise<void> {
  const { json, ...serving } = options;
  const at = process.argv.indexOf("--");
  const program = at === -1 ? [] : process.argv.slice(at + 1);
  if (words.length > program.length) refuse(command, `"${words[0]}" is no option. A program stands after --`);
  if (at === -1) return serve(serving);
  if (program.length === 0) refuse(command, "There is no program after --");
  for (const [name, flag] of Object.entries(serverOptions)) {
    if (name in options)
      refuse(command, `${flag} is for a server; a run has a free port of its own and ends with its program`);
  }
  const folder = await takeFolder();
  const code = await runProgram(program, serving, { folder, json: json === true });
  folder.release();
  process.exit(code);
}

function refuse(command: Command, fault: string): never {
  return command.error(`error: ${fault}:\n${forms}`, { exitCode: 2 });
}

async function takeFolder(): Promise<RunFolder> {
  try {
    return await takeRunFolder(process.env);
  } catch (error) {
    complain([`The run's data can't be kept: ${String(error)}. Set XDG_DATA_HOME to a folder that can be written`]);
    process.exit(1);
  }
}

async function runProgram(
  program: readonly string[],
  options: Options,
  { folder, json }: { folder: RunFolder; json: boolean },
): Promise<number> {
  const { env } = process;
  const session = `run-${new Date().toISOString().replace(/\D/g, "").slice(0, 14)}-${randomBytes(3).toString("hex")}`;
  const config = accept(await loadRunConfig({ flags: readFlags(options), env, dataDir: folder.path, session }));
  const log = createLog(config.log, openLogOutput(config.log, { rotates: !config.telemetry.enabled, buffered: false }));
  const { app } = await start(config, log, () => []);
  const childEnv = createChildEnvironment(env, app.url, config.gateway.providers);
  const startedAt = performance.now();
  const { code, fault } = await runChild(createChildCommand(program, app.url, childEnv), childEnv);
  const durationMs = performance.now() - startedAt;
  const ended = await endRun(app);
  const about = { program: basename(program[0] ?? ""), durationMs, url: app.url, session, ...ended };
  if (fault !== undefined) complain([`weir: ${fault}`]);
  else
    complain(
      json ? [formatJson({ exitCode: code, ...about })] : [...describeRun(about), ...describePassedOver(options)],
    );
  return code;
}

/** The folder is the program's, and so are its files. */
function describePassedOver(options: Options): readonly string[] {
  const usual = { env: ".env", config: "weir.yaml" };
  const found = Object.entries(usual).filter(([option, file]) => !(option in options) && existsSync(file));
  if (found.length === 0) return [];
  const flags = found.map(([option]) => `--${option}`).join(" and ");
  return [`passed over: ${found.map(([, file]) => file).join(", ")} (${flags} would have them read)`];
}

/** Lets the last answers end, and asks what came of all of them. */
async function endRun({ telemetry, drain }: App): Promise<Pick<RunSummary, "tally" | "records" | "pending">> {
  const found: { tally?: Tally | undefined; status?: OutboxStatus | undefined } = {};
  const pending = await drain(async () => {
    found.tally = await telemetry?.ask("tally");
    found.status = await telemetry?.ask("status");
  });
  const { tally, status } = found;
  const records = status?.sinks.map(({ name, target }) => (name === "file" ? target : `${name} (${target})`)) ?? [];
  return { records, pending, ...(tally === undefined ? {} : { tally }) };
}
