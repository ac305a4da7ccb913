/** The candidate that `word` was probably meant to be, at most a third of its letters away. */
export function findNearest(word: string, candidates: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = Math.ceil(word.length / 3) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    const distance = editDistance(word, candidate);
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}

/** How many letters must be added, left out or changed to make `to` of `from` (Levenshtein). */
export function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [line, letter] of Array.from(from).entries()) {
    const next = [line + 1];
    for (let column = 0; column < to.length; column++) {
      const [above = 0, aboveRight = 0, left = 0] = [row[column], row[column + 1], next[column]];
      next.push(Math.min(above + (letter === to[column] ? 0 : 1), aboveRight + 1, left + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
