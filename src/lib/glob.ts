/** Patterns, of which a text has to match one: `*` is anything but `/`, `**` is anything, and every other character is itself. */
export type CompiledGlobs = {
  readonly patterns: readonly string[];
  readonly matches: (text: string) => boolean;
  /** Whether one of them is `**`, which whatever there is matches. */
  readonly anything: boolean;
};

/** Compiles patterns; matching takes time that is linear in the text, whatever the text is. */
export function compileGlobs(patterns: readonly string[]): CompiledGlobs {
  const globs = patterns.map(compileGlob);
  return {
    patterns,
    matches: (text) => globs.some((matches) => matches(text)),
    anything: patterns.some((pattern) => /^\*{2,}$/.test(pattern)),
  };
}

function compileGlob(pattern: string): (text: string) => boolean {
  // Texts and wildcards take turns, a text first and last.
  const pieces = pattern.split(/(\*+)/);
  const [first = ""] = pieces;
  const last = pieces.at(-1) ?? "";
  if (pieces.length === 1) return (text) => text === first;
  const steps = pieces.slice(1, -1).flatMap(readSteps);
  return (text) =>
    text.length >= first.length + last.length &&
    text.startsWith(first) &&
    text.endsWith(last) &&
    accepts(steps, text.slice(first.length, text.length - last.length));
}

const anyButSlash = -1;
const anything = -2;
const slash = 0x2f;

/** A wildcard is one step, a text one for each of its code units. */
function readSteps(piece: string): readonly number[] {
  if (piece.startsWith("*")) return [piece.length === 1 ? anyButSlash : anything];
  return Array.from({ length: piece.length }, (_, at) => piece.charCodeAt(at));
}

function accepts(steps: readonly number[], text: string): boolean {
  if (steps.length === 1) return steps[0] === anything || !text.includes("/");
  // Every place in the pattern that the text so far can have led to is followed at once, so nothing is ever tried again.
  const reachedAt = new Int32Array(steps.length + 1).fill(-1);
  let reached: number[] = [];
  let next: number[] = [];
  addReached(reached, 0, 0);
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    next.length = 0;
    for (const place of reached) {
      const step = steps[place];
      if (step === unit) addReached(next, place + 1, at + 1);
      else if (step === anything || (step === anyButSlash && unit !== slash)) addReached(next, place, at + 1);
    }
    if (next.length === 0) return false;
    [reached, next] = [next, reached];
  }
  return reachedAt[steps.length] === text.length;

  /** A wildcard may stand for nothing, so what follows it is reached with it. */
  function addReached(places: number[], from: number, at: number): void {
    for (let place = from; place <= steps.length && reachedAt[place] !== at; place += 1) {
      reachedAt[place] = at;
      places.push(place);
      if ((steps[place] ?? 0) >= 0) return;
    }
  }
}
