import { text } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

/** Where the configuration file is. */
export const fileSettings = {
  path: {
    env: "WEIR_CONFIG",
    aliases: ["API_CONFIG_PATH"],
    flag: "--config",
    schema: text().optional(),
    help: "The configuration file, in YAML. Unset, `weir.yaml` of the working directory is read where it exists.",
  },
} satisfies Settings;
