import { Command } from "commander";
import type { CliCommand } from "./command.ts";
import * as commands from "./index.ts";
import { restartWithRuntimeSettings } from "./runtime-settings.ts";
import { readVersion } from "./version.ts";

restartWithRuntimeSettings();

const program = new Command("weir")
  .description("A transparent LLM gateway: every exchange observed, attributed, priced; nothing changes on the wire.")
  .version(readVersion().version, "-V, --version")
  .showHelpAfterError("Run weir --help to see what there is.")
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

for (const command of Object.values(commands) satisfies readonly CliCommand[]) command.register(program);

await program.parseAsync();
