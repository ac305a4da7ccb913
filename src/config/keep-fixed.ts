import type { Config } from "./config.ts";

/** A configuration that can be changed to while running, and what of it is still the former one's. */
export type Changeable = { readonly config: Config; readonly kept: readonly string[] };

/** Takes over from `after`, which was read with the settings that hold until the end of the process, what can change where records wait in memory. */
export function keepFixed(before: Config, after: Config): Changeable {
  // DISTRIBUTED_RATE_LIMIT_ENABLED changes what calls may do at once, but not what becomes of them without Redis.
  const config = { ...after, limits: { ...after.limits, onFailure: before.limits.onFailure } };
  const read = ({ telemetry, log, prices }: Config) => JSON.stringify([telemetry, log, prices.own]);
  // A queue that ends with its worker would lose what waits in it.
  const bound = before.telemetry.outbox.backend === "memory" && read(before) !== read(after);
  if (!bound) return { config, kept: [] };
  const { telemetry, log } = before;
  const prices = { ...after.prices, own: before.prices.own };
  return { config: { ...config, telemetry, log, prices }, kept: ["SINKS (EVENT_BUS=in-memory)"] };
}
