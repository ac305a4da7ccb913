import { encodeSpan, type Span } from "./otlp-json.ts";
import { type Bodies, shortenBodies } from "./shorten.ts";

/** Builds a span of bodies that may have been shortened, and says so in it. */
export type BuildSpan = (bodies: Bodies, shortened: boolean) => Span;

/** Room for what escaping and punctuation may take beside the bodies. */
const marginBytes = 256;

/** Encodes a span whole, or with its bodies shortened until it fits. */
export function encodeFitting(build: BuildSpan, bodies: Bodies, maxBytes: number): string {
  const whole = encodeSpan(build(bodies, false));
  if (Buffer.byteLength(whole) <= maxBytes) return whole;
  const bareBytes = Buffer.byteLength(encodeSpan(build({}, true)));
  return encodeSpan(build(shortenBodies(bodies, maxBytes - bareBytes - marginBytes), true));
}
