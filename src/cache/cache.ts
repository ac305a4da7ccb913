/** Header values by lower-case name; equal names are joined. */
export type HeaderValues = Readonly<Record<string, string>>;

/** Where an answer belongs, for who wants it forgotten. */
export type EntryPlace = {
  /** Absent for a consumer's own key, for the operator's, and for what is shared. */
  readonly project?: string;
  readonly provider: string;
  readonly method: string;
  /** Path and query as the provider knows them, without credentials. */
  readonly path: string;
};

/** Under what an answer is kept: a hash of all that makes two requests equal but for the headers that the answer varies by. */
export type EntryKey = { readonly hash: string; readonly place: EntryPlace };

/** An answer that is kept, as the upstream sent it. */
export type CacheEntry = {
  readonly status: number;
  /** Without those of one connection, of one exchange or of one consumer; lower case. */
  readonly headers: HeaderValues;
  readonly body: Uint8Array;
  /** The lengths of the pieces in which a stream came; absent for a body that is sent in one. */
  readonly pieces?: readonly number[];
  /** Milliseconds before each piece of a stream. */
  readonly pauses?: readonly number[];
  /** What its request said in the headers that the answer varies by; `null` where it didn't have one. */
  readonly vary: Readonly<Record<string, string | null>>;
  /** The stream was made to tell its usage, which a consumer must not see. */
  readonly spliced: boolean;
  /** When it came, or was found to be still true; milliseconds since the epoch. */
  readonly receivedAt: number;
  /** What it is judged by in place of its own `cache-control`, which doesn't say how long it holds. */
  readonly control?: string;
};

/** What is to be forgotten. */
export type Purge =
  | { readonly kind: "url"; readonly method: string; readonly url: string }
  | { readonly kind: "prefix"; readonly prefix: string }
  | { readonly kind: "project"; readonly project: string }
  | { readonly kind: "all" };

/** What was found: an answer, nothing, or nobody to ask. `epoch` is another one as soon as anything is purged, or the key forgotten. */
export type Found =
  | { readonly kind: "entry"; readonly entry: CacheEntry; readonly epoch: string }
  | { readonly kind: "none"; readonly epoch: string }
  | { readonly kind: "away" };

/** How much is kept, where that is known. */
export type CacheSize = { readonly entries: number; readonly bytes: number };

/** Keeps answers. None of it throws; what can't be kept is not kept. */
export type CacheStore = {
  readonly find: (key: EntryKey, headers: HeaderValues) => Found | Promise<Found>;
  /** Whether it is kept now. It isn't where `epoch` is over, in which it was looked for before it was asked for. */
  readonly keep: (key: EntryKey, entry: CacheEntry, lifetimeMs: number, epoch: string) => boolean | Promise<boolean>;
  readonly forget: (key: EntryKey) => void;
  /** How many answers were forgotten; throws where that can't be known. */
  readonly purge: (what: Purge) => Promise<number>;
  readonly size: () => CacheSize | undefined;
  /** Whether the Redis that keeps them answers; `undefined` where there is none. */
  readonly redisState: () => "up" | "down" | undefined;
  readonly close: () => void;
};

export const foundAway: Found = { kind: "away" };

/** Which of 4096 parts of all keys this one is in: what was forgotten is counted by parts, since counts of each key would add up. */
export function partOf({ hash }: EntryKey): string {
  return hash.slice(0, 3);
}
