/** Text in the pieces in which a model would stream it, made when it is asked for. */
export type Text = {
  /** In UTF-16 code units. */
  readonly length: number;
  readonly pieces: () => Iterable<string>;
};

/** How many LLM tokens the mock says a text of this length has: four characters each, rounded up. */
export function tokensIn(length: number): number {
  return Math.ceil(length / 4);
}

/** A text as words. */
export function fixedText(text: string): Text {
  return { length: text.length, pieces: () => text.match(/\s*\S{1,16}|\s+/gu) ?? [] };
}

/** `length` characters of filler in pieces of up to `pieceLength`; held nowhere as a whole. */
export function longText(length: number, pieceLength = 4_096): Text {
  const filler = "All work and no play makes a long answer, and there is more. ";
  const page = filler.repeat(Math.ceil(pieceLength / filler.length)).slice(0, pieceLength);
  return {
    length,
    *pieces() {
      for (let left = length; left > 0; left -= pieceLength) yield left < pieceLength ? page.slice(0, left) : page;
    },
  };
}

/** Exactly `count` pieces: ` 1`, ` 2`, … */
export function numberedText(count: number): Text {
  const piece = (index: number): string => `${index === 0 ? "" : " "}${index + 1}`;
  return {
    length: Array.from({ length: count }, (_, index) => piece(index).length).reduce((sum, length) => sum + length, 0),
    *pieces() {
      for (let index = 0; index < count; index += 1) yield piece(index);
    },
  };
}

/** The whole of a text. */
export function wholeText(text: Text): string {
  return [...text.pieces()].join("");
}

/** The first `length` characters of a text, in the same pieces. */
export function shortened(text: Text, length: number): Text {
  if (text.length <= length) return text;
  return {
    length,
    *pieces() {
      let left = length;
      for (const piece of text.pieces()) {
        if (left <= 0) return;
        yield piece.slice(0, left);
        left -= piece.length;
      }
    },
  };
}

/** Text in pieces of this many characters. */
export function* fragments(text: string, length: number): Generator<string> {
  for (let at = 0; at < text.length; at += length) yield text.slice(at, at + length);
}
