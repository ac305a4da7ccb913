import { readDirectives } from "./directives.ts";
import type { Directives } from "./directives.ts";

/** What befalls a request that is picked out. */
const faults = ["429", "500", "503", "slow-2000", "cut-3", "fin-3", "error-event-3", "stall-3"];

/** Reads models' names, and gives the share `chaos` of them (0 to 1) a fault on top, by a chance that can be repeated. */
export function createChaos(chaos: number, random: () => number): (model: string) => Directives {
  return (model) => {
    const directives = readDirectives(model);
    if (chaos <= 0 || random() >= chaos) return directives;
    const fault = faults[Math.floor(random() * faults.length)] ?? "500";
    const separator = model.startsWith("mock-") ? "+" : "+mock-";
    return { ...readDirectives(`${model}${separator}${fault}`), model: directives.model };
  };
}
