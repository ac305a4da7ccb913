import { objectOf, parseJson } from "../json.ts";
import type { Json } from "../json.ts";

/** What a `multipart/related` upload holds: a description in JSON, and a file, of which its type and size are kept. */
export type RelatedUpload = { readonly about: Json; readonly type: string; readonly size: number };

/** Reads a `multipart/related` body (RFC 2387) of two parts; `undefined` where it is none. */
export function readRelatedUpload(contentType: string, body: Uint8Array): RelatedUpload | undefined {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined) return undefined;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const first = partAfter(bytes, boundary, 0);
  const second = first && partAfter(bytes, boundary, first.end);
  if (first === undefined || second === undefined) return undefined;
  return {
    about: objectOf(parseJson(bytes.toString("utf8", first.start, first.end))),
    type: /^content-type:\s*([^\s;]+)/im.exec(second.head)?.[1] ?? "application/octet-stream",
    size: second.end - second.start,
  };
}

type Part = { readonly head: string; readonly start: number; readonly end: number };

/** Line ends are taken with and without a carriage return. */
function partAfter(bytes: Buffer, boundary: string, from: number): Part | undefined {
  const mark = bytes.indexOf(`--${boundary}`, from);
  if (mark < 0) return undefined;
  const crlf = bytes.indexOf("\r\n\r\n", mark);
  const lf = bytes.indexOf("\n\n", mark);
  const blank = crlf >= 0 && (lf < 0 || crlf < lf) ? { at: crlf, length: 4 } : { at: lf, length: 2 };
  if (blank.at < 0) return undefined;
  const start = blank.at + blank.length;
  const next = bytes.indexOf(`\n--${boundary}`, start - 1);
  if (next < 0) return undefined;
  return { head: bytes.toString("latin1", mark, blank.at), start, end: bytes[next - 1] === 13 ? next - 1 : next };
}
