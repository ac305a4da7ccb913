import { notFound, type OwnPaths } from "./own-paths.ts";

/** A listener for what Weir answers itself. */
export type OwnServer = {
  readonly url: string;
  /** Closes it with every connection. */
  readonly end: () => Promise<void>;
};

/** What it is opened with. */
export type OwnServerParts = {
  readonly host: string;
  readonly port: number;
  readonly findOwn: OwnPaths["find"];
  /** Several processes share the port. */
  readonly reusePort: boolean;
};

/** Opens a listener of its own for management and metrics; throws where the address can't be had. */
export function openOwnServer(parts: OwnServerParts): OwnServer {
  try {
    return open(parts);
  } catch (error) {
    const inUse = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    if (!inUse) throw error;
    throw new Error(
      `MANAGEMENT_LISTEN_ADDR ${parts.host}:${parts.port} is in use. Stop what listens there, or choose another port.`,
      { cause: error },
    );
  }
}

function open({ host, port, findOwn, reusePort }: OwnServerParts): OwnServer {
  const server = Bun.serve({
    hostname: host,
    port,
    reusePort,
    development: false,
    // A slow answer of the database is none that hangs. Seconds.
    idleTimeout: 75,
    fetch: (request, listener) =>
      findOwn(request)?.(request, () => listener.requestIP(request)?.address ?? "") ?? notFound(),
    error: () => Response.json({ error: { message: "The gateway failed.", code: "internal_error" } }, { status: 500 }),
  });
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${server.port}`,
    end: () => server.stop(true),
  };
}
