import { networkOf } from "../lib/client-address.ts";

/** Slows down who tries credentials. Whoever has the right one is let in at once, so that nobody can lock an operator out. */
export type GuessBrake = {
  /** So many wrong ones of this address wait for their answer that another is refused at once; a right one never is. */
  readonly isCrowded: (address: string) => boolean;
  /** To be waited for before a wrong one is answered. */
  readonly failed: (address: string) => Promise<void>;
  readonly succeeded: (address: string) => void;
};

/** What it is made of. */
export type GuessBrakeParts = {
  readonly now: () => number;
  readonly sleep?: (ms: number) => Promise<void>;
  /** So many are free within so long; after that each waits twice as long as the one before. */
  readonly free?: number;
  readonly withinMs?: number;
  readonly firstWaitMs?: number;
  readonly longestWaitMs?: number;
  /** Clients that are remembered; beyond them the one that failed longest ago is forgotten. */
  readonly maxClients?: number;
  /** Of one client, and of all. */
  readonly maxWaiting?: number;
  readonly maxWaitingOfAll?: number;
};

type Record = { readonly failures: number; readonly last: number };

/** Creates it; the addresses of one IPv6 network count as one client. */
export function createGuessBrake({
  now,
  sleep = Bun.sleep,
  free = 20,
  withinMs = 60_000,
  firstWaitMs = 100,
  longestWaitMs = 1_000,
  maxClients = 10_000,
  maxWaiting = 16,
  maxWaitingOfAll = 1_000,
}: GuessBrakeParts): GuessBrake {
  // The one that failed last stands last.
  const records = new Map<string, Record>();
  const waiting = new Map<string, number>();
  let waitingOfAll = 0;

  return {
    isCrowded: (address) => (waiting.get(networkOf(address)) ?? 0) >= maxWaiting || waitingOfAll >= maxWaitingOfAll,
    async failed(address) {
      const client = networkOf(address);
      const failures = (current(client)?.failures ?? 0) + 1;
      records.delete(client);
      if (records.size >= maxClients) forgetOldest();
      records.set(client, { failures, last: now() });
      if (failures > free) await wait(client, Math.min(firstWaitMs * 2 ** (failures - free - 1), longestWaitMs));
    },
    succeeded: (address) => void records.delete(networkOf(address)),
  };

  async function wait(client: string, ms: number): Promise<void> {
    waiting.set(client, (waiting.get(client) ?? 0) + 1);
    waitingOfAll += 1;
    await sleep(ms);
    waitingOfAll -= 1;
    const left = (waiting.get(client) ?? 0) - 1;
    if (left > 0) waiting.set(client, left);
    else waiting.delete(client);
  }

  /** A client that has been quiet for long begins anew. */
  function current(client: string): Record | undefined {
    const record = records.get(client);
    return record && now() - record.last < withinMs ? record : undefined;
  }

  function forgetOldest(): void {
    const [oldest] = records.keys();
    if (oldest !== undefined) records.delete(oldest);
  }
}
