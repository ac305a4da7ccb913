import { Command } from "commander";
import type { CliCommand } from "./command.ts";
import { commands } from "./index.ts";
import { readVersion } from "./version.ts";

/** Does what the command line says. */
export async function runProgram(): Promise<void> {
  const program = new Command("weir")
    .description("A transparent LLM gateway: every exchange observed, attributed, priced; nothing changes on the wire.")
    .version(readVersion().version, "-V, --version")
    .showHelpAfterError(pointToHelp("weir"))
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  for (const load of findLoaders(process.argv[2])) (await load()).register(program);
  const [, , word = ""] = process.argv;
  // What is no command is taken for an argument of serve, whose help is no help then.
  if (word.startsWith("-") || program.commands.some((command) => [command.name(), ...command.aliases()].includes(word)))
    for (const command of program.commands) setHelp(command, "weir");
  await program.parseAsync();
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
