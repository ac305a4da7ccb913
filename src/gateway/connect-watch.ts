import { connect } from "node:net";
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
 * Watches whether an origin can be connected to at all, by a bare connection beside the call, since neither `fetch` nor a WebSocket tells when it has connected;
 * calls `onLate` when none stands in time. An origin that has just answered isn't watched. Returns what stops the watch.
 */
export function watchConnect(baseUrl: string, parts: ConnectWatchParts, onLate: () => void): () => void {
  const { clock, reachability, connectTimeoutMs, viaProxy } = parts;
  const answeredAt = reachability.find(baseUrl)?.answeredAt;
  const fresh = answeredAt !== undefined && clock.elapsed() - answeredAt < freshMs;
  if (connectTimeoutMs === 0 || viaProxy || fresh) return nothing;

  const { hostname, port, protocol } = new URL(baseUrl);
  const host = hostname.replace(/^\[|\]$/g, "");
  const socket = connect({ host, port: Number(port) || (protocol === "https:" ? 443 : 80) });
  const stop = () => {
    clearTimeout(timer);
    socket.destroy();
  };
  const timer = setTimeout(() => {
    stop();
    onLate();
  }, connectTimeoutMs);
  // A refused connection is the call's own to tell: only silence is ours.
  socket.once("connect", stop).once("error", stop);
  return stop;
}

function nothing(): void {}
