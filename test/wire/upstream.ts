import { createServer, type AddressInfo, type Socket } from "node:net";

/** Headers as they stood on the wire: in their order, their case and their number. */
export type Header = readonly [name: string, value: string];

/** A request as an upstream got it, and the means to answer with whatever bytes. */
export type Seen = {
  /** Which of the upstreams got it. */
  readonly upstream: string;
  readonly method: string;
  readonly target: string;
  /** The request line and the headers, as Latin-1. */
  readonly head: string;
  readonly headers: readonly Header[];
  /** The values of a header, with `, ` between; undefined where it did not come. */
  readonly header: (name: string) => string | undefined;
  /** When the head was there; milliseconds of this process's clock. */
  readonly at: number;
  /** The body without its chunks, when all of it has come. */
  readonly body: Promise<Buffer>;
  /** Resolves at the first byte of the body. */
  readonly firstByte: Promise<void>;
  /** Bytes of the body that have come so far. */
  readonly received: () => number;
  /** When the connection closed. */
  readonly closed: Promise<number>;
  readonly socket: Socket;
  /** Writes bytes as they are. */
  readonly write: (bytes: string | Uint8Array) => void;
  /** Writes bytes, and waits until the system has taken them. */
  readonly push: (bytes: Uint8Array) => Promise<void>;
  /** A whole answer with its length. */
  readonly answer: (answer?: ScriptedAnswer) => void;
  /** The head of an answer in chunks. */
  readonly begin: (headers?: readonly Header[], status?: string) => void;
  readonly chunk: (bytes: string | Uint8Array) => void;
  /** The last chunk. */
  readonly end: () => void;
  /** Ends the connection in the ordinary way, or without any manners. */
  readonly fin: () => void;
  readonly reset: () => void;
};

/** An answer that comes whole. */
export type ScriptedAnswer = {
  readonly status?: string;
  readonly headers?: readonly Header[];
  readonly body?: string | Uint8Array;
};

/** What an upstream does with a request. */
export type Script = (seen: Seen) => unknown;

/** A server that speaks whatever bytes a test wants. */
export type Upstream = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  /** Connections that it has accepted. */
  readonly connections: () => number;
};

/** Opens an upstream that gives every request to `script`. */
export async function openUpstream(name: string, script: Script): Promise<Upstream> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("end", () => socket.end());
    readRequests(name, socket, script);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A TCP server's address is never a pipe's name.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    connections: () => accepted,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<unknown>((resolve) => server.close(resolve));
    },
  };
}

/** A chunk as it goes over the wire. */
export function frame(bytes: string | Uint8Array): Buffer {
  const data = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n")]);
}

/** The head of an answer, as bytes. */
export function writeHead(status: string, headers: readonly Header[]): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`, "latin1");
}

function readRequests(upstream: string, socket: Socket, script: Script): void {
  const closed = new Promise<number>((resolve) => socket.on("close", () => resolve(performance.now())));
  let rest: Buffer = Buffer.alloc(0);
  let body: BodyReader | undefined;
  socket.on("data", (bytes: Buffer) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    for (;;) {
      if (body !== undefined) {
        rest = body.read(rest);
        if (!body.done()) return;
        body = undefined;
      }
      const end = rest.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = rest.subarray(0, end).toString("latin1");
      rest = rest.subarray(end + 4);
      body = createBodyReader(head);
      script(createSeen({ upstream, head, body, closed, socket }));
    }
  });
}

type Parts = Pick<Seen, "upstream" | "head" | "closed" | "socket"> & { readonly body: BodyReader };

function createSeen({ upstream, head, body, closed, socket }: Parts): Seen {
  const [line = "", ...rows] = head.split("\r\n");
  const [method = "", target = ""] = line.split(" ");
  const headers = rows.map((row): Header => [row.slice(0, row.indexOf(":")), row.slice(row.indexOf(":") + 1).trim()]);
  const write = (bytes: string | Uint8Array) => void socket.write(bytes);
  return {
    upstream,
    method,
    target,
    head,
    headers,
    header: (name) => findHeader(headers, name),
    at: performance.now(),
    body: body.whole,
    firstByte: body.first,
    received: body.received,
    closed,
    socket,
    write,
    push: async (bytes) => {
      if (!socket.write(bytes)) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
    },
    answer: ({ status = "200 OK", headers: given, body: bytes = "{}" } = {}) => {
      const data = Buffer.from(bytes);
      const length: Header = ["content-length", String(data.length)];
      const type: Header = ["content-type", "application/json"];
      write(Buffer.concat([writeHead(status, [...(given ?? [type]), length]), data]));
    },
    begin: (given: readonly Header[] = [["content-type", "text/event-stream"]], status = "200 OK") =>
      write(writeHead(status, [...given, inChunks])),
    chunk: (bytes) => write(frame(bytes)),
    end: () => write("0\r\n\r\n"),
    fin: () => socket.end(),
    reset: () => socket.resetAndDestroy(),
  };
}

const inChunks: Header = ["transfer-encoding", "chunked"];

/** The values of a header, with `, ` between. */
export function findHeader(headers: readonly Header[], wanted: string): string | undefined {
  const values = headers.filter(([name]) => name.toLowerCase() === wanted.toLowerCase());
  return values.length === 0 ? undefined : values.map(([, value]) => value).join(", ");
}

type BodyReader = {
  /** Takes what belongs to the body, and gives back the rest. */
  readonly read: (bytes: Buffer) => Buffer;
  readonly done: () => boolean;
  readonly received: () => number;
  readonly whole: Promise<Buffer>;
  readonly first: Promise<void>;
};

function createBodyReader(head: string): BodyReader {
  const chunked = /^transfer-encoding:.*chunked/im.test(head);
  const parts: Buffer[] = [];
  const whole = Promise.withResolvers<Buffer>();
  const first = Promise.withResolvers<void>();
  let received = 0;
  let left = chunked ? 0 : Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  let done = !chunked && left === 0;
  const finish = () => {
    done = true;
    whole.resolve(Buffer.concat(parts));
  };
  if (done) finish();

  const take = (bytes: Buffer): Buffer => {
    const part = bytes.subarray(0, left);
    if (part.length > 0) {
      parts.push(part);
      received += part.length;
      first.resolve();
    }
    left -= part.length;
    return bytes.subarray(part.length);
  };

  /** One step of chunked coding: a size, data, or the line end after data. */
  let afterData = false;
  const takeChunks = (bytes: Buffer): Buffer => {
    let rest = bytes;
    while (!done) {
      if (left > 0) {
        rest = take(rest);
        if (left > 0) return rest;
        afterData = true;
      }
      if (afterData) {
        if (rest.length < 2) return rest;
        rest = rest.subarray(2);
        afterData = false;
      }
      const lineEnd = rest.indexOf("\r\n");
      if (lineEnd < 0) return rest;
      const size = Number.parseInt(rest.subarray(0, lineEnd).toString("latin1"), 16);
      if (size === 0) {
        if (rest.length < lineEnd + 4) return rest;
        finish();
        return rest.subarray(lineEnd + 4);
      }
      left = size;
      rest = rest.subarray(lineEnd + 2);
    }
    return rest;
  };

  return {
    read: (bytes) => {
      if (done) return bytes;
      if (chunked) return takeChunks(bytes);
      const rest = take(bytes);
      if (left === 0) finish();
      return rest;
    },
    done: () => done,
    received: () => received,
    whole: whole.promise,
    first: first.promise,
  };
}
