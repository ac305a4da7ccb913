/** A shorter text is parsed as it is: nothing that it could hold costs much. Characters. */
const smallText = 16_384;
/** A text that is nested more deeply, or holds more values, can take a parser seconds and gigabytes. */
const maxDepth = 1_000;
const maxValues = 524_288;

/** The value of a JSON text; `undefined` where it is none, is nested too deeply or holds too many values. */
export function parseJson(text: string): unknown {
  if (text.length > smallText && !isAffordable(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a text is still parsed whose brackets are open so deep, and that has so many values. */
export function isWithinBounds(depth: number, values: number): boolean {
  return depth < maxDepth && values < maxValues;
}

/** Where the string ends that begins at `from`; `undefined` where its end is missing. */
export function endOfText(text: string, from: number): number | undefined {
  let at = from + 1;
  for (;;) {
    at = text.indexOf('"', at);
    if (at === -1) return undefined;
    let escapes = 0;
    while (text[at - 1 - escapes] === "\\") escapes += 1;
    at += 1;
    if (escapes % 2 === 0) return at;
  }
}

/** Most texts have no room for too much, which is known without a look at each character. */
function isAffordable(text: string): boolean {
  // A value takes two characters, with what stands before it.
  if (text.length <= maxValues * 2 && !hasMany(text, "[", maxDepth / 2) && !hasMany(text, "{", maxDepth / 2))
    return true;
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = (endOfText(text, at) ?? text.length) - 1;
    else if (code === 0x7d || code === 0x5d) depth -= 1;
    else if (code === 0x2c || code === 0x7b || code === 0x5b) {
      values += 1;
      if (code !== 0x2c) depth += 1;
      if (!isWithinBounds(depth, values)) return false;
    }
  }
  return true;
}

function hasMany(text: string, char: string, most: number): boolean {
  let at = text.indexOf(char);
  for (let found = 0; at !== -1; found += 1) {
    if (found === most) return true;
    at = text.indexOf(char, at + 1);
  }
  return false;
}
