/** How a message's body is delimited (RFC 9112, section 6); `until-close` also for what follows an upgrade. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until-close" };

export type Header = readonly [name: string, value: string];

/** Who is told what is read; `head` says how the body is delimited. */
export type MessageParts = {
  /** The exact bytes of the head, with its closing blank line. */
  readonly head: (bytes: Uint8Array) => Framing;
  /** Body bytes without their framing, in the pieces in which they came. */
  readonly body: (bytes: Uint8Array) => void;
  /** The message is whole. */
  readonly end: () => void;
  /** What came is no message; nothing more is read. */
  readonly bad: (reason: string) => void;
};

/** Reads one message after another from bytes as they come. */
export type MessageReader = {
  readonly push: (bytes: Uint8Array) => void;
  /** No more bytes will come: ends a body that lasts until then; answers whether nothing was left half read. */
  readonly close: () => boolean;
};

const maxHeadBytes = 1_048_576;
const maxLineBytes = 16_384;

type State = "head" | "length" | "until-close" | "size-line" | "chunk" | "chunk-end" | "trailers" | "bad";

/** Creates a reader of HTTP/1.1 messages, requests or answers alike; never throws. */
export function createMessageReader(parts: MessageParts): MessageReader {
  let state: State = "head";
  let held: Uint8Array = new Uint8Array(0);
  let remaining = 0;

  return { push, close };

  function push(bytes: Uint8Array): void {
    let rest = held.length > 0 ? Buffer.concat([held, bytes]) : bytes;
    held = new Uint8Array(0);
    while (rest.length > 0 && state !== "bad") {
      const used = step(rest);
      if (used === 0) break;
      rest = rest.subarray(used);
    }
    if (state !== "bad") held = rest;
  }

  function close(): boolean {
    if (state === "until-close") {
      state = "head";
      parts.end();
      return true;
    }
    return state === "head" && held.length === 0;
  }

  function step(bytes: Uint8Array): number {
    switch (state) {
      case "head":
        return readHead(bytes);
      case "length":
      case "chunk":
        return readCounted(bytes);
      case "until-close":
        parts.body(bytes);
        return bytes.length;
      case "size-line":
        return readLine(bytes, sized);
      case "chunk-end":
        return readLine(bytes, chunkEnded);
      case "trailers":
        return readLine(bytes, trailer);
      case "bad":
        return 0;
    }
  }

  function readHead(bytes: Uint8Array): number {
    const start = bytes[0] === 13 && bytes[1] === 10 ? 2 : 0; // a stray line end after a body is no message
    const end = view(bytes).indexOf("\r\n\r\n", start, "latin1");
    if (end < 0) {
      if (bytes.length > maxHeadBytes) fail("a head of more than 1 MB");
      return 0;
    }
    const framing = parts.head(bytes.subarray(start, end + 4));
    if (framing.kind === "chunked") state = "size-line";
    else if (framing.kind === "until-close") state = "until-close";
    else if (framing.kind === "none" || framing.length === 0) finish();
    else begin("length", framing.length);
    return end + 4;
  }

  function readCounted(bytes: Uint8Array): number {
    const piece = bytes.length > remaining ? bytes.subarray(0, remaining) : bytes;
    remaining -= piece.length;
    parts.body(piece);
    if (remaining > 0) return piece.length;
    if (state === "chunk") state = "chunk-end";
    else finish();
    return piece.length;
  }

  function readLine(bytes: Uint8Array, take: (line: string) => void): number {
    const end = view(bytes).indexOf("\r\n", 0, "latin1");
    if (end < 0) {
      if (bytes.length > maxLineBytes) fail("a line of more than 16 KB in a chunked body");
      return 0;
    }
    take(view(bytes).toString("latin1", 0, end));
    return end + 2;
  }

  function sized(line: string): void {
    const digits = /^[0-9a-f]{1,12}(?=$|[;\s])/i.exec(line)?.[0];
    if (digits === undefined) return fail(`"${line.slice(0, 40)}" is no chunk size`);
    const size = Number.parseInt(digits, 16);
    if (size === 0) state = "trailers";
    else begin("chunk", size);
  }

  function chunkEnded(line: string): void {
    if (line === "") state = "size-line";
    else fail("a chunk that is longer than it said");
  }

  function trailer(line: string): void {
    if (line === "") finish();
  }

  function begin(next: "length" | "chunk", bytes: number): void {
    state = next;
    remaining = bytes;
  }

  function finish(): void {
    state = "head";
    parts.end();
  }

  function fail(reason: string): void {
    state = "bad";
    parts.bad(reason);
  }
}

/** A head's first line and its fields, in order, names as they were written. */
export function parseHead(bytes: Uint8Array): { readonly startLine: string; readonly headers: readonly Header[] } {
  const [startLine = "", ...lines] = view(bytes).toString("latin1").split("\r\n");
  const headers: Header[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
  }
  return { startLine, headers };
}

/** The values of a field, whatever its case, joined as HTTP joins them; `undefined` where it isn't there. */
export function headerOf(headers: readonly Header[], name: string): string | undefined {
  const values = headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(", ");
}

/** How the body of a request with these fields is delimited. */
export function requestFraming(headers: readonly Header[]): Framing {
  if (headerOf(headers, "transfer-encoding")?.toLowerCase().includes("chunked") === true) return { kind: "chunked" };
  const length = Number(headerOf(headers, "content-length") ?? 0);
  return Number.isSafeInteger(length) && length > 0 ? { kind: "length", length } : { kind: "none" };
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
