import type { Run } from "./bulk.ts";
import { statements } from "./exchange-statements.ts";

/** Exchanges that are removed between two looks at how much is gone. */
const piece = 20;

/** What one transaction removes at most, so that others get their turn. Exchanges, and ids of those that were counted. */
const mostRemoved = 200;
const mostForgotten = 2_000;

/** What has to go. */
export type Excess = {
  /** Exchanges that began before. Milliseconds since the epoch. */
  readonly before: number;
  /** The oldest ones up to so many. */
  readonly bytes: number;
  /** Those that were counted before. */
  readonly countedBefore: number;
};

/** Removes some of what has to go, within a transaction, the oldest exchanges first; gives how many exchanges and bytes went. */
export async function trimExchanges(
  run: Run,
  { before, bytes, countedBefore }: Excess,
): Promise<{ readonly exchanges: number; readonly bytes: number }> {
  let removed = 0;
  let gone = 0;
  while (removed < mostRemoved) {
    const oldest = await run(statements.findOldest, [[piece]]);
    const going = oldest.filter(({ started_at }) => started_at < before || gone < bytes);
    if (going.length === 0) break;
    await run(
      statements.removeExchanges,
      going.map(({ id }) => [id]),
    );
    gone += going.reduce((sum, { size }) => sum + size, 0);
    gone += await release(
      run,
      going.flatMap(({ tip }) => tip ?? []),
    );
    removed += going.length;
  }
  await run(statements.forgetCounted, [[countedBefore, mostForgotten]]);
  if (gone > 0) await run(statements.addBytes, [[-gone]]);
  return { exchanges: removed, bytes: gone };
}

/** Lets go of nodes, and of those before them that nothing else holds; gives how many bytes went. */
async function release(run: Run, held: readonly string[]): Promise<number> {
  let gone = 0;
  for (let ids = held; ids.length > 0;) {
    const refs = new Map<string, number>();
    for (const id of ids) refs.set(id, (refs.get(id) ?? 0) - 1);
    await run(statements.addRefs, [...refs]);
    const removed = await run(
      statements.removeNodes,
      [...refs.keys()].map((id) => [id]),
    );
    gone += removed.reduce((sum, { size }) => sum + size, 0);
    ids = removed.flatMap(({ parent }) => parent ?? []);
  }
  return gone;
}
