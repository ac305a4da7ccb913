import { randomBytes } from "node:crypto";
import { type Command, InvalidArgumentError, Option } from "commander";
import { readDotenv } from "../config/dotenv.ts";
import type { ConfigResult } from "../config/read-config.ts";
import { type Choice, choose } from "./chat/choose.ts";
import { converse } from "./chat/converse.ts";
import type { Turn } from "./chat/dialect.ts";
import { codeOf, describeEnding } from "./chat/ending.ts";
import { type Line, type Reply, talk } from "./chat/talk.ts";
import { type CliCommand, complain } from "./command.ts";
import { keepOpen, type LineInput, openLineInput } from "./line-input.ts";
import { loadConfig } from "./load-config.ts";
import { bypassProxy, localUrl } from "./local-url.ts";
import { isCredential, readSecrets, SecretMissing } from "./secret-options.ts";
import { readVersion } from "./version.ts";

const help = `
With a message, or with one on the standard input, it is answered and that is all. Without, on a terminal, it is a conversation:
Ctrl-C stops the answer, twice leaves, Ctrl-D leaves.

  $ weir chat "What is a weir?"
  $ weir chat --model claude-haiku-4-5 --system "Answer in one sentence." < question.txt
  $ PROXY_TOKEN=sk-weir-... weir chat --provider gemini

The provider is the model's vendor unless --provider names one, which may be any that the gateway has. The token is taken from
--token, PROXY_TOKEN or WEIR_TOKEN, and none is sent where none of them is set.

The exit code is 0 where the answer came whole, 1 where it was refused or broke off, 2 for a mistake in the options, 3 where
the gateway can't be reached, 130 after Ctrl-C.
`;

type ChatOptions = {
  readonly url?: string;
  readonly token?: string;
  readonly provider?: string;
  readonly model?: string;
  readonly system?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly verbose?: true;
  readonly json?: true;
};

/** `weir chat`, and `weir openai chat` as it was called before. */
export const chatCommand: CliCommand = {
  register(program) {
    addChat(program.command("chat").description("talk to a model through the gateway"));
    const openai = program.command("openai", { hidden: true }).description("the older name of chat");
    addChat(openai.command("chat").description("talk to a model through the gateway"));
  },
};

function addChat(command: Command): void {
  command
    .argument("[message...]", "what is asked")
    .addOption(
      new Option("--proxy, --url <url>", "where the gateway is; by itself where this directory's would listen"),
    )
    .option(
      "--token <token>",
      "a token of a project, or the gate key (PROXY_TOKEN, WEIR_TOKEN); - reads it from the standard input",
    )
    .option("--provider <name>", "a provider of the gateway's: openai, anthropic, gemini, or another")
    .option("--model <model>", "the model")
    .option("--system <text>", "what the model is told beforehand")
    .addOption(new Option("--max-tokens <number>", "how long an answer may be").argParser(readCount))
    .addOption(new Option("--temperature <number>", "from 0 to 2").argParser(readTemperature))
    .option("-v, --verbose", "say on standard error how long it took and which exchange it was")
    .option("--json", "print the whole answer as JSON")
    // Answers always come as a stream.
    .addOption(new Option("--stream").hideHelp())
    .addHelpText("after", help)
    .action(chat);
}

async function chat(words: readonly string[], options: ChatOptions): Promise<never> {
  const own = await loadConfig({ serves: false });
  const choice = choose(options, own.kind === "ok" ? own.config.gateway.providers : []);
  if (!choice) refuse(describeUnknown(options.provider ?? "", own));
  const url = findUrl(options, own);
  const { token, message } = await readInput(words, options, own);
  const line = openLine(url, choice, token);
  if (message !== undefined) return answerOnce(message, line, choice, options);
  await talkOn(line, choice, options);
  process.exit(0);
}

/** Of a provider that isn't ours no model is known; the gateway that is asked may have it all the same. */
function describeUnknown(provider: string, own: ConfigResult): string {
  const names = own.kind === "ok" ? own.config.gateway.providers.map(({ name }) => name) : [];
  if (own.kind === "faults" || names.includes(provider)) return `--model must name a model of ${provider}`;
  return `There is no provider "${provider}" in this directory's configuration, only ${names.join(", ")}. Where the gateway has it, name a model of it with --model`;
}

/** What is asked, and with which token; without a message it is a conversation. */
async function readInput(
  words: readonly string[],
  options: ChatOptions,
  own: ConfigResult,
): Promise<{ readonly token: string | undefined; readonly message: string | undefined }> {
  const isConversation = words.length === 0 && process.stdin.isTTY && process.stderr.isTTY && !options.json;
  const readsMessage = words.length === 0 && !isConversation;
  using input = readsMessage || options.token === "-" ? openLineInput() : undefined;
  const token = await readToken(options, own, input);
  if (token !== undefined && !isCredential(token))
    refuse("The token must be printable ASCII characters without spaces; it isn't shown");
  const message = readsMessage && input ? await readAll(input) : words.join(" ");
  return { token, message: isConversation ? undefined : message };
}

async function answerOnce(text: string, line: Line, choice: Choice, options: ChatOptions): Promise<never> {
  if (text.trim() === "") refuse("There is no message: give one as an argument, or on the standard input");
  const stop = new AbortController();
  process.on("SIGINT", () => stop.abort());
  // Whoever reads along may have had enough.
  process.stdout.on("error", () => process.exit(1));
  const reply = await ask([{ role: "user", text }], { line, choice, options, signal: stop.signal });
  if (options.json) console.log(JSON.stringify(toJson(reply, choice)));
  complain(describeEnding(reply));
  await endOutput();
  process.exit(codeOf(reply));
}

function talkOn(line: Line, choice: Choice, options: ChatOptions): Promise<void> {
  complain([`${choice.model} of ${choice.provider}. Ctrl-C stops an answer, twice leaves.`]);
  return converse((turns, signal) => ask(turns, { line, choice, options, signal }));
}

async function ask(
  turns: readonly Turn[],
  parts: { readonly line: Line; readonly choice: Choice; readonly options: ChatOptions; readonly signal: AbortSignal },
): Promise<Reply> {
  const { line, choice, options, signal } = parts;
  const { system, maxTokens, temperature } = options;
  const startedAt = performance.now();
  const question = { model: choice.model, turns, system, maxTokens, temperature };
  const reply = await talk(line, question, { signal, write: options.json ? () => undefined : show });
  if (reply.text !== "" && !options.json) process.stdout.write("\n");
  if (options.verbose)
    complain([`${((performance.now() - startedAt) / 1000).toFixed(1)} s, exchange ${reply.exchangeId ?? "unknown"}`]);
  return reply;
}

/** Ends the output when a slow reader has everything: the end of the program would take away what still waits. */
function endOutput(): Promise<void> {
  return new Promise((resolve) => process.stdout.end(() => resolve()));
}

/** A model's words must not be orders to the terminal. */
function show(text: string): void {
  process.stdout.write(process.stdout.isTTY ? text.replace(/[^\P{Cc}\n\t]/gu, "") : text);
}

function toJson({ text, ending, exchangeId }: Reply, { provider, model }: Choice) {
  const finish = ending.kind === "complete" ? ending.finish : null;
  return { provider, model, answer: text, ending: ending.kind, finish_reason: finish, exchange_id: exchangeId };
}

function openLine(url: string, { provider, dialect }: Choice, token: string | undefined): Line {
  bypassProxy(url);
  const headers = {
    "user-agent": `weir/${readVersion().version}`,
    "x-session-id": `chat-${randomBytes(6).toString("hex")}`,
  };
  return { url: `${url}/${provider}`, dialect, token, headers };
}

function findUrl({ url }: ChatOptions, own: ConfigResult): string {
  if (url === undefined) return localUrl(own.kind === "ok" ? own.config : { host: "127.0.0.1", port: 3000 });
  if (!/^https?:\/\/[^@?#]+$/.test(url) || !URL.canParse(url))
    refuse("--url must be a URL such as http://127.0.0.1:3000");
  return url.replace(/\/+$/, "").replace(/\/v1$/, "");
}

async function readToken(
  { token }: ChatOptions,
  own: ConfigResult,
  input: LineInput | undefined,
): Promise<string | undefined> {
  if (token === undefined) return findToken(process.env) ?? findToken(readVariables(own));
  const option = { flag: "--token", what: "token", written: token, secret: token };
  try {
    const [read] = await readSecrets([option], () => keepOpen(input ?? openLineInput()));
    return read;
  } catch (error) {
    return refuse(error instanceof SecretMissing ? error.message : String(error));
  }
}

function findToken(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return [env["PROXY_TOKEN"], env["WEIR_TOKEN"]].find((token) => token !== undefined && token.trim() !== "")?.trim();
}

function readVariables(own: ConfigResult): Readonly<Record<string, string>> {
  return own.kind === "ok" ? readDotenv(own.sources.files?.dotenv?.text ?? "").variables : {};
}

async function readAll(input: LineInput): Promise<string> {
  const lines: string[] = [];
  for (let line = await input.ask(""); line !== undefined; line = await input.ask("")) lines.push(line);
  return lines.join("\n");
}

function readCount(written: string): number {
  if (/^[1-9]\d{0,8}$/.test(written)) return Number(written);
  throw new InvalidArgumentError("It must be a whole number from 1 on.");
}

function readTemperature(written: string): number {
  if (/^\d(?:\.\d+)?$/.test(written) && Number(written) <= 2) return Number(written);
  throw new InvalidArgumentError("It must be a number from 0 to 2.");
}

function refuse(fault: string): never {
  complain([fault]);
  process.exit(2);
}
