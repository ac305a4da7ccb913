const units: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const longest = 365 * 86_400_000;

/** Reads how long a token lives, in milliseconds: `24h`, `7d`, a bare number of hours; null for `never`. Throws in words. */
export function readLife(written: string): number | null {
  if (written === "never") return null;
  const text = /^\d+$/.test(written) ? `${written}h` : written;
  const parts = /^(?:\d{1,9}[smhdw])+$/.test(text) ? [...text.matchAll(/(\d+)([smhdw])/g)] : [];
  const sum = parts.reduce((ms, [, amount, unit = ""]) => ms + Number(amount) * (units[unit] ?? 0), 0);
  if (sum >= 1000 && sum <= longest) return sum;
  throw new Error(
    "It must be a number of hours, or have units: 24h, 30m, 7d, 1h30m; 365d is the most, never is for ever.",
  );
}
