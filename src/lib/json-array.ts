/** Takes the elements of a top-level JSON array out of bytes that are split anywhere. */
export type JsonArraySplitter = {
  readonly push: (bytes: Uint8Array) => void;
  /** Whether the text is an array: `undefined` until its first byte has come, and nothing more is told where it isn't. */
  readonly isArray: () => boolean | undefined;
};

/** What a splitter tells, and its bound. */
export type JsonArrayParts = {
  /** One element's JSON text, as soon as it is whole. */
  readonly element: (text: string) => void;
  /** An element that is longer is left out. */
  readonly maxElementBytes?: number;
};

const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Creates a splitter of one text; it follows brackets and strings alone, and holds at most one element. */
export function createJsonArraySplitter({ element, maxElementBytes = 16_777_216 }: JsonArrayParts): JsonArraySplitter {
  const decoder = new TextDecoder();
  let state: "before" | "inside" | "after" | "other" = "before";
  // Brackets that are open within the array; an element is open from its first byte to its last.
  let depth = 0;
  let open = false;
  let inString = false;
  let escaped = false;
  let pieces: Uint8Array[] = [];
  let size = 0;

  function keep(piece: Uint8Array) {
    size += piece.length;
    if (size <= maxElementBytes) pieces.push(piece);
    else pieces = [];
  }

  function finish(last: Uint8Array) {
    keep(last);
    const [only] = pieces;
    if (only) element(decoder.decode(pieces.length === 1 ? only : Buffer.concat(pieces)));
    pieces = [];
    size = 0;
    open = false;
  }

  return {
    push(bytes) {
      let start = 0;
      for (let at = 0; at < bytes.length; at += 1) {
        const byte = bytes[at];
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === backslash) escaped = true;
          else if (byte === quote) inString = false;
          continue;
        }
        if (state !== "inside") {
          if (state !== "before") return;
          if (isSpace(byte)) continue;
          state = byte === openBracket ? "inside" : "other";
          continue;
        }
        if (!open) {
          if (isSpace(byte) || byte === comma) continue;
          if (byte === closeBracket) {
            state = "after";
            return;
          }
          open = true;
          start = at;
        }
        if (byte === quote) inString = true;
        else if (byte === openBrace || byte === openBracket) depth += 1;
        else if (depth > 0) {
          if (byte !== closeBrace && byte !== closeBracket) continue;
          depth -= 1;
          if (depth === 0) finish(bytes.subarray(start, at + 1));
        } else if (byte === comma || byte === closeBracket) {
          finish(bytes.subarray(start, at));
          if (byte === closeBracket) state = "after";
        }
      }
      if (open) keep(bytes.subarray(start));
    },
    isArray: () => (state === "before" ? undefined : state !== "other"),
  };
}

/** White space of JSON, and the bytes of a BOM. */
function isSpace(byte: number | undefined): boolean {
  return (
    byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09 || byte === 0xef || byte === 0xbb || byte === 0xbf
  );
}
