/** Memory at a time; milliseconds and bytes. */
export type Sample = { readonly at: number; readonly bytes: number };

/** How memory went over a time. */
export type Trend = {
  readonly mean: number;
  readonly peak: number;
  /** What a line through all samples rises by from the first to the last. Bytes; below zero where it falls. */
  readonly growth: number;
  /** The slope of that line. Bytes per second. */
  readonly slope: number;
};

/** Fits a line through samples by least squares. */
export function fitTrend(samples: readonly Sample[]): Trend {
  const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const at = meanOf(samples.map((sample) => sample.at));
  const mean = meanOf(samples.map(({ bytes }) => bytes));
  const together = samples.reduce((sum, sample) => sum + (sample.at - at) * (sample.bytes - mean), 0);
  const spread = samples.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0);
  const perMs = spread === 0 ? 0 : together / spread;
  const duration = (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0);
  return {
    mean,
    peak: Math.max(...samples.map(({ bytes }) => bytes)),
    growth: perMs * duration,
    slope: perMs * 1000,
  };
}

/** Looks every second until it is stopped. */
export function watchMemory(read: () => number): { readonly stop: () => readonly Sample[] } {
  const samples: Sample[] = [];
  const look = () => void samples.push({ at: performance.now(), bytes: read() });
  const timer = setInterval(look, 1000);
  return {
    stop() {
      clearInterval(timer);
      return samples;
    },
  };
}
