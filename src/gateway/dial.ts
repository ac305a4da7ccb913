import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { Refusal } from "../domain/refusal.ts";
import { ConsumerLeft } from "./call.ts";
import type { UpstreamHead } from "./upstream-request.ts";

/** What came of asking an upstream for a socket. */
export type Dialled =
  | { readonly kind: "open"; readonly socket: WebSocket; readonly headers: Headers }
  /** It answered with plain HTTP instead. */
  | { readonly kind: "answered"; readonly response: Response };

/** How a socket is asked for; bytes and milliseconds. */
export type DialParts = {
  readonly maxMessageBytes: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Gives up where no connection stands in time; gives what stops that. */
  readonly watchConnect: (giveUp: (why: Error) => void) => () => void;
};

/** What of a refused upgrade's body is passed on. Bytes. */
const maxRefusalBytes = 65_536;

/** Opens a socket upstream, paused; throws a `Refusal` where nothing answers, or `ConsumerLeft`. */
export function dial(
  { url, headers: sent }: UpstreamHead,
  { maxMessageBytes, timeoutMs, signal, watchConnect }: DialParts,
): Promise<Dialled> {
  const { "sec-websocket-protocol": offered, ...rest } = sent;
  const kept = Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith("sec-websocket-")));
  const protocols = offered?.split(",").map((name) => name.trim()) ?? [];
  const socket = new WebSocket(url.replace(/^http/, "ws"), protocols, {
    headers: kept,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    followRedirects: false,
  });
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>();
  const giveUp = (why: Error) => {
    reject(why);
    socket.terminate();
  };
  const leave = () => giveUp(new ConsumerLeft("The consumer closed the connection before its socket was open."));
  signal.addEventListener("abort", leave);
  const timer = timeoutMs > 0 ? setTimeout(() => giveUp(new Refusal("upstream_timeout")), timeoutMs) : undefined;
  const unwatch = watchConnect(giveUp);
  let headers = new Headers();
  socket.once("upgrade", (message: IncomingMessage) => {
    headers = readHeaders(message);
  });
  socket.once("open", () => {
    socket.pause();
    resolve({ kind: "open", socket, headers });
  });
  socket.once("unexpected-response", (_request: unknown, message: IncomingMessage) => {
    readAnswer(message).then((response) => resolve({ kind: "answered", response }), reject);
  });
  socket.on("error", (cause) => reject(new Refusal("upstream_unreachable", { cause })));
  return promise.finally(() => {
    // The signal fires at the end of an open socket too, whose close code has to go up first.
    signal.removeEventListener("abort", leave);
    clearTimeout(timer);
    unwatch();
  });
}

async function readAnswer(message: IncomingMessage): Promise<Response> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, maxRefusalBytes - size));
    size += chunk.length;
    if (size >= maxRefusalBytes) break;
  }
  return new Response(Buffer.concat(chunks), { status: message.statusCode ?? 502, headers: readHeaders(message) });
}

function readHeaders(message: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headers))
    for (const each of [value ?? []].flat()) headers.append(name, each);
  return headers;
}
