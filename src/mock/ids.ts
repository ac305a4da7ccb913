/** Chance that can be repeated: each call gives the next number from 0 to 1 of the seed's sequence (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Makes ids that look like a provider's and never repeat in one process. */
export type Ids = { readonly next: (prefix: string, length?: number) => string };

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const counterLength = 6;

/** Creates the ids of one mock: the same seed gives the same ids in the same order. */
export function createIds(seed: number): Ids {
  const random = createRandom(seed);
  let count = 0;
  return {
    next(prefix, length = 24) {
      count += 1;
      let id = prefix;
      for (let left = length - counterLength; left > 0; left -= 1) id += alphabet.charAt(Math.floor(random() * 62));
      return id + inBase62(count);
    },
  };
}

function inBase62(count: number): string {
  let text = "";
  for (let left = count; text.length < counterLength; left = Math.floor(left / 62))
    text = alphabet.charAt(left % 62) + text;
  return text;
}

/** A number from 0 to 2³² that is the same for the same text (FNV-1a). */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
