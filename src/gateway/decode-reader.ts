import { isZlib } from "../lib/decode.ts";
import { putBack } from "./answer-body.ts";
import type { ChunkReader } from "./upload.ts";

const formats: Readonly<Record<string, Bun.CompressionFormat>> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  br: "brotli",
  zstd: "zstd",
};

/** Undoes a `content-encoding` while bytes pass; `undefined` where it is none that we know. */
export function decodeReader(reader: ChunkReader, contentEncoding: string): ChunkReader | undefined {
  const name = contentEncoding.trim().toLowerCase();
  if (name === "deflate") return inflate(reader);
  const format = formats[name];
  return format && decompress(reader, format);
}

/** Which of the two formats `deflate` stands for is known once something has come. */
function inflate(reader: ChunkReader): ChunkReader {
  let opening: Promise<ChunkReader> | undefined;
  return {
    read: async () => (await (opening ??= openInflated(reader))).read(),
    cancel: () => reader.cancel(),
  };
}

async function openInflated(reader: ChunkReader): Promise<ChunkReader> {
  let start: Buffer = Buffer.alloc(0);
  while (start.length < 2) {
    const { done, value } = await reader.read();
    if (done || !value) break;
    start = Buffer.concat([start, value]);
  }
  return decompress(putBack([start], reader), isZlib(start) ? "deflate" : "deflate-raw");
}

function decompress(reader: ChunkReader, format: Bun.CompressionFormat): ChunkReader {
  return createStream(reader).pipeThrough(new DecompressionStream(format)).getReader();
}

function createStream(reader: ChunkReader): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done || !value) controller.close();
        else controller.enqueue(new Uint8Array(value));
      },
      cancel: () => reader.cancel(),
    },
    { highWaterMark: 0 },
  );
}
