/** Reads lines of text from bytes that are split anywhere. */
export type LineReader = {
  readonly push: (bytes: Uint8Array) => void;
  /** Says that bytes are missing here: the line that was begun is dropped. */
  readonly gap: () => void;
  /** Gives the last line too where no line break ends it. */
  readonly end: () => void;
};

/** What a reader tells; both are called while it is pushed to. */
export type LineParts = {
  /** A line that says something, without its line break. */
  readonly line: (text: string) => void;
  /** The end of the line that a gap cut into. */
  readonly fragment?: (text: string) => void;
  /** A line that is longer is dropped. */
  readonly maxLineChars?: number;
};

/** Creates a reader of one text; holds at most one line. */
export function createLineReader({ line, fragment, maxLineChars = 16_777_216 }: LineParts): LineReader {
  let decoder = new TextDecoder();
  let pieces: string[] = [];
  let chars = 0;
  let afterGap = false;

  function keep(piece: string) {
    chars += piece.length;
    if (chars <= maxLineChars) pieces.push(piece);
    else pieces = [];
  }

  function finish() {
    const text = pieces.join("").trim();
    pieces = [];
    chars = 0;
    if (text !== "") (afterGap ? fragment : line)?.(text);
    afterGap = false;
  }

  function read(text: string) {
    let from = 0;
    for (let to = text.indexOf("\n"); to !== -1; to = text.indexOf("\n", from)) {
      keep(text.slice(from, to));
      finish();
      from = to + 1;
    }
    keep(text.slice(from));
  }

  return {
    push: (bytes) => read(decoder.decode(bytes, { stream: true })),
    gap() {
      decoder = new TextDecoder();
      pieces = [];
      chars = 0;
      afterGap = true;
    },
    end: () => read(`${decoder.decode()}\n`),
  };
}
