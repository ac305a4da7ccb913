/** Counts of values on a logarithmic scale: small, mergeable, and good for quantiles that are wrong by 2 % at most. */
export type Sketch = {
  /** Counts a value of at least 0; one that is no number is passed over. */
  readonly add: (value: number, times?: number) => void;
  /** Adds what another one has counted, as it was written. */
  readonly merge: (text: string) => void;
  readonly count: () => number;
  /** The smallest value that this share of them, from 0 to 1, doesn't exceed; `undefined` where nothing was counted. */
  readonly quantile: (share: number) => number | undefined;
  /** As JSON: buckets and their counts in turn, ascending. */
  readonly toText: () => string;
};

/** What is smaller counts as 0, and what is larger as this; both far from any time in milliseconds. */
const least = 0.001;
const most = 1e15;

/** A bucket's ends are so far apart that its middle is wrong by 1.95 % at most, which leaves room for what floating point adds. */
const error = 0.0195;
const growth = (1 + error) / (1 - error);
const logOfGrowth = Math.log(growth);

/** Creates one, empty or with what was written. Throws where that is no sketch. */
export function createSketch(text?: string): Sketch {
  const counts = new Map<number, number>();
  let total = 0;
  if (text !== undefined) merge(text);

  return {
    add(value, times = 1) {
      if (!Number.isNaN(value)) count(findBucket(value), times);
    },
    merge,
    count: () => total,
    quantile(share) {
      const rank = Math.ceil(Math.min(1, Math.max(0, share)) * total);
      let passed = 0;
      for (const [bucket, times] of ascending()) {
        passed += times;
        if (passed >= rank) return middleOf(bucket);
      }
      return undefined;
    },
    toText: () => JSON.stringify(ascending().flat()),
  };

  function merge(other: string): void {
    const flat: unknown = JSON.parse(other);
    if (!isFlat(flat)) throw new Error("That is no sketch: it must be a list of buckets and counts in turn");
    for (let at = 0; at < flat.length; at += 2) count(flat[at] ?? 0, flat[at + 1] ?? 0);
  }

  function count(bucket: number, times: number): void {
    counts.set(bucket, (counts.get(bucket) ?? 0) + times);
    total += times;
  }

  function ascending(): (readonly [number, number])[] {
    return [...counts].toSorted(([one], [other]) => one - other);
  }
}

function isFlat(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length % 2 === 0 && value.every((part) => Number.isSafeInteger(part));
}

function findBucket(value: number): number {
  return value <= least ? 0 : Math.ceil(Math.log(Math.min(value, most) / least) / logOfGrowth);
}

function middleOf(bucket: number): number {
  return bucket === 0 ? 0 : (least * growth ** bucket * 2) / (1 + growth);
}
