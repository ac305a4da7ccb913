import { BlockList, isIP } from "node:net";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** A host and a port. */
export type Address = { readonly host: string; readonly port: number };

/** Reads `host:port`, `[::1]:port` or `:port`, which is every address. */
export function readAddress(written: string): Address | undefined {
  const [, name = "", digits = ""] = /^([^:[\]]*|\[[^[\]]*\]):(\d{1,5})$/.exec(written) ?? [];
  const host = name === "" ? "0.0.0.0" : readHost(name);
  const port = digits === "" ? Number.NaN : Number(digits);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

/** Reads a host name or an IP address, an IPv6 one with or without brackets. */
export function readHost(written: string): string | undefined {
  const bare = /^\[(.*)\]$/.exec(written)?.[1];
  if (bare !== undefined) return isIP(bare) === 6 ? bare : undefined;
  if (isIP(written) !== 0) return written;
  const isName = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i;
  // A name of digits and dots alone is a mistyped address.
  return isName.test(written) && !/^[\d.]+$/.test(written) ? written : undefined;
}

/** Whether only this machine can reach what listens on `host`. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return /^(?:.+\.)?localhost\.?$/i.test(host);
  return loopback.check(host, family === 6 ? "ipv6" : "ipv4");
}

/** Whether `host` stands for every address of this machine. */
export function isEveryAddress(host: string): boolean {
  return /^(?:0(?:\.0){3}|[0:]*::[0:]*|(?:0{1,4}:){7}0{1,4})$/.test(host);
}

/** Whether what listens on `own` is what a call to `baseUrl` would reach, on a machine that is called by these names and addresses. */
export function reaches(baseUrl: string, own: Address, machine: readonly string[] = []): boolean {
  const { hostname, port, protocol } = new URL(baseUrl);
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const upstreamPort = port === "" ? ({ "https:": 443 }[protocol] ?? 80) : Number(port);
  if (upstreamPort !== own.port) return false;
  if (host === own.host.toLowerCase()) return true;
  const isInside = isLoopback(host) || isEveryAddress(host);
  if (isLoopback(own.host)) return isInside;
  const isMachines = machine.some((name) => name.toLowerCase() === host);
  if (isEveryAddress(own.host)) return isInside || isMachines;
  // A name may stand for whichever address.
  return isMachines && isIP(host) === 0;
}
