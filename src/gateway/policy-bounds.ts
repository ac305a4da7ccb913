/** So many parameters are looked at; no real request comes near. */
export const mostParameters = 5_000;

/** So many characters of a name. */
export const longestName = 1_000;

const quote = 0x22;
const backslash = 0x5c;

/** Whether the JSON object that begins at `from` has more members than are looked at; stops there, and builds nothing. */
export function hasManyMembers(bytes: Buffer, from = 0): boolean {
  // A comma and `"":1` are the least that a member takes.
  if (bytes.length - from <= mostParameters * 5) return false;
  let depth = 0;
  let members = 1;
  let inString = false;
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (inString) {
      if (byte === backslash) at += 1;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === 0x7b || byte === 0x5b) depth += 1;
    else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1;
      if (depth === 0) return false;
    } else if (byte === 0x2c && depth === 1) {
      members += 1;
      if (members > mostParameters) return true;
    }
  }
  return false;
}

/** Whether what parts one parameter from the next stands there more than `most` times. */
export function hasManyMarks(bytes: Buffer, mark: string | Buffer, most: number): boolean {
  let at = bytes.indexOf(mark);
  for (let found = 0; at !== -1; found += 1) {
    if (found === most) return true;
    at = bytes.indexOf(mark, at + mark.length);
  }
  return false;
}
