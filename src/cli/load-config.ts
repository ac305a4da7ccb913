import { readFile } from "node:fs/promises";
import { availableParallelism, hostname, networkInterfaces } from "node:os";
import { join, resolve } from "node:path";
import { readDotenv } from "../config/dotenv.ts";
import { fileSettings } from "../config/file-settings.ts";
import { createLookup, type Texts } from "../config/lookup.ts";
import { type ConfigFile, type ConfigResult, type ConfigSources, readConfig } from "../config/read-config.ts";

/** Where a configuration comes from, and what a command adds. */
export type LoadOptions = {
  /** Command-line options by their full name; `--config` and `--env` name files. */
  readonly flags?: Texts;
  /** What holds where the operator says nothing, by variable. */
  readonly defaults?: Texts;
  /** Whether `.env` and `weir.yaml` of the working directory are ours to read. */
  readonly workingFiles?: boolean;
  readonly env?: Texts;
  readonly directory?: string;
  /** Whether a person reads the log lines. */
  readonly terminal?: boolean;
  readonly processors?: number;
  /** Whether a gateway is to run with it; a shell may name one in the variables that say where an upstream is. */
  readonly serves?: boolean;
  readonly machine?: readonly string[];
  /** What this process was started with, where it runs already. */
  readonly start?: ConfigSources | undefined;
  /** What the files said, where they were read already. */
  readonly files?: ConfigFiles | undefined;
};

/** The files of a configuration, as they were at one time. */
export type ConfigFiles = NonNullable<ConfigSources["files"]>;

/** Reads the configuration files and checks everything as a whole; a file that is named must be there. */
export async function loadConfig({
  flags = {},
  defaults = {},
  workingFiles = true,
  env = process.env,
  directory = process.cwd(),
  terminal = process.stdout.isTTY,
  processors = availableParallelism(),
  serves = true,
  machine = readMachine(),
  start,
  files,
}: LoadOptions = {}): Promise<ConfigResult> {
  if (files) return readConfig({ flags, env, files, defaults, terminal, processors, serves, machine, start });
  const find = async (name: string, named: string | undefined, usual: string): Promise<Found> => {
    if (named !== undefined) return readNamed(name, resolve(directory, named));
    return workingFiles ? readUsual(usual, directory) : {};
  };
  const dotenv = await find("--env", flags["--env"], ".env");
  const { variables } = readDotenv(dotenv.file?.text ?? "");
  const named = createLookup({ flags, env, dotenv: variables }).find(fileSettings.path);
  const yaml = await find(named?.name ?? "", named === undefined ? undefined : String(named.value), "weir.yaml");
  const result = readConfig({
    flags,
    env,
    files: { dotenv: dotenv.file, yaml: yaml.file },
    defaults,
    terminal,
    processors,
    serves,
    machine,
    start,
  });
  const unread = [dotenv.fault, yaml.fault].filter((fault) => fault !== undefined);
  if (unread.length === 0) return result;
  const faults = result.kind === "faults" ? result.faults : [];
  return { kind: "faults", faults: [...unread, ...faults], warnings: result.warnings };
}

/** By what this machine is called; where the system doesn't let its addresses be read, by its name alone. */
function readMachine(): readonly string[] {
  try {
    const addresses = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address));
    return [hostname(), ...addresses];
  } catch {
    return [hostname()];
  }
}

/** A file, or what is wrong with it, or neither where there is none and none is needed. */
type Found = { readonly file?: ConfigFile; readonly fault?: string };

async function readNamed(name: string, path: string): Promise<Found> {
  try {
    return { file: { path, text: await readFile(path, "utf8") } };
  } catch (error) {
    return { fault: `${name} must name a file that can be read, not "${path}" (${codeOf(error)})` };
  }
}

async function readUsual(path: string, directory: string): Promise<Found> {
  try {
    return { file: { path, text: await readFile(join(directory, path), "utf8") } };
  } catch (error) {
    return codeOf(error) === "ENOENT" ? {} : { fault: `${path} must be a file that can be read (${codeOf(error)})` };
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unreadable";
}
