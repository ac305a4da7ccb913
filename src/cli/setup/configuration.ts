import type { Config } from "../../config/config.ts";
import { readDotenv } from "../../config/dotenv.ts";
import { createLookup } from "../../config/lookup.ts";
import type { ConfigResult } from "../../config/read-config.ts";
import { complain } from "../command.ts";
import { loadConfig } from "../load-config.ts";
import { editDotenv } from "./edit-dotenv.ts";
import { stageFile } from "./env-file.ts";
import { SetupFault } from "./fault.ts";
import { asked, type Known } from "./wishes.ts";

/** The file that is written, and the one that is read beside it. */
export type FileOptions = { readonly env: string; readonly config?: string };

/** Reads what the settings are, so that a question need not be asked and a secret not be made twice. */
export function readKnown(current: ConfigResult, dotenv: string): Known {
  const config = current.kind === "ok" ? current.config : undefined;
  const { findVariable } = createLookup({ env: process.env, dotenv: readDotenv(dotenv).variables });
  const isSet = (name: string) => findVariable(name) !== undefined;
  const hasKey = (provider: string) =>
    config?.gateway.providers.some(({ name, key }) => name === provider && key !== undefined) === true;
  return {
    port: config?.port ?? 3000,
    keys: new Set(
      asked.filter(({ provider, variable }) => hasKey(provider) || isSet(variable)).map(({ provider }) => provider),
    ),
    managementToken: config?.gateway.managementToken !== undefined || isSet("MANAGEMENT_TOKEN"),
    encryptionKey: (config?.control.encryptionKeys.length ?? 0) > 0 || isSet("ENCRYPTION_KEY"),
  };
}

/** Writes the file, unless the gateway would not start with it; gives the configuration that it then starts with. */
export async function writeConfiguration(
  variables: Readonly<Record<string, string>>,
  before: string,
  options: FileOptions,
): Promise<Config> {
  const text = edit(before, variables);
  using staged = stageFile(options.env, text);
  const result = await loadConfig({ flags: flagsFor(staged.path, options), serves: false });
  const named = (line: string) => line.replaceAll(staged.path, options.env);
  if (result.kind === "faults") throw new SetupFault(2, [...result.faults.map(named), "Nothing was written."]);
  complain(result.warnings.map((warning) => `warning: ${named(warning)}`));
  staged.commit();
  return result.config;
}

function edit(before: string, variables: Readonly<Record<string, string>>): string {
  try {
    return editDotenv(before, variables);
  } catch (error) {
    throw new SetupFault(2, [`${error instanceof Error ? error.message : String(error)}. Nothing was written.`]);
  }
}

/** The configuration as it is with this text in the file. */
export async function loadWith(text: string, options: FileOptions): Promise<ConfigResult> {
  using staged = stageFile(options.env, text);
  return await loadConfig({ flags: flagsFor(staged.path, options), serves: false });
}

function flagsFor(path: string, { config }: FileOptions): Readonly<Record<string, string>> {
  return { "--env": path, ...(config === undefined ? {} : { "--config": config }) };
}
