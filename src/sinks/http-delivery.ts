import type { DeliveryResult, SinkParts } from "./sink.ts";

/** A service that takes deliveries over HTTP. */
export type HttpService = Pick<SinkParts, "fetch" | "now"> & {
  /** For people: `Langfuse`. */
  readonly name: string;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** What must not appear in a reason, though an answer may quote it. */
  readonly secrets: readonly string[];
  /** What an operator does about a status: `401: "check …"`. */
  readonly advice?: Readonly<Record<number, string>>;
};

/** An answer as far as it matters here. */
export type HttpAnswer = { readonly status: number; readonly headers: Headers; readonly text: string };

/** Why a request got no answer, in words for people. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

const answerBytes = 65_536;
const quotedLength = 300;
const longestWaitMs = 3_600_000;

/** Sends a request, following no redirect, and reads the beginning of its answer; throws a `NoAnswerError`. */
export async function requestHttp(service: HttpService, url: string, init: RequestInit): Promise<HttpAnswer> {
  try {
    const response = await service.fetch(url, {
      ...init,
      headers: { ...service.headers, ...headersOf(init) },
      redirect: "manual",
    });
    return { status: response.status, headers: response.headers, text: await readStart(response) };
  } catch (error) {
    throw new NoAnswerError(`${service.name} at ${originOf(url)} ${failure(error, init.signal)}`, { cause: error });
  }
}

/** What an answer means for the batch that was sent; `undefined` where it was taken. */
export function judgeAnswer(service: HttpService, { status, headers, text }: HttpAnswer): DeliveryResult | undefined {
  const page = isPage(text);
  if (status >= 200 && status < 300 && !page) return undefined;
  const reason = describeAnswer(service, { status, headers, text });
  // A page comes from something in front of the service; of those, what is too large for it stays too large.
  if (status === 413 || ((status === 400 || status === 422) && !page)) return { kind: "refused", reason };
  return { kind: "retry", reason, afterMs: retryAfterMs(headers.get("retry-after"), service.now()) };
}

/** A status, what to do about it, and what the service said, in one line without secrets. */
export function describeAnswer(service: HttpService, { status, headers, text }: HttpAnswer): string {
  const redirect =
    status >= 300 && status < 400
      ? `redirects to ${originOf(headers.get("location"))}, which is not followed`
      : undefined;
  const page = isPage(text) ? "a web page" : quoteAnswer(service, text);
  const parts = [`${service.name} answered ${status}`, redirect, service.advice?.[status], page];
  return parts.filter((part) => part !== undefined && part !== "").join(": ");
}

/** What a service said, in one short line without secrets. */
export function quoteAnswer({ secrets }: Pick<HttpService, "secrets">, text: string): string {
  const line = secrets
    .filter((secret) => secret !== "")
    .reduce((kept, secret) => kept.replaceAll(secret, "…"), text)
    .replaceAll(/\s+/g, " ")
    .trim();
  return line.length <= quotedLength ? line : `${line.slice(0, quotedLength)}…`;
}

/** Milliseconds that a `retry-after` asks for, as seconds or as a date, at most an hour. */
function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const ms = /^\s*\d+(?:\.\d+)?\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), longestWaitMs) : undefined;
}

function isPage(text: string): boolean {
  return /^\s*</.test(text);
}

function headersOf(init: RequestInit): Record<string, string> {
  return Object.fromEntries(new Headers(init.headers));
}

/** The beginning of a body; the rest is not waited for. */
async function readStart(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  const body: ReadableStream<Uint8Array> | null = response.body;
  let text = "";
  let bytes = 0;
  if (body === null) return text;
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    bytes += chunk.byteLength;
    if (bytes >= answerBytes) break;
  }
  return text;
}

function failure(error: unknown, signal: AbortSignal | null | undefined): string {
  if (signal?.aborted === true) return "did not answer in time";
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  return `could not be reached${code === undefined ? "" : ` (${code})`}`;
}

/** Without path and query, which may hold a signature. */
function originOf(url: string | null): string {
  return url !== null && URL.canParse(url) ? new URL(url).origin : "another address";
}
