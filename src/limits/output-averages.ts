/** What models usually answer with. LLM tokens. */
export type OutputAverages = {
  /** `undefined` where none of the model's answers is known. */
  readonly find: (provider: string, model: string | undefined) => number | undefined;
  /** An answer without any output (an error) tells nothing. */
  readonly learn: (provider: string, model: string | undefined, output: number) => void;
};

type Average = {
  mean: number;
  seen: number;
  /** Whether it was asked for since it was last looked at to see whether it may go. */
  asked: boolean;
};

/** Models of a provider whose averages are kept: names come from consumers, so they are bounded. */
const maxModels = 2_000;
/** The mean of so many answers; from then on each new one has this share in it. */
const span = 50;

/** Creates averages that know nothing yet. */
export function createOutputAverages(): OutputAverages {
  const byProvider = new Map<string, Map<string | undefined, Average>>();

  return {
    find(provider, model) {
      const average = byProvider.get(provider)?.get(model);
      if (average === undefined) return undefined;
      average.asked = true;
      return Math.ceil(average.mean);
    },
    learn(provider, model, output) {
      if (!Number.isFinite(output) || output <= 0) return;
      const average = byProvider.get(provider)?.get(model) ?? begin(provider, model);
      average.seen = Math.min(span, average.seen + 1);
      average.mean += (output - average.mean) / average.seen;
    },
  };

  function begin(provider: string, model: string | undefined): Average {
    const averages = byProvider.get(provider) ?? new Map<string | undefined, Average>();
    byProvider.set(provider, averages);
    if (averages.size >= maxModels) dropOne(averages);
    const average = { mean: 0, seen: 0, asked: false };
    averages.set(model, average);
    return average;
  }
}

/** The oldest goes that wasn't asked for; the others stay once more. */
function dropOne(averages: Map<string | undefined, Average>): void {
  for (const [model, average] of averages) {
    averages.delete(model);
    if (!average.asked) return;
    average.asked = false;
    averages.set(model, average);
  }
}
