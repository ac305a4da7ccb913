/** How often the cache was asked, and what came of it, since the start. */
export type CacheCounts = { hits: number; misses: number; bypassed: number; stored: number };

/** Counts from nothing. */
export function createCacheCounts(): CacheCounts {
  return { hits: 0, misses: 0, bypassed: 0, stored: 0 };
}
