import type { Settlement } from "../domain/settlement.ts";

/** Settlements as one text: between threads an object of each costs ten times as much. An id holds no white space. */
export function writeSettlements(settlements: readonly Settlement[]): string {
  return settlements.map(write).join("\n");
}

/** Reads what was written. */
export function readSettlements(text: string): readonly Settlement[] {
  return text === "" ? [] : text.split("\n").map(read);
}

function write({ id, tokens, costNanoUsd }: Settlement): string {
  return `${id} ${tokens?.input ?? ""} ${tokens?.output ?? ""} ${costNanoUsd ?? ""}`;
}

function read(line: string): Settlement {
  const [id = "", input = "", output = "", costNanoUsd = ""] = line.split(" ");
  return {
    id,
    ...(input === "" ? {} : { tokens: { input: Number(input), output: Number(output) } }),
    ...(costNanoUsd === "" ? {} : { costNanoUsd }),
  };
}
