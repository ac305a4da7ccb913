import { createConnection, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** A server that speaks whatever bytes a test wants. */
export type RawServer = AsyncDisposable & {
  readonly port: number;
  readonly url: string;
  readonly sockets: readonly Socket[];
};

/** Listens on a free port of the loopback address; every connection is given to the test. */
export async function listen(onConnection: (socket: Socket, index: number) => void): Promise<RawServer> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    onConnection(socket, sockets.push(socket) - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A TCP server's address is never a pipe's name.
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<unknown>((resolve) => server.close(resolve));
    },
  };
}

/** A server that answers each request as soon as its head is there; `count` counts them on each connection. */
export function listenForHeads(answer: (socket: Socket, head: string, count: number) => void): Promise<RawServer> {
  return listen((socket) => {
    let kept = "";
    let count = 0;
    socket.on("data", (bytes) => {
      kept += bytes.toString("latin1");
      // What stands before a request line is the rest of a body.
      kept = kept.replaceAll(/[^]*?([A-Z]+ \S+ HTTP\/1\.1\r\n[^]*?\r\n\r\n)/g, (_all, head: string) => {
        answer(socket, head, count++);
        return "";
      });
    });
  });
}

/** What a connection gave until it ended, and how it ended. */
export type Received = { readonly text: string; readonly end: "fin" | "reset" | "open" };

/** Sends bytes, and reads until the other side ends or `until` has arrived. */
export async function send(port: number, bytes: string, until?: RegExp): Promise<Received> {
  const client = connect(port);
  client.socket.write(bytes, "latin1");
  const received = await client.read(until);
  client.socket.destroy();
  return received;
}

/** A connection of a test's own, whose bytes are read as Latin-1. */
export type RawClient = { readonly socket: Socket; readonly read: (until?: RegExp) => Promise<Received> };

/** Opens a connection to the loopback address. */
export function connect(port: number, { paused = false } = {}): RawClient {
  const socket = createConnection({ port, host: "127.0.0.1", allowHalfOpen: true });
  let text = "";
  let end: Received["end"] = "open";
  let check = (): void => {};
  socket.on("data", (bytes) => {
    text += bytes.toString("latin1");
    check();
  });
  socket.on("end", () => {
    end = "fin";
    check();
  });
  socket.on("error", () => {
    end = "reset";
    check();
  });
  if (paused) socket.pause();
  return {
    socket,
    read: (until) =>
      new Promise((resolve) => {
        check = () => {
          if (end !== "open" || until?.test(text) === true) resolve({ text, end });
        };
        check();
      }),
  };
}

/** The body of an answer that came in chunks, and whether its last chunk did too. */
export function readChunked(text: string): { readonly body: string; readonly whole: boolean } {
  let rest = text.slice(text.indexOf("\r\n\r\n") + 4);
  let body = "";
  for (;;) {
    const size = Number.parseInt(rest, 16);
    if (Number.isNaN(size)) return { body, whole: false };
    if (size === 0) return { body, whole: true };
    const start = rest.indexOf("\r\n") + 2;
    body += rest.slice(start, start + size);
    rest = rest.slice(start + size + 2);
  }
}

/** The code of an error, by which the ways to fail are told apart. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : error;
}
