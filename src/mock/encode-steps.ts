import { promisify } from "node:util";
import {
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import type { Transform } from "node:stream";
import type { Encoding } from "./directives.ts";
import type { Step, Steps } from "./reply.ts";

/** Encodes a whole body. */
export function encodeWhole(body: Uint8Array, encoding: Encoding): Uint8Array {
  switch (encoding) {
    case "gzip":
      return gzipSync(body);
    case "br":
      return brotliCompressSync(body);
    case "zstd":
      return zstdCompressSync(body);
  }
}

/** Encodes a body's bytes so that each can be read as soon as it is there. */
export async function* encodeSteps(steps: Steps, encoding: Encoding): AsyncGenerator<Step> {
  const { stream, flush } = createEncoder(encoding);
  const made: Uint8Array[] = [];
  stream.on("data", (bytes: Uint8Array) => made.push(bytes));
  try {
    for await (const step of steps) {
      if (step.kind !== "bytes") {
        yield step;
        continue;
      }
      stream.write(step.bytes);
      await flush();
      yield { kind: "bytes", bytes: Buffer.concat(made.splice(0)) };
    }
    const ended = new Promise((resolve) => stream.once("end", resolve));
    stream.end();
    await ended;
    yield { kind: "bytes", bytes: Buffer.concat(made.splice(0)) };
  } finally {
    stream.destroy();
  }
}

function createEncoder(encoding: Encoding): { readonly stream: Transform; readonly flush: () => Promise<void> } {
  switch (encoding) {
    case "gzip": {
      const stream = createGzip();
      return { stream, flush: promisify((done: () => void) => stream.flush(constants.Z_SYNC_FLUSH, done)) };
    }
    case "br": {
      const stream = createBrotliCompress();
      return { stream, flush: promisify((done: () => void) => stream.flush(constants.BROTLI_OPERATION_FLUSH, done)) };
    }
    case "zstd": {
      const stream = createZstdCompress();
      return { stream, flush: promisify((done: () => void) => stream.flush(constants.ZSTD_e_flush, done)) };
    }
  }
}
