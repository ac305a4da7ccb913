import { formatDuration } from "../format.ts";
import type { Finding } from "./check.ts";

/** A date header's second and a slow answer account for this much. Milliseconds. */
const tolerableMs = 3_000;
/** Beyond it, signed requests and short-lived tokens are refused by some. Milliseconds. */
const harmfulMs = 60_000;

/** Whether this machine's clock agrees with upstreams'; `undefined` where none said what time it is. */
export function checkClock(skews: readonly number[]): Finding | undefined {
  // One of them may be wrong itself.
  const [skew] = skews.toSorted((one, other) => Math.abs(one) - Math.abs(other));
  if (skew === undefined) return undefined;
  const off = Math.abs(skew);
  if (off <= tolerableMs) return { name: "clock", state: "ok", message: "agrees with the upstreams'" };
  const message = `${formatDuration(off)} ${skew > 0 ? "behind" : "ahead of"} the upstreams'`;
  const advice = "Set it, and keep it right with NTP (timedatectl set-ntp true): times in records come from it.";
  return { name: "clock", state: off > harmfulMs ? "fail" : "warn", message, advice };
}
