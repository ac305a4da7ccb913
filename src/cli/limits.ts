import { InvalidArgumentError, Option } from "commander";
import type { CliCommand } from "./command.ts";
import type { CalibrateOptions } from "./limits/calibrate.ts";
import { readTime } from "./manage/expiry-options.ts";

const help = `
Reads the exchange log of these settings, beside the server that runs on it or without one: how many characters of text
providers really counted as one LLM token, by provider and model, and how the estimates of "limits.estimation" did. All that
is printed can stand in weir.yaml as it is.

  $ weir limits calibrate
  $ weir limits calibrate --provider anthropic --from 2026-03-01 --min 100

The exit code is 0 where there is something to paste, 1 where there is nothing to count, 2 for a mistake in the options or the
settings, 3 where the database can't be reached.
`;

const mostExchanges = 10_000;

/** `weir limits`. */
export const limitsCommand: CliCommand = {
  register(program) {
    const number = (flags: string, about: string, usual: number) =>
      new Option(flags, about).argParser(readNumber).default(usual);
    program
      .command("limits")
      .description("see to how limits estimate LLM tokens")
      .command("calibrate")
      .description("print the characters per LLM token that the exchange log tells, to paste into weir.yaml")
      .addOption(new Option("--from <time>", "of exchanges that began then or later").argParser(readTime))
      .addOption(new Option("--to <time>", "of exchanges that began then or earlier").argParser(readTime))
      .option("--provider <name>", "of this provider alone")
      .addOption(number("--min <number>", "leave a model out that has fewer exchanges to count", 20))
      .addOption(number("--most <number>", "count so many of each model and provider, the newest", 500))
      .option("--config <file>", "the configuration file (WEIR_CONFIG, weir.yaml)")
      .option("--env <file>", "the file with environment variables (.env)")
      .option("--json", "as JSON")
      .addHelpText("after", help)
      .action(async (options: CalibrateOptions) => {
        const { calibrate } = await import("./limits/calibrate.ts");
        await calibrate(options);
      });
  },
};

function readNumber(written: string): number {
  if (/^[1-9]\d{0,4}$/.test(written) && Number(written) <= mostExchanges) return Number(written);
  throw new InvalidArgumentError(`It must be a number from 1 to ${mostExchanges}.`);
}
