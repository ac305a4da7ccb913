import { join } from "node:path";
import { type CliCommand, complain } from "./command.ts";
import { loadConfig } from "./load-config.ts";
import { isAlive, readPid } from "./pid-file.ts";
import { accept, type Options, readFlags } from "./serve.ts";

const help = `
Sends SIGHUP to the process that the pid file names: one started with --detach or --pid-file. What came of it is in its log.
Calls under way are not touched. A configuration with faults is named here and changes nothing.

  $ weir reload
  $ weir reload --pid-file /run/weir.pid

The exit code is 0 where the process was told, 1 where there is none, 2 for a mistake in the options or the settings.
`;

/** `weir reload`. */
export const reloadCommand: CliCommand = {
  register(program) {
    program
      .command("reload")
      .description("have the running gateway read its configuration again")
      .option("--config <file>", "the configuration file (WEIR_CONFIG, weir.yaml)")
      .option("--env <file>", "the file with environment variables (.env)")
      .option("--pid-file <file>", "where the process id is noted (<DATA_DIR>/weir.pid)")
      .addHelpText("after", help)
      .action(reload);
  },
};

async function reload({ pidFile, ...files }: Options): Promise<void> {
  const { dataDir } = accept(await loadConfig({ flags: readFlags(files), serves: false }));
  const path = pidFile === undefined ? join(dataDir, "weir.pid") : String(pidFile);
  const pid = readPid(path);
  if (pid === undefined || !isAlive(pid)) {
    complain([
      `${path} names no process that runs: only a gateway that was started with --detach or --pid-file notes itself there. Any other says its process id when it starts ("process", or process_id in its log); then: kill -HUP <process id>`,
    ]);
    process.exit(1);
  }
  process.kill(pid, "SIGHUP");
  console.log(`Process ${pid} reads its configuration again; its log says what came of it.`);
}
