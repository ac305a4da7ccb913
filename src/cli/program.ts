import { Command } from "commander";
import { findNearest } from "../config/nearest.ts";
import type { CliCommand } from "./command.ts";
import { createPrinter } from "./create-printer.ts";
import { commands } from "./index.ts";
import { readVersion } from "./version.ts";

/** Does what the command line says. */
export async function runProgram(): Promise<void> {
  const print = createPrinter();
  // Bun's own says nothing of a disk that is full.
  console.log = (line: string) => print(`${line}\n`);
  const program = new Command("weir")
    .configureOutput({ writeOut: print })
    .description("A transparent LLM gateway: every exchange observed, attributed, priced; nothing changes on the wire.")
    .version(readVersion().version, "-V, --version")
    .showHelpAfterError(pointToHelp("weir"))
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  for (const load of findLoaders(process.argv[2])) (await load()).register(program);
  for (const command of program.commands) setHelp(command, "weir");
  refuseUnknown(program, process.argv.slice(2));
  await program.parseAsync();
}

/** Ends with the nearest command where a word is none: one that has a usual part would take it for an argument of that. */
function refuseUnknown(command: Command, [word = "", ...rest]: readonly string[]): void {
  if (word === "" || word === "help" || word.startsWith("-") || command.commands.length === 0) return;
  const part = command.commands.find((each) => namesOf(each).includes(word));
  if (part) return refuseUnknown(part, rest);
  const nearest = findNearestCommand(command, word);
  const hint = nearest === undefined ? "" : `\n(Did you mean ${nearest}?)`;
  command.error(`error: unknown command '${word}'${hint}`);
}

/** Of its own parts, else of theirs, which a user may have left out the first word of. */
function findNearestCommand({ commands: parts }: Command, word: string): string | undefined {
  const inner = parts.flatMap((part) => part.commands.map((each) => `${part.name()} ${each.name()}`));
  const lastWords = new Map(inner.map((words) => [words.slice(words.indexOf(" ") + 1), words]));
  const nearest = findNearest(word, lastWords.keys());
  return findNearest(word, parts.flatMap(namesOf)) ?? (nearest === undefined ? undefined : lastWords.get(nearest));
}

function namesOf(command: Command): readonly string[] {
  return [command.name(), ...command.aliases()];
}

/** Mistakes in a command, or in a part of it, end with where its own help is. */
function setHelp(command: Command, before: string): void {
  const words = `${before} ${command.name()}`;
  command.showHelpAfterError(pointToHelp(words));
  for (const part of command.commands) setHelp(part, words);
}

function pointToHelp(words: string): string {
  return `Run ${words} --help to see what there is.`;
}

/** The command that is named; all of them where none is, as for the help. */
function findLoaders(word = ""): readonly (() => Promise<CliCommand>)[] {
  const load = Object.hasOwn(commands, word) ? commands[word] : undefined;
  // Completion tells of all the others.
  return load && word !== "completion" ? [load] : Object.values(commands);
}
