import type { Exchange } from "../domain/exchange.ts";
import { createScratchEncoder } from "../lib/scratch-encoder.ts";
import type { SinkRecord } from "../sinks/sink.ts";
import type { NewRecord } from "./outbox.ts";

/** A run of records with consecutive numbers that is written, compressed and forgotten as one. */
export type Segment = {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** When its oldest record was appended, in milliseconds since the epoch. */
  readonly at: number;
  readonly kind: "exchange" | "refusal";
  /** The only sink that it is for (dead letters that are tried again); absent where it is for all. */
  readonly sink?: string;
  /** Its size before compression, in characters. */
  readonly rawSize: number;
  /** Its size as it is stored. */
  readonly bytes: number;
  /** What the exchanges held was given up to save room. */
  readonly bodiesShed: boolean;
};

/** A segment with its records, as they are stored. */
export type PackedSegment = { readonly segment: Segment; readonly payload: Uint8Array };

/** A record's id and its line of JSON. */
export type Line = { readonly id: string; readonly json: string };

const mostRecords = 256;
const mostCharacters = 1_048_576;

/** A shorter text is stored as it is: a few pages of a file are not worth the time; where many wait, they are merged. */
const leastCompressed = 8192;
/** What compressed data begins with, and no text can. https://datatracker.ietf.org/doc/html/rfc8878#section-3.1.1 */
const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A record as the line that is stored. */
export function toLine({ id, json }: Line): Line {
  return { id: oneLine(id), json: oneLine(json) };
}

/** Cuts lines into runs that are small enough to be read, rewritten and cached one at a time. */
export function splitLines(lines: readonly Line[]): (readonly Line[])[] {
  const runs: Line[][] = [];
  let run: Line[] = [];
  let size = 0;
  for (const line of lines) {
    if (run.length > 0 && (run.length === mostRecords || size + line.json.length > mostCharacters)) {
      runs.push(run);
      run = [];
      size = 0;
    }
    run.push(line);
    size += line.json.length;
  }
  if (run.length > 0) runs.push(run);
  return runs;
}

/** Puts lines together, numbered from `firstSeq` on. */
export function packSegment(
  about: Pick<Segment, "firstSeq" | "at" | "kind" | "sink" | "bodiesShed">,
  lines: readonly Line[],
): PackedSegment {
  const parts: string[] = [];
  let rawSize = 0;
  for (const { id, json } of lines) {
    parts.push(id, json);
    rawSize += id.length + json.length + 2;
  }
  const payload = compressBytes(encode(parts));
  const lastSeq = about.firstSeq + lines.length - 1;
  return { segment: { ...about, lastSeq, rawSize, bytes: payload.length }, payload };
}

const encode = createScratchEncoder();

/** Packs what is appended at one time, exchanges and refusals apart, numbered from `firstSeq` on. */
export function packRecords(
  records: readonly NewRecord[],
  firstSeq: number,
  at: number,
): readonly (PackedSegment & { readonly lines: readonly Line[] })[] {
  let next = firstSeq;
  return (["exchange", "refusal"] as const).flatMap((kind) => {
    const lines = records.filter(({ refusal }) => refusal === (kind === "refusal")).map(toLine);
    return splitLines(lines).map((run) => {
      const packed = packSegment({ firstSeq: next, at, kind, bodiesShed: false }, run);
      next += run.length;
      return { ...packed, lines: run };
    });
  });
}

/** The records of a segment, or `undefined` where the payload is damaged. */
export function unpackSegment(
  { firstSeq, lastSeq, rawSize }: Segment,
  payload: Uint8Array,
): readonly SinkRecord[] | undefined {
  const text = decompress(payload);
  const parts = text?.length === rawSize ? text.split("\n") : undefined;
  // Behind the last line break there is nothing.
  if (parts?.pop() !== "" || parts.length !== 2 * (lastSeq - firstSeq + 1)) return undefined;
  const records: SinkRecord[] = [];
  for (let at = 0; at < parts.length; at += 2) {
    records.push(createRecord(firstSeq + at / 2, parts[at] ?? "", parts[at + 1] ?? ""));
  }
  return records;
}

/** A record on its way to a sink; its line is parsed once, by the sink that asks first. */
export function createRecord(seq: number, id: string, json: string): SinkRecord {
  let parsed: Exchange | undefined;
  return {
    seq,
    id,
    json,
    get exchange() {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own worker wrote it from an `Exchange`; damaged JSON throws
      parsed ??= JSON.parse(json) as Exchange;
      return parsed;
    },
  };
}

/** Text as it is stored: compressed where that gains something. */
export function compress(text: string): Uint8Array {
  return compressBytes(Buffer.from(text));
}

/** The bytes given are free again afterwards. */
function compressBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length < leastCompressed ? bytes.slice() : Bun.zstdCompressSync(bytes, { level: 1 });
}

/** Text that was stored; `undefined` where it is damaged. */
export function decompress(payload: Uint8Array): string | undefined {
  try {
    const isCompressed = zstdMagic.equals(payload.subarray(0, zstdMagic.length));
    return utf8.decode(isCompressed ? Bun.zstdDecompressSync(payload) : payload);
  } catch {
    return undefined;
  }
}

/** Raw line breaks can only stand between the tokens of JSON, where a space means the same. */
function oneLine(text: string): string {
  return text.includes("\n") ? text.replaceAll("\n", " ") : text;
}
