import { createParser } from "eventsource-parser";

/** Reads server-sent events from bytes that are split anywhere. */
export type SseReader = {
  readonly push: (bytes: Uint8Array) => void;
  /** Says that bytes are missing here: the event that was begun is dropped, and the next whole one is read again. */
  readonly gap: () => void;
  /** Gives the last event too where the blank line after it never came. */
  readonly end: () => void;
};

/** What a reader tells; both are called while it is pushed to. */
export type SseParts = {
  readonly event: (name: string | undefined, data: string) => void;
  /** The end of the event that a gap cut into, as it stands on the wire. */
  readonly fragment?: (text: string) => void;
  /** An event that is longer is dropped. */
  readonly maxEventChars?: number;
};

/** Short beside any bound on events, so that at most one event can be too long in one slice. */
const sliceChars = 65_536;
// `\r(?!\n)`: the two characters of one CRLF are no blank line.
const blankLine = /(?:\r\n|\n|\r(?!\n)){2}/;
const longestBlankLine = 4;

/** Creates a reader of one stream, by the WHATWG rules for event streams; holds at most about one event. */
export function createSseReader({ event, fragment, maxEventChars = 16_777_216 }: SseParts): SseReader {
  let decoder = new TextDecoder();
  let search: BlankLineSearch | undefined;
  // The library has a bound of its own, but tells of it by way of an error that it makes for every odd line, too.
  let sinceEvent = 0;
  const parser = createParser({
    onEvent({ event: name, data }) {
      sinceEvent = 0;
      event(name, data);
    },
  });

  function feed(text: string) {
    for (let at = 0; at < text.length; at += sliceChars) feedSlice(text.slice(at, at + sliceChars));
  }

  function feedSlice(text: string) {
    const rest = search ? search.push(text) : text;
    if (rest === undefined) return;
    search = undefined;
    sinceEvent += rest.length;
    parser.feed(rest);
    if (sinceEvent <= maxEventChars) return;
    // The event that is too long is still open: what is left of it ends at this slice's first blank line, or later.
    sinceEvent = 0;
    parser.reset();
    search = searchBlankLine({ maxChars: 0 });
    feedSlice(rest);
  }

  return {
    push: (bytes) => feed(decoder.decode(bytes, { stream: true })),
    gap() {
      decoder = new TextDecoder();
      sinceEvent = 0;
      parser.reset();
      search = searchBlankLine({ found: fragment, maxChars: maxEventChars });
    },
    end() {
      feed(decoder.decode());
      feed("\n\n");
    },
  };
}

/** Looks for the end of an event whose beginning is lost; `push` gives what comes after it, once it is there. */
type BlankLineSearch = { readonly push: (text: string) => string | undefined };

function searchBlankLine(parts: { found?: (before: string) => void; maxChars: number }): BlankLineSearch {
  let kept: string[] = [];
  let chars = 0;
  let carry = "";
  return {
    push(text) {
      const window = carry + text;
      const match = blankLine.exec(window);
      const before = match ? window.slice(carry.length, match.index + match[0].length) : text;
      chars += before.length;
      if (chars <= parts.maxChars) kept.push(before);
      else kept = [];
      carry = window.slice(1 - longestBlankLine);
      if (!match) return undefined;
      if (kept.length > 0) parts.found?.(kept.join(""));
      return window.slice(match.index + match[0].length);
    },
  };
}
