import type { DeadLetter } from "../outbox/outbox.ts";
import type { StoredStatus } from "../outbox/read-status.ts";
import { formatBytes, formatCount, formatDuration, formatNumberOf, formatTable } from "./format.ts";

/** What each sink got, has to get, and refused, for people. */
export function describeStatus({ bytes, deadLetters, bodiesShed, sinks }: StoredStatus): readonly string[] {
  const head = ["sink", "received", "delivered", "waiting", "rejected", "dropped", "sampled out", "behind"];
  const rows = sinks.map(({ name, counts }) => {
    const dropped = Object.values(counts.dropped).reduce((sum, count) => sum + count, 0);
    const numbers = [counts.received, counts.delivered, counts.pending, counts.rejected, dropped, counts.sampledOut];
    return [name, ...numbers.map(formatCount), formatDuration(counts.lagSeconds * 1000)];
  });
  const reasons = sinks.flatMap(({ name, counts }) =>
    Object.entries(counts.dropped).map(([reason, count]) => `${name} lost ${formatCount(count)} (${reason})`),
  );
  const shed = bodiesShed > 0 ? [`${formatNumberOf(bodiesShed, "record")} lost their bodies to save room`] : [];
  return [
    ...formatTable([head, ...rows], [1, 2, 3, 4, 5, 6, 7]),
    ...reasons,
    ...shed,
    `${formatNumberOf(deadLetters, "dead letter")}, ${formatBytes(bytes)} on the disk`,
  ];
}

/** Dead letters, each a line. */
export function describeLetters(letters: readonly DeadLetter[]): readonly string[] {
  const rows = letters.map(({ at, sink, id, reason }) => [new Date(at).toISOString(), sink, id, reason]);
  return formatTable([["refused at", "sink", "exchange", "reason"], ...rows]);
}
