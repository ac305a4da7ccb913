import type { Address } from "./address.ts";
import { listenSettings } from "./listen-settings.ts";
import type { Lookup } from "./lookup.ts";
import { readSettings } from "./read-settings.ts";
import type { Report } from "./report.ts";

/** Where it listens, whom it believes, and where its data lies. */
export type Listen = Address & { readonly trustedProxies: readonly string[]; readonly dataDir: string };

/** Reads where it listens; host and port in one beat both apart, and two different ports are a fault (0, any port, differs from none). */
export function readListen(lookup: Lookup, report: Report): Listen {
  const faultsBefore = report.faults.length;
  const { address, host, port, trustedProxies, dataDir } = readSettings(listenSettings, lookup, report);
  const portGiven = lookup.find(listenSettings.port);
  const addressGiven = lookup.find(listenSettings.address);
  const areRight = report.faults.length === faultsBefore;
  const differ = address !== undefined && address.port !== port && address.port !== 0 && port !== 0;
  if (areRight && differ && portGiven !== undefined && addressGiven !== undefined) {
    const names = `${addressGiven.name} and ${portGiven.name}`;
    report.fault(`${names} must name one port, not ${address.port} and ${port}; set one of them`);
  }
  return { ...(address ?? { host, port }), trustedProxies, dataDir };
}
