import type { Clock } from "./arrival.ts";
import type { Reachability } from "./reachability.ts";

/** What a watch is made of. */
export type ConnectWatchParts = {
  readonly clock: Clock;
  readonly reachability: Reachability;
  /** 0 watches nothing. */
  readonly connectTimeoutMs: number;
  readonly viaProxy: boolean;
};

/** An origin that answered within this time is there; milliseconds. */
const freshMs = 10_000;

/**
 * Watches whether an origin can be connected to at all, by a bare connection beside the call, since `fetch` doesn't tell when it has connected;
 * calls `onLate` when none stands in time. An origin that has just answered isn't watched. Returns what stops the watch.
 */
export function watchConnect(baseUrl: string, parts: ConnectWatchParts, onLate: () => void): () => void {
  const { clock, reachability, connectTimeoutMs, viaProxy } = parts;
  const answeredAt = reachability.find(baseUrl)?.answeredAt;
  const fresh = answeredAt !== undefined && clock.elapsed() - answeredAt < freshMs;
  if (connectTimeoutMs === 0 || viaProxy || fresh) return nothing;

  const timer = setTimeout(onLate, connectTimeoutMs);
  const stop = () => clearTimeout(timer);
  const open = (socket: Bun.Socket) => {
    stop();
    socket.end();
  };
  const { hostname, port, protocol } = new URL(baseUrl);
  const address = hostname.replace(/^\[|\]$/g, "");
  // A refused connection is fetch's to tell: only silence is ours.
  const settled = { open, connectError: stop, data: nothing, close: stop, error: stop };
  Bun.connect({ hostname: address, port: Number(port) || (protocol === "https:" ? 443 : 80), socket: settled }).catch(
    stop,
  );
  return stop;
}

function nothing(): void {}
