import { randomBytes } from "node:crypto";
import type { LineInput } from "../line-input.ts";
import { readLife } from "./life.ts";

/** What the operator wants; what is absent wasn't said. */
export type Wishes = {
  readonly port?: string | undefined;
  /** Variables that nobody is asked about. */
  readonly others: Readonly<Record<string, string | undefined>>;
  /** By provider. */
  readonly keys: Readonly<Record<string, string>>;
  /** `false` for none, `true` for one that is made. */
  readonly managementToken?: string | boolean | undefined;
  readonly encryptionKey?: string | boolean | undefined;
  /** `false` for none. */
  readonly project?: string | false | undefined;
  /** Milliseconds; null is for ever. */
  readonly lifeMs?: number | null | undefined;
};

/** What the configuration has already. */
export type Known = {
  readonly port: number;
  /** Providers that the operator has a key for. */
  readonly keys: ReadonlySet<string>;
  readonly managementToken: boolean;
  readonly encryptionKey: boolean;
};

/** The person went away before everything was asked. */
export class GivenUp extends Error {
  override readonly name = "GivenUp";
}

/** The providers that are asked about, with the variables of their keys. */
export const asked = [
  { provider: "openai", name: "OpenAI", variable: "UPSTREAM_API_KEY" },
  { provider: "anthropic", name: "Anthropic", variable: "ANTHROPIC_API_KEY" },
  { provider: "gemini", name: "Gemini", variable: "GEMINI_API_KEY" },
] as const;

const usualProject = "default";
const usualLife = "24h";

/** Asks for what wasn't said. Throws `GivenUp`. */
export async function askWishes(input: LineInput, said: Wishes, known: Known): Promise<Wishes> {
  const isPlaced = said.port !== undefined || said.others["LISTEN_ADDR"] !== undefined;
  const port = isPlaced ? said.port : await askUntil(input, `Port [${known.port}]: `, readPort);
  const keys: Record<string, string> = { ...said.keys };
  for (const { provider, name } of asked) {
    if (provider in keys) continue;
    const note = known.keys.has(provider) ? "empty keeps the one that is there" : "empty for none";
    const key = await askLine(input, `${name} key (not shown; ${note}): `, { hidden: true });
    if (key !== "") keys[provider] = key;
  }
  const managementToken =
    said.managementToken ??
    (known.managementToken ||
      (await askYes(input, "Make a MANAGEMENT_TOKEN, and let in who has a token and nobody else?")));
  const encryptionKey =
    said.encryptionKey ??
    (known.encryptionKey || (await askYes(input, "Make an ENCRYPTION_KEY, which seals what the database keeps?")));
  const project =
    said.project ??
    (await askUntil(
      input,
      `Project [${usualProject}] (- for none): `,
      (line) => line !== "-" && readProjectName(line),
    ));
  const lifeMs =
    project === false || said.lifeMs !== undefined
      ? said.lifeMs
      : await askUntil(input, `How long the project's token lives, such as 24h, 7d, never [${usualLife}]: `, readLife);
  return { ...said, port, keys, managementToken, encryptionKey, project, lifeMs };
}

/** Takes the usual for what wasn't said. */
export function completeWishes(said: Wishes) {
  return {
    ...said,
    managementToken: said.managementToken ?? true,
    encryptionKey: said.encryptionKey ?? true,
    project: said.project ?? usualProject,
    lifeMs: said.lifeMs === undefined ? readLife(usualLife) : said.lifeMs,
  };
}

/** The variables that the wishes come to; what is there already isn't made anew. */
export function toVariables(wishes: Wishes, known: Known): Readonly<Record<string, string>> {
  const { port, others, keys, managementToken, encryptionKey } = wishes;
  const made = (wish: string | boolean | undefined, isThere: boolean, make: () => string) =>
    typeof wish === "string" ? wish : wish && !isThere ? make() : undefined;
  const variables = {
    ...others,
    PORT: port,
    MANAGEMENT_TOKEN: made(managementToken, known.managementToken, makeManagementToken),
    ENCRYPTION_KEY: made(encryptionKey, known.encryptionKey, () => randomBytes(32).toString("base64")),
    ...Object.fromEntries(asked.map(({ provider, variable }) => [variable, keys[provider]])),
  };
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function makeManagementToken(): string {
  return `weir-management-${randomBytes(32).toString("base64url")}`;
}

/** A port as it stands in a `.env` file; throws in words. */
export function readPort(written: string): string {
  if (/^\d{1,5}$/.test(written) && Number(written) <= 65_535) return written;
  throw new Error("It must be a number from 1 to 65535.");
}

/** A project's name; throws in words. */
export function readProjectName(written: string): string {
  const name = written.trim();
  if (name !== "" && name.length <= 200 && !/\p{Cc}/u.test(name)) return name;
  throw new Error("It must be a name of one line, of 200 characters at most.");
}

/** Asks again until the answer can be read; empty is `undefined`. */
async function askUntil<T>(input: LineInput, question: string, read: (line: string) => T): Promise<T | undefined> {
  for (;;) {
    const line = await askLine(input, question);
    if (line === "") return undefined;
    try {
      return read(line);
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
}

async function askYes(input: LineInput, question: string): Promise<boolean> {
  return !/^n/i.test(await askLine(input, `${question} [Y/n] `));
}

async function askLine(input: LineInput, question: string, how: { readonly hidden?: boolean } = {}): Promise<string> {
  const line = await input.ask(question, how);
  if (line === undefined) throw new GivenUp("Nothing was written.");
  return line.trim();
}
