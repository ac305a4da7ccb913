import { LRUCache } from "lru-cache";
import { type CacheEntry, type CacheStore, type EntryKey, type EntryPlace, partOf } from "./cache.ts";
import { isPurged } from "./purge.ts";
import { matchesVariant } from "./vary.ts";

/** The answers to one request, by what they vary by; the latest last. */
type Shelf = { readonly place: EntryPlace; readonly variants: readonly Kept[] };

type Kept = { readonly entry: CacheEntry; readonly until: number };

/** Answers to one request that differ by its headers. */
const mostVariants = 32;
/** What an answer takes beside its bytes. */
const overheadBytes = 1024;
const numberBytes = 8;

/** Creates a cache in this process's memory; what was asked for least lately makes room. `elapsed` is the monotonic clock. */
export function createMemoryCache({
  maxBytes,
  elapsed,
}: {
  readonly maxBytes: number;
  readonly elapsed: () => number;
}): CacheStore {
  const shelves = new LRUCache<string, Shelf>({
    maxSize: maxBytes,
    sizeCalculation: ({ place, variants }) =>
      variants.reduce((total, { entry }) => total + sizeOf(entry), place.path.length),
  });

  let purges = 0;
  /** How often a key of each part was forgotten. */
  const forgotten = new Map<string, number>();

  return {
    find(key, headers) {
      const { hash } = key;
      const epoch = epochOf(key);
      const shelf = shelves.get(hash);
      const found = shelf?.variants.findLast(({ entry }) => matchesVariant(entry, headers));
      if (!found) return { kind: "none", epoch };
      if (found.until > elapsed()) return { kind: "entry", entry: found.entry, epoch };
      drop(hash, found);
      return { kind: "none", epoch };
    },
    keep(key, entry, lifetimeMs, epoch) {
      if (epoch !== epochOf(key)) return false;
      const { hash, place } = key;
      const now = elapsed();
      const others = (shelves.peek(hash)?.variants ?? []).filter(
        (kept) => kept.until > now && !isSameVariant(kept.entry, entry),
      );
      const variants = [...others.slice(1 - mostVariants), { entry: { ...entry }, until: now + lifetimeMs }];
      shelves.set(hash, { place, variants });
      return shelves.has(hash);
    },
    forget(key) {
      forgotten.set(partOf(key), (forgotten.get(partOf(key)) ?? 0) + 1);
      shelves.delete(key.hash);
    },
    purge(what) {
      purges += 1;
      const concerned = [...shelves].filter(([, { place }]) => isPurged(what, place));
      for (const [hash] of concerned) shelves.delete(hash);
      return Promise.resolve(countVariants(concerned.map(([, shelf]) => shelf)));
    },
    size: () => ({ entries: countVariants(shelves.values()), bytes: shelves.calculatedSize }),
    redisState: () => undefined,
    close: () => shelves.clear(),
  };

  function epochOf(key: EntryKey): string {
    return `${purges} ${forgotten.get(partOf(key)) ?? 0}`;
  }

  function drop(hash: string, gone: Kept): void {
    const shelf = shelves.peek(hash);
    const variants = shelf?.variants.filter((kept) => kept !== gone) ?? [];
    if (shelf && variants.length > 0) shelves.set(hash, { ...shelf, variants });
    else shelves.delete(hash);
  }
}

function isSameVariant({ vary: one }: CacheEntry, { vary: other }: CacheEntry): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function countVariants(shelves: Iterable<Shelf>): number {
  return [...shelves].reduce((total, { variants }) => total + variants.length, 0);
}

function sizeOf({ headers, body, vary, pieces = [], pauses = [] }: CacheEntry): number {
  const texts = JSON.stringify(headers).length + JSON.stringify(vary).length;
  return body.length + texts + numberBytes * (pieces.length + pauses.length) + overheadBytes;
}
