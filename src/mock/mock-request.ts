import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";
import { headerOf } from "./http1.ts";
import type { HttpRequest } from "./http-server.ts";
import { objectOf, parseJson } from "./json.ts";
import type { Json } from "./json.ts";

/** A request as dialects read it. */
export type MockRequest = HttpRequest & {
  /** Without the query, as it came. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The value of a field by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** The body with its encoding undone; empty where it can't be read. */
  readonly bytes: () => Uint8Array;
  /** The body as a JSON object; `undefined` where it is none. */
  readonly json: () => Json | undefined;
};

const largestDecoded = 268_435_456;

/** Reads a request; nothing of the body until it is asked for. */
export function readRequest(request: HttpRequest): MockRequest {
  const mark = request.target.indexOf("?");
  const path = mark < 0 ? request.target : request.target.slice(0, mark);
  const header = (name: string): string | undefined => headerOf(request.headers, name);
  const bytes = (): Uint8Array => decode(request.body ?? new Uint8Array(0), header("content-encoding"));
  return {
    ...request,
    path,
    query: new URLSearchParams(mark < 0 ? "" : request.target.slice(mark + 1)),
    header,
    bytes,
    json() {
      const value = parseJson(Buffer.from(bytes()).toString("utf8"));
      return objectOf(value) === value ? objectOf(value) : undefined;
    },
  };
}

/** Whether any of these fields or query parameters holds something that could be a credential; none is ever checked. */
export function hasCredential(
  request: MockRequest,
  { headers, query = [] }: { readonly headers: readonly string[]; readonly query?: readonly string[] },
): boolean {
  const told = (value: string | undefined | null): boolean => (value ?? "").replace(/^bearer\s*/i, "") !== "";
  return headers.some((name) => told(request.header(name))) || query.some((name) => told(request.query.get(name)));
}

function decode(body: Uint8Array, encoding: string | undefined): Uint8Array {
  const limit = { maxOutputLength: largestDecoded };
  try {
    switch (encoding?.toLowerCase()) {
      case "gzip":
        return gunzipSync(body, limit);
      case "deflate":
        return inflateSync(body, limit);
      case "br":
        return brotliDecompressSync(body, limit);
      case "zstd":
        return zstdDecompressSync(body, limit);
      default:
        return body;
    }
  } catch {
    return new Uint8Array(0);
  }
}
