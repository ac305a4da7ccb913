/** Everything that is under way and can be ended from outside, at the operator's deadline. */
export type Stops = {
  /** Registers how one of them is ended; returns what takes it off the list. */
  readonly add: (stop: () => void) => () => void;
  readonly stopAll: () => void;
  readonly size: () => number;
};

/** Creates an empty list. */
export function createStops(): Stops {
  const stops = new Set<() => void>();
  return {
    add(stop) {
      stops.add(stop);
      return () => stops.delete(stop);
    },
    stopAll() {
      for (const stop of stops) stop();
    },
    size: () => stops.size,
  };
}
