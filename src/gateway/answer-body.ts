import type { ChunkReader } from "./upload.ts";

/** The body of an answer: one piece that is here already, or bytes that still flow. */
export type AnswerBody =
  | { readonly kind: "none" }
  | { readonly kind: "whole"; readonly bytes: Uint8Array }
  | { readonly kind: "stream"; readonly reader: ChunkReader };

/** Which bodies are taken whole before their head goes down; bytes. */
export type WholeBodies = {
  /** Bodies of this declared length at most, of any type. */
  readonly declared: number;
  /** JSON bodies of this length at most, declared or not. */
  readonly json: number;
};

/**
 * A body of a declared length that a socket takes at once was whole when its head was sent: in one piece it costs half as much,
 * and what breaks it off breaks it before its head.
 */
export const smallBodies: WholeBodies = { declared: 65_536, json: 0 };

/** Errors that may quote a key: it can be looked for in one piece alone. */
export const errorBodies: WholeBodies = { declared: 65_536, json: 65_536 };

/** None is taken whole. */
export const noBodies: WholeBodies = { declared: -1, json: 0 };

/** Reads a body as far as it has to be whole. */
export function readAnswerBody(
  method: string,
  response: Response,
  { declared, json }: WholeBodies,
): AnswerBody | Promise<AnswerBody> {
  const { status, headers } = response;
  if (method === "HEAD" || status === 204 || status === 304) return { kind: "none" };
  const length = headers.get("content-length");
  if (length !== null && Number(length) <= declared) return readWhole(response);
  const reader = response.body?.getReader();
  if (!reader) return { kind: "none" };
  const isJson = json > 0 && /^application\/(?:[\w.+-]+\+)?json\b/i.test(headers.get("content-type") ?? "");
  return isJson ? collect(reader, json) : { kind: "stream", reader };
}

function readWhole(response: Response): AnswerBody | Promise<AnswerBody> {
  const reading = response.bytes();
  // What is peeked at may be a failure too, which has to be thrown.
  const bytes: unknown = Bun.peek(reading);
  return bytes instanceof Uint8Array
    ? { kind: "whole", bytes }
    : reading.then((read) => ({ kind: "whole", bytes: read }));
}

/** Collects a body up to `limit` bytes; one that is longer goes on as a stream from its beginning. */
async function collect(reader: ChunkReader, limit: number): Promise<AnswerBody> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || !value) return { kind: "whole", bytes: Buffer.concat(chunks, size) };
    chunks.push(value);
    size += value.length;
    if (size > limit) return { kind: "stream", reader: putBack(chunks, reader) };
  }
}

/** Waits for the first bytes of a body: until they are here nothing has gone down, so that what breaks it off can be told by a status. */
export async function waitForFirst(reader: ChunkReader): Promise<ChunkReader> {
  const { done, value } = await reader.read();
  return done || !value ? reader : putBack([value], reader);
}

/** Gives what was read of a body already before the rest of it. */
export function putBack(chunks: readonly Uint8Array[], reader: ChunkReader): ChunkReader {
  const waiting = [...chunks];
  return {
    read() {
      const value = waiting.shift();
      return value ? Promise.resolve({ done: false, value }) : reader.read();
    },
    cancel: () => reader.cancel(),
  };
}
