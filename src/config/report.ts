/** Gathers what is wrong with a configuration, so that an operator is told all of it at once. */
export type Report = {
  /** It can't be run so: a sentence that names the setting, what it is and what would be right. */
  readonly fault: (sentence: string) => void;
  /** It can be run, but perhaps not as it was meant. */
  readonly warn: (sentence: string) => void;
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
};

/** An empty report; the same sentence is kept once. */
export function createReport(): Report {
  const faults: string[] = [];
  const warnings: string[] = [];
  const addTo = (sentences: string[]) => (sentence: string) => {
    if (!sentences.includes(sentence)) sentences.push(sentence);
  };
  return { fault: addTo(faults), warn: addTo(warnings), faults, warnings };
}
