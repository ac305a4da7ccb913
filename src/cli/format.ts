/** A whole number with commas. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** Nano-dollars as dollars: to the cent from a dollar on, else to four digits that say something. */
export function formatUsd(nanoUsd: string): string {
  const usd = Number(nanoUsd) / 1e9;
  if (usd === 0) return "$0";
  return usd >= 1 ? `$${usd.toFixed(2)}` : `$${usd.toFixed(Math.min(9, 3 - Math.floor(Math.log10(usd))))}`;
}

/** Milliseconds for people: `87 ms`, `12.3 s`, `4 min 5 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Bytes in the largest unit that leaves a whole number before the point. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 2 ** (power * 10);
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** `1 record`, `2 records`. */
export function formatNumberOf(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? "" : "s"}`;
}

/** Text of somebody else's on one line, without what a terminal would obey. */
export function formatForeign(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").trim();
}

/** Lines of a table, of whatever text; columns of numbers, told by their place, are set flush right. */
export function formatTable(texts: readonly (readonly string[])[], numbers: readonly number[] = []): readonly string[] {
  const rows = texts.map((row) => row.map(formatForeign));
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number) =>
    numbers.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join("  ").trimEnd());
}

/** What is printed as JSON: names in snake case, as in everything else that leaves the program. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(
      Object.entries(member).map(([name, inner]) => [
        name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        inner,
      ]),
    );
  });
}
