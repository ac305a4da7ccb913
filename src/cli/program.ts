import { Command } from "commander";
import type { CliCommand } from "./command.ts";
import { commands } from "./index.ts";
import { readVersion } from "./version.ts";

/** Does what the command line says. */
export async function runProgram(): Promise<void> {
  const program = new Command("weir")
    .description("A transparent LLM gateway: every exchange observed, attributed, priced; nothing changes on the wire.")
    .version(readVersion().version, "-V, --version")
    .showHelpAfterError("Run weir --help to see what there is.")
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  for (const load of findLoaders(process.argv[2])) (await load()).register(program);
  await program.parseAsync();
}

/** The command that is named; all of them where none is, as for the help. */
function findLoaders(word = ""): readonly (() => Promise<CliCommand>)[] {
  const load = Object.hasOwn(commands, word) ? commands[word] : undefined;
  // Completion tells of all the others.
  return load && word !== "completion" ? [load] : Object.values(commands);
}
