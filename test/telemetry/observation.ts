import type { DecodedSpan } from "../fakes/otlp-decode.ts";

/** What a span says by attributes that begin with `prefix`, by the rest of their names; JSON is parsed. */
function attributesUnder(prefix: string, { attributes }: DecodedSpan): Readonly<Record<string, unknown>> {
  const found = Object.entries(attributes).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), parsed(value)]));
}

function parsed(value: unknown): unknown {
  return typeof value === "string" && /^[[{"]/.test(value) ? JSON.parse(value) : value;
}

/** The observation: `type`, `model.name`, `usage_details`, … */
export function observation(span: DecodedSpan): Readonly<Record<string, unknown>> {
  return attributesUnder("langfuse.observation.", span);
}

/** The trace's metadata. */
export function metadata(span: DecodedSpan): Readonly<Record<string, unknown>> {
  return attributesUnder("langfuse.trace.metadata.", span);
}
