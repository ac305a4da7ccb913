import type { FakeRequest } from "./langfuse-store.ts";
import { type DecodedSpan, decodeOtlp, OtlpFault } from "./otlp-decode.ts";

/** The spans of an export; throws an `OtlpFault` where a current client would not have sent it so. */
export function readExport(headers: Headers, body: Uint8Array | undefined): readonly DecodedSpan[] {
  const version = headers.get("x-langfuse-ingestion-version");
  if (version !== "4") throw new OtlpFault(`x-langfuse-ingestion-version is ${version}, not 4`);
  const type = headers.get("content-type") ?? "";
  if (!type.startsWith("application/json")) throw new OtlpFault(`content-type is ${type}, not application/json`);
  if (body === undefined) throw new OtlpFault("the body is not compressed as its content-encoding says");
  return decodeOtlp(readText(body));
}

function readText(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new OtlpFault("the body is no UTF-8");
  }
}

/** A body without its content-encoding; `undefined` where it isn't what that says. */
export function decompress({ headers, body }: FakeRequest): Uint8Array | undefined {
  const encoding = headers.get("content-encoding");
  if (encoding === null) return body;
  try {
    return encoding === "gzip" ? Bun.gunzipSync(body) : undefined;
  } catch {
    return undefined;
  }
}
