import { createMessageReader, headerOf, parseHead, requestFraming } from "./http1.ts";
import type { Header, MessageReader } from "./http1.ts";
import { createOutlet } from "./outlet.ts";
import type { Outlet } from "./outlet.ts";
import type { Ending, Reply, UpgradedHandlers } from "./reply.ts";
import { writeReply } from "./write-reply.ts";

/** One request, whole. */
export type HttpRequest = {
  readonly method: string;
  /** As it stood in the request line. */
  readonly target: string;
  readonly headers: readonly Header[];
  /** The body as it came, still encoded where it was; absent where it was larger than is taken. */
  readonly body: Uint8Array | undefined;
};

/** A server on a raw socket, so that an answer can end as an answer shouldn't. */
export type HttpServer = { readonly port: number; readonly stop: () => void };

/** Must not throw; the next request of a connection waits for the reply to this one. */
export type HttpHandler = (request: HttpRequest) => Reply | Promise<Reply>;

type Socket = Bun.Socket<Connection>;
type Connection = {
  readonly data: (bytes: Uint8Array) => void;
  readonly drain: () => void;
  readonly close: () => void;
};

/** More requests than this in one pipeline, and the connection is cut. */
const maxPipelined = 64;

/** Listens; throws where the address can't be had. */
export function listenHttp({
  host,
  port,
  maxBodyBytes,
  handle,
}: {
  readonly host: string;
  readonly port: number;
  readonly maxBodyBytes: number;
  readonly handle: HttpHandler;
}): HttpServer {
  const listener = Bun.listen<Connection>({
    hostname: host,
    port,
    socket: {
      open(socket) {
        socket.setNoDelay(true);
        socket.data = createConnection(socket, { maxBodyBytes, handle });
      },
      data: (socket, bytes) => socket.data.data(bytes),
      drain: (socket) => socket.data.drain(),
      close: (socket) => socket.data.close(),
    },
  });
  return { port: listener.port, stop: () => listener.stop(true) };
}

function createConnection(
  socket: Socket,
  { maxBodyBytes, handle }: { readonly maxBodyBytes: number; readonly handle: HttpHandler },
): Connection {
  const outlet = createOutlet(socket);
  const gone = new AbortController();
  const waiting: HttpRequest[] = [];
  let busy = false;
  let upgraded: UpgradedHandlers | undefined;
  const end = (): void => void socket.end();
  const reset = (): void => socket.terminate();

  const reader = createRequestReader({ outlet, maxBodyBytes, take, bad: refuse });
  return {
    data: (bytes) => (upgraded === undefined ? reader.push(bytes) : upgraded.data(bytes)),
    drain: outlet.drained,
    close() {
      outlet.closed();
      gone.abort();
    },
  };

  function take(request: HttpRequest): void {
    if (waiting.length >= maxPipelined) return reset();
    waiting.push(request);
    if (!busy) void work();
  }

  async function work(): Promise<void> {
    busy = true;
    for (let request = waiting.shift(); request !== undefined; request = waiting.shift()) {
      if (!(await answer(request))) break;
    }
    busy = false;
  }

  async function answer(request: HttpRequest): Promise<boolean> {
    const reply = await handle(request);
    const before = outlet.accepted();
    const wire = { outlet, signal: gone.signal, end, reset };
    const ending = await writeReply(wire, reply, { headOnly: request.method === "HEAD" }).catch(breakOff);
    reply.ended?.(ending, outlet.accepted() - before);
    if (ending !== "complete") return false;
    if (reply.upgrade !== undefined) {
      upgraded = reply.upgrade({ write: outlet.write, end, reset, signal: gone.signal });
      return false;
    }
    if (!closes(request)) return true;
    end();
    return false;
  }

  /** A body whose making failed can't be ended in order. */
  function breakOff(): Ending {
    reset();
    return "cut";
  }

  function refuse(): void {
    void outlet.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    end();
  }
}

/** Puts requests together from a connection's bytes, and asks for a body that waits to be asked for. */
function createRequestReader({
  outlet,
  maxBodyBytes,
  take,
  bad,
}: {
  readonly outlet: Outlet;
  readonly maxBodyBytes: number;
  readonly take: (request: HttpRequest) => void;
  readonly bad: () => void;
}): MessageReader {
  let head = parseHead(new Uint8Array(0));
  let pieces: Uint8Array[] = [];
  let size = 0;

  return createMessageReader({
    head(bytes) {
      head = parseHead(bytes);
      pieces = [];
      size = 0;
      if (headerOf(head.headers, "expect")?.toLowerCase() === "100-continue") {
        void outlet.write("HTTP/1.1 100 Continue\r\n\r\n");
      }
      return requestFraming(head.headers);
    },
    body(bytes) {
      size += bytes.length;
      if (size <= maxBodyBytes) pieces.push(bytes);
      else pieces = [];
    },
    end() {
      const [method = "", target = ""] = head.startLine.split(" ");
      const body = size > maxBodyBytes ? undefined : whole(pieces);
      pieces = [];
      take({ method, target, headers: head.headers, body });
    },
    bad,
  });
}

function whole(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  return only !== undefined && pieces.length === 1 ? only : Buffer.concat(pieces);
}

function closes(request: HttpRequest): boolean {
  return headerOf(request.headers, "connection")?.toLowerCase().includes("close") === true;
}
