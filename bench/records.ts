/** What Weir's telemetry says of itself: exchanges that its sinks were given, and those among them that lost their bodies on the way. */
export type Records = { readonly recorded: number; readonly shortened: number };

/** Reads the gateway's own counters. */
export async function readRecords(port: number): Promise<Records> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5000) });
  const text = await answer.text();
  return {
    recorded: sumOf(text, "weir_sink_received_total"),
    shortened: sumOf(text, "weir_capture_bodies_dropped_total"),
  };
}

/** Adds up the values of all lines `name{labels} value`. */
function sumOf(text: string, name: string): number {
  const values = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, "gm"));
  return [...values].reduce((sum, [, value]) => sum + Number(value), 0);
}
