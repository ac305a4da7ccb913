import type { Server, WebSocketHandler } from "bun";
import { Refusal } from "../domain/refusal.ts";
import type { Gateway } from "./gateway.ts";
import type { OwnPaths } from "./own-paths.ts";
import { createRefusalResponse } from "./refuse.ts";

/** A listening gateway. */
export type GatewayServer = {
  readonly url: string;
  readonly port: number;
  /** Takes no new connections; those that are open go on. */
  readonly close: () => void;
  /** Waits until what was answered has been sent, `withinMs` at most, and ends every connection that is left. */
  readonly end: (withinMs: number) => Promise<void>;
  /** The address of who is connected, while a request is under way. */
  readonly peer: (request: Request) => string;
};

/** What a server is opened with. */
export type GatewayServerParts<Data> = {
  readonly host: string;
  readonly port: number;
  /** Several processes share the port. */
  readonly reusePort: boolean;
  readonly findOwn: OwnPaths["find"];
  readonly gateway: Gateway;
  readonly upgrade: (request: Request, server: Server<Data>) => Promise<Response | undefined>;
  readonly websocket: WebSocketHandler<Data>;
  /** Every answer says that the connection closes after it. */
  readonly draining: () => boolean;
};

type Answering = Response | Promise<Response | undefined>;

/** Idle keep-alive connections are closed after this; our own timers rule while a request is under way. Seconds. */
const keepAliveSeconds = 75;

/** Opens the listener of the data plane; throws where the address can't be had. */
export function openServer<Data>(parts: GatewayServerParts<Data>): GatewayServer & ConnectionTimers {
  const { host, port, reusePort, findOwn, gateway, upgrade, websocket, draining } = parts;
  const server = Bun.serve<Data>({
    hostname: host,
    port,
    reusePort,
    idleTimeout: keepAliveSeconds,
    // Bodies are bounded by our own count, which can answer in the dialect.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    websocket,
    fetch(request, listener) {
      const answer = answerRequest(request, listener);
      return draining() ? closeAfter(answer) : answer;
    },
    error: () =>
      createRefusalResponse(new Refusal("internal_error"), { id: "", traceId: "", method: "GET" }, undefined),
  });

  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${server.port}`,
    port: server.port ?? port,
    close: () => void server.stop(false),
    end,
    peer: (request) => server.requestIP(request)?.address ?? "",
    hold: (request) => server.timeout(request, 0),
    rest: (request) => server.timeout(request, keepAliveSeconds),
    breakOff: (request) => server.timeout(request, 1),
  };

  async function end(withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (server.pendingRequests > 0 && performance.now() < deadline) await Bun.sleep(5);
    await server.stop(true);
  }

  async function closeAfter(answering: Answering): Promise<Response | undefined> {
    const answer = await answering;
    answer?.headers.set("connection", "close");
    return answer;
  }

  function answerRequest(request: Request, listener: Server<Data>): Answering {
    const own = findOwn(request);
    if (own) return own(request, () => listener.requestIP(request)?.address ?? "");
    return wantsSocket(request) ? upgrade(request, listener) : gateway(request);
  }
}

/** A socket is asked for by GET alone (RFC 6455, section 4.1); elsewhere the header means nothing. */
function wantsSocket({ method, headers }: Request): boolean {
  return method === "GET" && headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** What becomes of a connection once its answer has ended, one way or the other. */
export type ConnectionTimers = {
  /** It stays open however long nothing passes. */
  readonly hold: (request: Request) => void;
  /** It may be reused for as long as idle connections are kept. */
  readonly rest: (request: Request) => void;
  /** It is closed within seconds, without an end of its answer: by a FIN, so that a slow reader loses nothing that was sent. */
  readonly breakOff: (request: Request) => void;
};
