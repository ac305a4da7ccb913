import { LRUCache } from "lru-cache";

/** What models usually answer with. LLM tokens. */
export type OutputAverages = {
  /** `undefined` where none of the model's answers is known. */
  readonly find: (provider: string, model: string | undefined) => number | undefined;
  /** An answer without any output (an error) tells nothing. */
  readonly learn: (provider: string, model: string | undefined, output: number) => void;
};

type Average = { mean: number; seen: number };

/** Models whose averages are kept: names come from consumers, so they are bounded. */
const maxModels = 2_000;
/** The mean of so many answers; from then on each new one has this share in it. */
const span = 50;

/** Creates averages that know nothing yet. */
export function createOutputAverages(): OutputAverages {
  const averages = new LRUCache<string, Average>({ max: maxModels });

  return {
    find(provider, model) {
      const average = averages.get(keyOf(provider, model));
      return average && Math.ceil(average.mean);
    },
    learn(provider, model, output) {
      if (!Number.isFinite(output) || output <= 0) return;
      const key = keyOf(provider, model);
      const average = averages.get(key) ?? { mean: 0, seen: 0 };
      if (average.seen === 0) averages.set(key, average);
      average.seen = Math.min(span, average.seen + 1);
      average.mean += (output - average.mean) / average.seen;
    },
  };
}

function keyOf(provider: string, model: string | undefined): string {
  return `${provider}\n${model ?? ""}`;
}
