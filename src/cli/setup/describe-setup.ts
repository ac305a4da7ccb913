import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import { formatExpiry, formatFacts } from "../manage/words.ts";
import { writeCurlLine } from "./curl-line.ts";
import type { Minted } from "./mint.ts";
import { asked } from "./wishes.ts";

/** What a setup came to. */
export type SetupResult = {
  readonly path: string;
  /** The variables that were written. */
  readonly names: readonly string[];
  /** Those of them that the environment says something else of. */
  readonly hidden: readonly string[];
  readonly madeEncryptionKey: boolean;
  readonly config: Config;
  readonly url: string;
  readonly isRunning: boolean;
  readonly minted?: Minted;
};

/** The lines that a person reads; of secrets the token alone, this once. */
export function describeSetup(result: SetupResult): readonly string[] {
  const { path, names, hidden, madeEncryptionKey, minted } = result;
  const facts = [
    [path, names.length === 0 ? "is as it was" : names.join(", ")],
    ...(minted ? describeMinted(minted) : []),
  ] as const;
  return [
    ...formatFacts(facts),
    ...hidden.map((name) => `The environment has another ${name}, which counts before ${path}.`),
    ...(madeEncryptionKey ? [`Keep a copy of ENCRYPTION_KEY: what it seals can't be read without it.`] : []),
    "",
    describeStart(result),
    ...(minted ? describeCall(result, minted) : ["weir manage project create makes a project later."]),
  ];
}

/** The same for a program. */
export function toJson(result: SetupResult): unknown {
  const { path, names, url, isRunning, minted } = result;
  return {
    env_file: path,
    variables: names,
    url,
    is_running: isRunning,
    project: minted ? { id: minted.project.id, name: minted.project.name, was_there: minted.wasThere } : null,
    token: minted
      ? {
          id: minted.token.id,
          token: minted.text,
          expires_at: writeTime(minted.token.expiresAt),
        }
      : null,
    curl: minted ? writeCall(result, minted) : null,
  };
}

function describeMinted({ project, wasThere, token, text }: Minted) {
  return [
    ["project", `${project.name} (${project.id}${wasThere ? ", which was there" : ""})`],
    ["token", `${text}  (shown this once)`],
    ["expires", formatExpiry(writeTime(token.expiresAt), Date.now())],
  ] as const;
}

function describeStart({ isRunning, names, url, path }: SetupResult): string {
  if (!isRunning) return `Start the gateway: ${nameStartCommand(path)}`;
  return names.length === 0
    ? `A gateway listens on ${url}.`
    : `A gateway listens on ${url} already: start it again, so that it reads the file.`;
}

/** In a clone there is no `weir`. */
function nameStartCommand(path: string): string {
  const root = join(import.meta.dir, "../../..");
  const file = path === ".env" ? "" : ` --env ${path}`;
  if (!existsSync(join(root, "scripts/run.mjs"))) return `weir${file}`;
  if (resolve(root) === process.cwd()) return `npm start${file && ` --${file}`}`;
  return `node ${join(root, "scripts/weir.mjs")}${file}`;
}

function describeCall(result: SetupResult, minted: Minted): readonly string[] {
  const missing =
    "No provider has a key yet: give one to setup (--openai-key -), or to the project (weir manage project update). Then:";
  return [hasKey(result, minted) ? "Call a model:" : missing, "", `  ${writeCall(result, minted)}`];
}

function hasKey({ config }: SetupResult, { project }: Minted): boolean {
  return Object.keys(project.shownKeys).length > 0 || config.gateway.providers.some(({ key }) => key !== undefined);
}

/** A call of the first provider that there is a key for. */
function writeCall({ config, url }: SetupResult, { project, text }: Minted): string {
  const { providers, defaultApi } = config.gateway;
  const own = new Set(Object.keys(project.shownKeys));
  const known = asked.flatMap(({ provider }) => providers.find(({ name }) => name === provider) ?? []);
  const usable = known.find(({ name, key }) => (own.size > 0 ? own.has(name) : key !== undefined));
  const { name = "openai", family = "openai" } = usable ?? {};
  return writeCurlLine(name === "openai" && defaultApi !== name ? `${url}/${name}` : url, family, text);
}

function writeTime(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}
