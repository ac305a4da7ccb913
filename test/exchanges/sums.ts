import { buckets } from "./price-list.ts";

/** What exchanges are counted by. */
export const keyNames = ["project", "token", "model", "provider", "user", "status", "day"] as const;

/** One of them. */
export type KeyName = (typeof keyNames)[number];

/** What is added up; cost in nano-dollars. */
export const figureNames = ["requests", "errors", "unpriced", ...buckets, "cost"] as const;

/** One of them. */
export type FigureName = (typeof figureNames)[number];

/** Figures of one exchange or of many. */
export type Figures = ReadonlyMap<FigureName, bigint>;

/** One exchange, or the sums of some that are alike. */
export type Entry = { readonly keys: Readonly<Partial<Record<KeyName, string | null>>>; readonly figures: Figures };

/** Makes figures of what was read; what is absent is 0. */
export function toFigures(read: (name: FigureName) => unknown): Figures {
  return new Map(figureNames.map((name) => [name, toExact(read(name) ?? 0)]));
}

/** Of all figures, or of those that a source has, one line for each group, in one order: what is compared. */
export function sumBy(
  names: readonly KeyName[],
  entries: Iterable<Entry>,
  figures: readonly FigureName[] = figureNames,
): readonly string[] {
  const groups = new Map<string, Figures>();
  for (const { keys, figures: more } of entries) {
    const name = names.map((each) => `${each}=${String(keys[each])}`).join(" ");
    const before = groups.get(name);
    groups.set(
      name,
      toFigures((figure) => (before?.get(figure) ?? 0n) + (more.get(figure) ?? 0n)),
    );
  }
  const write = (sums: Figures) => figures.map((figure) => `${figure}=${sums.get(figure)}`).join(" ");
  return [...groups].map(([name, sums]) => `${name}: ${write(sums)}`).toSorted();
}

/** A number that isn't exact any more is a fault. */
function toExact(value: unknown): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === "string" && /^-?\d+$/.test(value)) return BigInt(value);
  throw new Error(`${String(value)} is no whole number`);
}
