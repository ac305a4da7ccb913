import type { App } from "../app.ts";
import type { Config } from "../config/config.ts";
import type { ConfigResult, ConfigSources } from "../config/read-config.ts";
import type { Log } from "../lib/log.ts";
import { onHangup } from "./on-hangup.ts";

/** What a reload needs. */
export type ReloadParts = {
  readonly app: Pick<App, "change">;
  readonly log: Log;
  readonly stop: (signal: NodeJS.Signals) => void;
  readonly load: () => Promise<ConfigResult>;
  /** What of a whole configuration is this process's. */
  readonly ownPart: (whole: Config) => Config;
  /** Gets what the configuration was read from that holds now. */
  readonly onChanged: (sources: ConfigSources) => void;
};

/** Reads the configuration again at each `SIGHUP`, one after the other, and says in the log what came of it. */
export function reloadOnHangup({ app, log, stop, load, ownPart, onChanged }: ReloadParts): void {
  let last = Promise.resolve();
  onHangup({ stop, reload: () => void (last = last.then(reload)) });

  async function reload(): Promise<void> {
    try {
      const result = await load();
      for (const warning of result.warnings) log.warn({ warning }, "the configuration was read again");
      if (result.kind === "faults") {
        const { faults, held = [] } = result;
        log.error(
          { faults, ...(held.length > 0 && { from_next_start: held }) },
          "the configuration has faults, so the former one still holds",
        );
        return;
      }
      const kept = await app.change(ownPart(result.config), result.held);
      onChanged(result.sources);
      if (kept.length > 0) log.warn({ settings: kept }, "these settings hold from the next start on");
      log.info({}, "the configuration was changed");
    } catch (err) {
      log.error({ err }, "the configuration can't be changed, so the former one still holds");
    }
  }
}
