import type { Command, Option } from "commander";

/** A command as a shell completes it. */
export type Node = {
  /** The words that lead to it, by their own names: `weir manage project`. */
  readonly path: string;
  readonly commands: readonly { readonly names: readonly string[]; readonly path: string; readonly about: string }[];
  /** Its own options, and those of the commands that it belongs to. */
  readonly options: readonly Flag[];
  /** What its arguments may be, where they can be told. */
  readonly choices: readonly string[];
};

/** An option as a shell completes it. */
export type Flag = {
  readonly names: readonly string[];
  readonly about: string;
  /** What comes after it. */
  readonly value:
    | { readonly kind: "none" | "text" | "file" }
    | { readonly kind: "choice"; readonly choices: readonly string[] };
};

/** Lists a program's commands, itself first, as far as its help shows them. */
export function listNodes(program: Command): readonly Node[] {
  return walk(program, program.name(), []);
}

function walk(command: Command, path: string, inherited: readonly Flag[]): readonly Node[] {
  const help = command.createHelp();
  const own = help.visibleOptions(command).map(readFlag);
  const children = help.visibleCommands(command).map((child) => ({ child, path: `${path} ${child.name()}` }));
  const node: Node = {
    path,
    commands: children.map(({ child, path: childPath }) => ({
      names: [child.name(), ...child.aliases()],
      path: childPath,
      about: help.subcommandDescription(child),
    })),
    options: [...own, ...inherited],
    choices: command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
  };
  const general = [...inherited, ...own.filter(({ names }) => !names.some((name) => onlyHere.has(name)))];
  return [node, ...children.flatMap(({ child, path: childPath }) => walk(child, childPath, general))];
}

/** Every command has the one; the other is the whole program's. */
const onlyHere: ReadonlySet<string> = new Set(["--help", "--version"]);

function readFlag(option: Option): Flag {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  return { names, about: option.description, value: readValue(option) };
}

function readValue({ required, optional, flags, argChoices }: Option): Flag["value"] {
  if (!required && !optional) return { kind: "none" };
  if (argChoices) return { kind: "choice", choices: argChoices };
  return { kind: /<(?:file|folder)>/.test(flags) ? "file" : "text" };
}
