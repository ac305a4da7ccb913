import type { CliCommand } from "./command.ts";
import { addAuditCommands } from "./manage/audit.ts";
import { addExchangeCommands } from "./manage/exchanges.ts";
import { addProjectCommands } from "./manage/project.ts";
import { addSystemCommands } from "./manage/system.ts";
import { addTokenCommands } from "./manage/token.ts";
import { addUsageCommand } from "./manage/usage.ts";

const help = `
Which gateway: --manage-api-base-url, or MANAGEMENT_API_BASE_URL, or where this directory's configuration lets one listen,
else http://127.0.0.1:3000. With what: --management-token, or MANAGEMENT_TOKEN, or what this directory's configuration
says, else what its gateway made for itself: <DATA_DIR>/management-token.

  $ weir manage project create --name search --openai-key -
  $ weir manage token create --project search --duration 24h
  $ weir manage token list --project search --json

The exit code is 0 where it was done, 1 where the gateway refused it, 2 for a mistake in the options, 3 where no gateway can
be reached.
`;

/** `weir manage`. */
export const manageCommand: CliCommand = {
  register(program) {
    const manage = program
      .command("manage")
      .description("projects, tokens, the audit, exchanges and the state of a running gateway, over its API")
      .configureHelp({ showGlobalOptions: true })
      .option("--manage-api-base-url <url>", "where the gateway is (MANAGEMENT_API_BASE_URL)")
      .option(
        "--management-token <token>",
        "the management token (MANAGEMENT_TOKEN); - reads it from the standard input",
      )
      .option("--config <file>", "the configuration file (WEIR_CONFIG, weir.yaml)")
      .option("--env <file>", "the file with environment variables (.env)")
      .addHelpText("after", help);
    addProjectCommands(manage);
    addTokenCommands(manage);
    addAuditCommands(manage);
    addExchangeCommands(manage);
    addUsageCommand(manage);
    addSystemCommands(manage);
  },
};
