import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A way to a TCP server that can be closed, with every connection on it, and opened again on the same port. */
export type Relay = AsyncDisposable & {
  readonly url: string;
  readonly open: () => void;
  readonly close: () => void;
};

/** Opens a way to the server of a URL; the URL that it gives is the same but for the port. */
export async function openRelay(target: URL): Promise<Relay> {
  const sockets = new Set<Socket>();
  const follow = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
  };
  let server: Server = listen(0);
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const url = new URL(target);
  url.host = `127.0.0.1:${port}`;
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    close,
    open: () => void (server = listen(port)),
    [Symbol.asyncDispose]: () => Promise.resolve(close()),
  };

  function listen(on: number): Server {
    const made = createServer((near) => {
      const far = connect(Number(target.port), target.hostname);
      for (const socket of [near, far]) follow(socket);
      near.pipe(far).pipe(near);
      near.on("close", () => far.destroy());
      far.on("close", () => near.destroy());
    });
    return made.listen(on, "127.0.0.1");
  }
}
