import { type Address, reaches } from "./address.ts";
import type { GatewayConfig } from "./config.ts";
import { gatewaySettings } from "./gateway-settings.ts";
import type { Lookup } from "./lookup.ts";
import { findNearest } from "./nearest.ts";
import { checkRelay, readAccess } from "./read-access.ts";
import { type NamedProvider, readProviders } from "./read-providers.ts";
import { readSettings } from "./read-settings.ts";
import type { Registry } from "./registry.ts";
import type { Report } from "./report.ts";
import type { YamlTree } from "./yaml-file.ts";

/** What the data plane's settings are read from. */
export type GatewaySources = {
  readonly lookup: Lookup;
  readonly yaml: YamlTree;
  readonly registry: Registry;
  /** Whether a gateway is to run with it. */
  readonly serves: boolean;
  /** The names and addresses of this machine. */
  readonly machine: readonly string[] | undefined;
};

/** Reads what the data plane is built with, for a gateway that listens on `address` of this machine. */
export function readGateway(
  { lookup, yaml, registry, serves, machine }: GatewaySources,
  address: Address,
  report: Report,
): GatewayConfig {
  const forwarding = readSettings(gatewaySettings, lookup, report);
  const access = readAccess(lookup, report);
  const { streamUsage, defaultApi } = forwarding;
  const { providers: definitions, families } = registry;
  const named = readProviders({ definitions, families, lookup, yaml, streamUsage }, report);
  checkTimeout(lookup, report);
  checkDefault(defaultApi, named, lookup, report);
  if (serves) checkLoops(named, { address, machine }, report);
  checkRelay(
    access,
    address,
    named.flatMap(({ paysBy }) => paysBy ?? []),
    report,
  );
  return { ...forwarding, ...access, providers: named.map(({ provider }) => provider) };
}

/** A plain number under the old name was never read as milliseconds, so it is more likely to be seconds. */
function checkTimeout(lookup: Lookup, report: Report): void {
  const given = lookup.find(gatewaySettings.proxyTimeoutMs);
  if (given?.name !== "REQUEST_TIMEOUT" || !/^\s*0*[1-9]\d*\s*$/.test(String(given.value))) return;
  report.fault(`REQUEST_TIMEOUT must have a unit, such as 30s, not "${String(given.value).trim()}"`);
}

function checkDefault(defaultApi: string, named: readonly NamedProvider[], lookup: Lookup, report: Report): void {
  const names = named.map(({ provider }) => provider.name);
  if (names.includes(defaultApi)) return;
  const nearest = findNearest(defaultApi, names);
  const advice = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  const name = lookup.find(gatewaySettings.defaultApi)?.name ?? gatewaySettings.defaultApi.env;
  report.fault(`${name} must be one of ${names.join(", ")}, not "${defaultApi}"${advice}`);
}

/** A gateway that calls itself would do so until nothing is left. */
function checkLoops(
  named: readonly NamedProvider[],
  { address, machine }: { address: Address; machine: readonly string[] | undefined },
  report: Report,
): void {
  for (const { provider, urlName } of named) {
    if (!reaches(provider.baseUrl, address, machine)) continue;
    const own = `${address.host}:${address.port}`;
    // Clients of a gateway find it in a variable of the same name.
    const advice = /^[A-Z_]+$/.test(urlName)
      ? "; if you set it for a client of the gateway, unset it in this shell"
      : "";
    report.fault(
      `${urlName} must be the provider's own URL, not "${provider.baseUrl}", where this gateway itself listens (${own})${advice}`,
    );
  }
}
