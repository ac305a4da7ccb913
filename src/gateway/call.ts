import { Refusal } from "../domain/refusal.ts";
import type { Arrival, HeaderValues } from "./arrival.ts";
import type { Grant } from "./credential.ts";
import { decide } from "./decide.ts";
import { type ChunkReader, createUpload, type Upload } from "./upload.ts";
import type { Route } from "./route.ts";
import type { Ticket } from "./ticket.ts";
import { spliceUsage } from "./usage-splice.ts";

/** A request's body on its way up: held whole where we look into it, a stream elsewhere. */
export type CallBody =
  | { readonly kind: "none" }
  | { readonly kind: "whole"; readonly bytes: Uint8Array; readonly sent: Uint8Array }
  | {
      readonly kind: "stream";
      readonly upload: Upload;
      /** So much of it is here already. */
      readonly knownBytes: number;
    };

/** Where a request goes, and what it is let go with. */
export type Leave = { readonly route: Route; readonly grant: Grant };

/** A request that we have read and can route. */
export type Call = Arrival &
  Leave & {
    readonly body: CallBody;
    /** Its stream was made to tell its usage, and the consumer must not see that. */
    readonly spliced: boolean;
    /** What it has taken of limits and budgets. */
    readonly ticket?: Ticket;
  };

/** How much of a body is looked into, and how long we wait for it. Bytes and milliseconds; 0 switches a bound off. */
export type CallLimits = {
  readonly maxInspectBytes: number;
  readonly maxBodyBytes: number;
  readonly clientIdleTimeoutMs: number;
  /** Bytes of a streamed body that are kept for the record. */
  readonly keepBytes: number;
  /** The monotonic clock. */
  readonly elapsed: () => number;
};

/** The consumer closed its connection before it had its answer. */
export class ConsumerLeft extends Error {
  override readonly name = "ConsumerLeft";
}

/**
 * A body of up to this many bytes is one read: it fits into what a socket takes at once, and in pieces it would cost twice
 * as much. Meanwhile the runtime tells nobody whether anything comes, so that all of it has the time of one pause.
 */
const oneRead = 65_536;

/** What has to be known of a body beside what its own type asks for. */
export type BodyNeeds = {
  /** A body of whatever type is held whole, and a larger one is refused with this. */
  readonly tooLargeToHold?: (() => Refusal) | undefined;
  /** A form, and a body that may be JSON though its type doesn't say so, is held whole, where it isn't too large. */
  readonly guesses?: boolean;
};

/** Reads a request's body as far as it has to be looked into; throws a `Refusal`, or `ConsumerLeft`. */
export async function readCall(
  arrival: Arrival,
  leave: Leave,
  limits: CallLimits,
  { tooLargeToHold, guesses = false }: BodyNeeds = {},
): Promise<Call> {
  const { headers } = arrival;
  const size = readSize(headers, limits);
  if (size === 0) return createCall(arrival, leave, { kind: "none" });
  const isLarge = (size ?? 0) > limits.maxInspectBytes;
  if (isLarge && tooLargeToHold) throw tooLargeToHold();
  const json = isJson(headers["content-type"]);
  const held = json || tooLargeToHold !== undefined || (guesses && mayNameModel(headers["content-type"]));
  if (isLarge || !held) return createCall(arrival, leave, readStream(arrival, limits, []));
  const body =
    size === undefined || size > oneRead
      ? await readChunks(arrival, limits, tooLargeToHold)
      : whole(await withinIdle(arrival.request.bytes(), arrival, limits));
  return json ? createCall(arrival, leave, body) : { ...arrival, ...leave, body, spliced: false };
}

/** What the head says of the body's length; `undefined` where there is one and it doesn't say. */
function readSize(headers: HeaderValues, limits: CallLimits): number | undefined {
  const declared = headers["content-length"];
  if (declared === undefined) return "transfer-encoding" in headers ? undefined : 0;
  const size = Number(declared);
  if (limits.maxBodyBytes > 0 && size > limits.maxBodyBytes) throw tooLarge(limits);
  return size;
}

function createCall(arrival: Arrival, { route, grant }: Leave, body: CallBody): Call {
  const sent = body.kind === "whole" && isSpliceable(arrival, route, grant) ? spliceUsage(body.bytes) : undefined;
  if (sent === undefined || body.kind !== "whole") return { ...arrival, route, grant, body, spliced: false };
  return { ...arrival, route, grant, body: { ...body, sent }, spliced: true };
}

function isSpliceable({ method, headers }: Arrival, { dialect, provider }: Route, grant: Grant): boolean {
  return (
    dialect.name === "openai-chat" &&
    decide({ grant }, "streamUsage", provider.streamUsage) === "inject" &&
    method === "POST" &&
    !("content-encoding" in headers)
  );
}

/** Whether a content type says JSON. */
export function isJson(type: string | undefined): boolean {
  return type !== undefined && /^\s*application\/(?:[\w.+-]+\+)?json\b/i.test(type);
}

/** Some providers read JSON of any type but those that are something else for sure; forms name a model too. */
function mayNameModel(type: string | undefined): boolean {
  return isForm(type) || !/^\s*(?:multipart|image|audio|video|font)\//i.test(type ?? "");
}

/** Whether a content type says a form that may have files in it. */
export function isForm(type: string | undefined): boolean {
  return type !== undefined && /^\s*multipart\/form-data\b/i.test(type);
}

/** A body of unknown or notable length is collected until it is whole, or has grown beyond what we look into. */
async function readChunks(arrival: Arrival, limits: CallLimits, tooLargeToHold?: () => Refusal): Promise<CallBody> {
  const reader: ChunkReader | undefined = arrival.request.body?.getReader();
  if (!reader) return { kind: "none" };
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await withinIdle(reader.read(), arrival, limits);
    if (done || !value)
      return whole(chunks.length === 1 ? (chunks[0] ?? new Uint8Array()) : Buffer.concat(chunks, size));
    chunks.push(value);
    size += value.length;
    if (limits.maxBodyBytes > 0 && size > limits.maxBodyBytes) throw giveUp(reader, tooLarge(limits));
    if (size <= limits.maxInspectBytes) continue;
    if (!tooLargeToHold) return readStream(arrival, limits, chunks, reader);
    throw giveUp(reader, tooLargeToHold());
  }
}

/** Reads no more of a body that is refused; how that ends tells nothing any more. */
function giveUp(reader: ChunkReader, refusal: Refusal): Refusal {
  reader.cancel().catch(() => {});
  return refusal;
}

function whole(bytes: Uint8Array): CallBody {
  return { kind: "whole", bytes, sent: bytes };
}

function readStream(arrival: Arrival, limits: CallLimits, first: Uint8Array[], reader?: ChunkReader): CallBody {
  const source = reader ?? arrival.request.body?.getReader();
  if (!source) return { kind: "none" };
  const upload = createUpload({
    reader: source,
    first,
    keepBytes: limits.keepBytes,
    maxBytes: limits.maxBodyBytes,
    idleMs: limits.clientIdleTimeoutMs,
    tooLarge: () => tooLarge(limits),
    tooSlow: () => new Refusal("request_timeout", closing),
  });
  return { kind: "stream", upload, knownBytes: first.reduce((sum, { length }) => sum + length, 0) };
}

function tooLarge({ maxBodyBytes }: CallLimits): Refusal {
  return new Refusal("body_too_large", {
    message: `This request's body is larger than ${maxBodyBytes} bytes, the most that is taken here. Send a smaller one.`,
    headers: { connection: "close" },
  });
}

/** Waits for bytes of the consumer; a pause that is too long and a connection that ends are different errors. */
function withinIdle<T>(read: Promise<T>, { watch }: Arrival, { clientIdleTimeoutMs, elapsed }: CallLimits): Promise<T> {
  return new Promise((resolve, reject) => {
    watch.onOver = (why) =>
      reject(why === "late" ? new Refusal("request_timeout", closing) : new Refusal("draining", closing));
    if (clientIdleTimeoutMs > 0) watch.deadline = elapsed() + clientIdleTimeoutMs;
    const end = (bytes: T) => {
      watch.deadline = Number.POSITIVE_INFINITY;
      resolve(bytes);
    };
    read.then(end, (cause: unknown) =>
      reject(new ConsumerLeft("The consumer closed the connection while its request was being read.", { cause })),
    );
  });
}

const closing = { headers: { connection: "close" } };
