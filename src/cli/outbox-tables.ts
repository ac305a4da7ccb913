import type { DeadLetter } from "../outbox/outbox.ts";
import type { StoredStatus } from "../outbox/read-status.ts";
import { formatBytes, formatCount, formatDuration, formatNumberOf, formatTable } from "./format.ts";

/** Where something lies, where there are several outboxes. */
type InOutbox = { readonly outbox?: string };

/** What lies in one outbox, or in several. */
type Status = Omit<StoredStatus, "sinks"> & { readonly sinks: readonly (StoredStatus["sinks"][number] & InOutbox)[] };

/** What each sink got, has to get, and refused, for people. */
export function describeStatus({ bytes, deadLetters, bodiesShed, sinks }: Status): readonly string[] {
  const head = ["sink", "received", "delivered", "waiting", "rejected", "dropped", "sampled out", "behind"];
  const rows = sinks.map(({ outbox, name, counts }) => {
    const dropped = Object.values(counts.dropped).reduce((sum, count) => sum + count, 0);
    const numbers = [counts.received, counts.delivered, counts.pending, counts.rejected, dropped, counts.sampledOut];
    return { outbox, cells: [name, ...numbers.map(formatCount), formatDuration(counts.lagSeconds * 1000)] };
  });
  const reasons = sinks.flatMap(({ outbox, name, counts }) =>
    Object.entries(counts.dropped).map(
      ([reason, count]) =>
        `${name}${outbox === undefined ? "" : ` of ${outbox}`} lost ${formatCount(count)} (${reason})`,
    ),
  );
  const shed = bodiesShed > 0 ? [`${formatNumberOf(bodiesShed, "record")} lost their bodies to save room`] : [];
  return [
    ...formatInOutboxes(head, rows, [1, 2, 3, 4, 5, 6, 7]),
    ...reasons,
    ...shed,
    `${formatNumberOf(deadLetters, "dead letter")}, ${formatBytes(bytes)} on the disk`,
  ];
}

/** Dead letters, each a line. */
export function describeLetters(letters: readonly (DeadLetter & InOutbox)[]): readonly string[] {
  const rows = letters.map(({ outbox, at, sink, id, reason }) => ({
    outbox,
    cells: [new Date(at).toISOString(), sink, id, reason],
  }));
  return formatInOutboxes(["refused at", "sink", "exchange", "reason"], rows);
}

type Row = { readonly outbox: string | undefined; readonly cells: readonly string[] };

/** A table, with a first column that names the outbox where there are several. */
function formatInOutboxes(
  head: readonly string[],
  rows: readonly Row[],
  numeric: readonly number[] = [],
): readonly string[] {
  if (rows.every(({ outbox }) => outbox === undefined))
    return formatTable([head, ...rows.map(({ cells }) => cells)], numeric);
  return formatTable(
    [["outbox", ...head], ...rows.map(({ outbox = "", cells }) => [outbox, ...cells])],
    numeric.map((column) => column + 1),
  );
}
