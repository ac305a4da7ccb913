import type { Server, ServerWebSocket } from "bun";
import { waitFor } from "../weir.ts";

/** What an upstream does with an upgrade and with what follows. */
export type SocketScript = {
  /** Answers with plain HTTP in place of an upgrade. */
  readonly refuse?: () => Response;
  /** The subprotocol that it picks. */
  readonly protocol?: string;
  /** What else its 101 carries. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly open?: (socket: UpstreamSocket) => void;
  readonly message?: (socket: UpstreamSocket, data: string | Buffer) => void;
};

/** The upstream's end of a socket. */
export type UpstreamSocket = ServerWebSocket<SocketData>;

type SocketData = { readonly script: SocketScript; readonly visit: Visit };

/** An upgrade as the upstream got it, and how its socket ended. */
export type Visit = {
  readonly path: string;
  readonly headers: Headers;
  closed?: { readonly code: number; readonly reason: string };
};

/** An upstream that speaks WebSocket; a request's `script` parameter says by whose script. */
export type SocketUpstream = {
  readonly url: string;
  readonly scripts: Map<string, SocketScript>;
  readonly visits: Map<string, Visit>;
  readonly stop: () => Promise<void>;
};

/** Opens one on a free port. */
export function openSocketUpstream(): SocketUpstream {
  const scripts = new Map<string, SocketScript>();
  const visits = new Map<string, Visit>();
  const server: Server<SocketData> = Bun.serve<SocketData>({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, listener) {
      const url = new URL(request.url);
      const name = url.searchParams.get("script") ?? "";
      const script = scripts.get(name) ?? {};
      const visit: Visit = { path: url.pathname + url.search, headers: request.headers };
      visits.set(name, visit);
      if (script.refuse !== undefined) return script.refuse();
      const headers = new Headers(script.protocol === undefined ? {} : { "sec-websocket-protocol": script.protocol });
      for (const [header, value] of script.headers ?? []) headers.append(header, value);
      const upgraded = listener.upgrade(request, { data: { script, visit }, headers });
      return upgraded ? undefined : new Response("This is a WebSocket", { status: 400 });
    },
    websocket: {
      maxPayloadLength: 1 << 28,
      backpressureLimit: 1 << 30,
      open: (socket) => socket.data.script.open?.(socket),
      message: (socket, data) => socket.data.script.message?.(socket, data),
      close(socket, code, reason) {
        socket.data.visit.closed = { code, reason };
      },
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, scripts, visits, stop: () => server.stop(true) };
}

/** A consumer's end of a socket. */
export type ConsumerSocket = {
  readonly socket: WebSocket;
  readonly received: (string | Buffer)[];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** Waits for so many messages. */
  readonly until: (count: number, limitMs?: number) => Promise<void>;
};

/** Opens a socket; rejects where the upgrade is refused. */
export async function openConsumer(
  url: string,
  {
    headers = {},
    protocols = [],
  }: { readonly headers?: Readonly<Record<string, string>>; readonly protocols?: readonly string[] } = {},
): Promise<ConsumerSocket> {
  const socket = new WebSocket(url, { headers: { ...headers }, protocols: [...protocols] });
  socket.binaryType = "nodebuffer";
  const received: (string | Buffer)[] = [];
  socket.addEventListener("message", ({ data }) =>
    received.push(typeof data === "string" ? data : Buffer.from(data as Buffer)),
  );
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason })),
  );
  const opened = Promise.withResolvers<void>();
  socket.addEventListener("open", () => opened.resolve());
  socket.addEventListener("error", () => opened.reject(new Error("The upgrade was refused")));
  await opened.promise;
  return {
    socket,
    received,
    closed,
    until: async (count, limitMs) => {
      await waitFor(
        () => (received.length >= count ? true : undefined),
        () => `${received.length} of ${count} messages came; the last is ${String(received.at(-1)).slice(0, 300)}`,
        limitMs,
      );
    },
  };
}
