import { type Address, isEveryAddress, isLoopback } from "../config/address.ts";

/** The URL by which this machine reaches what listens there; of port 0, which is any, nothing is known, so that it is the usual one. */
export function localUrl({ host, port }: Address): string {
  const name = isEveryAddress(host) ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${port === 0 ? 3000 : port}`;
}

/** Whether a URL leads to this machine alone. */
export function isLocal(url: string): boolean {
  return isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ""));
}

/** Sees to it that no proxy of the environment's is asked for this machine. */
export function bypassProxy(url: string): void {
  if (!isLocal(url)) return;
  const direct = [process.env["no_proxy"] ?? process.env["NO_PROXY"], new URL(url).hostname].filter(Boolean).join(",");
  process.env["NO_PROXY"] = direct;
  process.env["no_proxy"] = direct;
}
