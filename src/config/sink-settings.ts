import { oneOf, share, withDefault } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

/** What can be set for any sink, beside its own settings. */
export function sinkSettings(name: string) {
  const prefix = name.toUpperCase().replaceAll("-", "_");
  return {
    bodies: {
      env: `${prefix}_BODIES`,
      yaml: `sinks.${name}.bodies`,
      ...withDefault(oneOf(["full", "metadata", "off"]), "full"),
      help: "How much it gets of each exchange: `full` is all, `metadata` leaves out what the model was given and answered, `off` the request's other parameters too.",
    },
    sample: {
      env: `${prefix}_SAMPLE_RATE`,
      yaml: `sinks.${name}.sample`,
      ...withDefault(share(), "1"),
      help: "The share of exchanges that it gets, from 0 to 1.",
    },
  } satisfies Settings;
}
