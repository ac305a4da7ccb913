import { explainListenFault } from "../lib/listen-fault.ts";
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
    throw nameManagementAddress(parts, error);
  }
}

/** Names the setting in what keeps a listener from that address; any other error stays as it is. */
export function nameManagementAddress({ host, port }: Pick<OwnServerParts, "host" | "port">, cause: unknown): unknown {
  const address = `MANAGEMENT_LISTEN_ADDR ${host}:${port}`;
  const place = { port: address, host: address, otherPort: "in MANAGEMENT_LISTEN_ADDR" };
  const message = explainListenFault(place, cause);
  return message === undefined ? cause : new Error(message, { cause });
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
