/** Runs `count` calls, so many at once, and gives how long each took. Milliseconds. */
export async function runLoad(
  { count, atOnce }: { readonly count: number; readonly atOnce: number },
  call: (index: number) => Promise<unknown>,
): Promise<readonly number[]> {
  const took: number[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const started = performance.now();
      await call(index);
      took.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return took;
}

/** The value below which so large a share of them lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
