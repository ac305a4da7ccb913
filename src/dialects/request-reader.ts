import { decode } from "../lib/decode.ts";
import { readMultipart } from "../lib/multipart.ts";
import { parseJson } from "../lib/parse-json.ts";
import { salvageJson } from "../lib/salvage.ts";
import { actualForm, declaredForm, isTelling, mediaType } from "./body-form.ts";
import type { Dialect, RequestFacts, RequestPlace } from "./dialect.ts";

/** A request's body as far as it was kept: all of it, or its first and last part. */
export type RequestBody = {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly head: Uint8Array;
  readonly tail?: Uint8Array;
  /** Every byte that went over the wire, kept or not. */
  readonly total: number;
};

const utf8 = new TextDecoder();

/** Reads what a request says; of a body that was cut what is whole in it, and of one that is no JSON and no form what its place says. */
export function readRequest(dialect: Dialect, place: RequestPlace, body: RequestBody): RequestFacts {
  return dialect.readRequest(readBody(body), place);
}

function readBody(body: RequestBody): unknown {
  const plain = body.contentEncoding ? decodeBody(body, body.contentEncoding) : body;
  const first = plain?.head.find(isTelling);
  if (!plain || first === undefined) return undefined;
  const form = actualForm(declaredForm(mediaType(plain.contentType)), first);
  if (form === "json") return readJson(plain);
  if (form === "lines") return readLines(plain);
  return form === "form" ? readMultipart(plain.contentType ?? "", plain) : undefined;
}

/** After a gap nothing can be decoded, so an encoded body is what its first part holds. */
function decodeBody({ contentType, head, tail, total }: RequestBody, contentEncoding: string): RequestBody | undefined {
  const decoded = decode(head, contentEncoding);
  if (!decoded) return undefined;
  const missing = tail || total > head.length || !decoded.whole ? 1 : 0;
  return { contentType, head: decoded.bytes, total: decoded.bytes.length + missing };
}

function readJson({ head, tail, total }: RequestBody): unknown {
  const whole = total === head.length ? parseJson(utf8.decode(head)) : undefined;
  if (whole !== undefined) return whole;
  return salvageJson(new TextDecoder().decode(head, { stream: true }), tail && utf8.decode(tail));
}

/** The messages that a consumer sent over a WebSocket: one is read like a body, several are a list. */
function readLines({ head }: RequestBody): unknown {
  const values = utf8
    .decode(head)
    .split("\n")
    .map(parseJson)
    .filter((value) => value !== undefined);
  return values.length > 1 ? values : values[0];
}
