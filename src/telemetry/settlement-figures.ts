import type { Settlement } from "../domain/settlement.ts";

/** Number, input, output and cost of each. */
const figuresEach = 4;

/** Settlements as plain figures, one after the other: between threads an object of each costs ten times as much. */
export function writeSettlements(settlements: readonly Settlement[]): Float64Array<ArrayBuffer> {
  const figures = new Float64Array(settlements.length * figuresEach);
  let at = 0;
  for (const { number, tokens, costNanoUsd } of settlements) {
    figures[at] = number;
    figures[at + 1] = tokens?.input ?? Number.NaN;
    figures[at + 2] = tokens?.output ?? Number.NaN;
    figures[at + 3] = costNanoUsd ?? Number.NaN;
    at += figuresEach;
  }
  return figures;
}

/** Reads what was written. */
export function readSettlements(figures: Float64Array): readonly Settlement[] {
  const settlements: Settlement[] = [];
  for (let at = 0; at < figures.length; at += figuresEach) {
    const input = figures[at + 1] ?? Number.NaN;
    const costNanoUsd = figures[at + 3] ?? Number.NaN;
    settlements.push({
      number: figures[at] ?? 0,
      tokens: Number.isNaN(input) ? undefined : { input, output: figures[at + 2] ?? 0 },
      costNanoUsd: Number.isNaN(costNanoUsd) ? undefined : costNanoUsd,
    });
  }
  return settlements;
}
