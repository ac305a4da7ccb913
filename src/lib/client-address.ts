import { BlockList, isIP } from "node:net";

/** Finds out who a client is: the address of the connection, or the one that the proxies in front say. */
export type FindClientAddress = (peer: string, forwardedFor: string | null) => string;

/** What comes further left in `X-Forwarded-For` than this is not looked at. */
const maxHops = 32;

/** Creates it; only `X-Forwarded-For` of a peer within `trustedProxies` (CIDRs) is believed, from the right up to the first address that isn't one of them. */
export function createClientAddress(trustedProxies: readonly string[]): FindClientAddress {
  const isTrusted = createNetworkTest(trustedProxies);

  return (peer, forwardedFor) => {
    let client = readAddress(peer) ?? peer;
    if (forwardedFor === null || !isTrusted(client)) return client;
    for (const written of forwardedFor.split(",").slice(-maxHops).toReversed()) {
      const before = readAddress(written);
      // What stands further left was written by somebody who is not known.
      if (before === undefined) return client;
      client = before;
      if (!isTrusted(client)) return client;
    }
    return client;
  };
}

/** What one client can have many of: an IPv4 address itself, the /64 network of an IPv6 one. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = "", tail] = address.split("%", 1)[0]?.toLowerCase().split("::") ?? [];
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  // An IPv4 address at the end takes the place of two groups.
  const missing = 8 - left.length - right.length - (address.includes(".") ? 1 : 0);
  const groups = tail === undefined ? left : [...left, ...Array<string>(Math.max(missing, 0)).fill("0"), ...right];
  const first = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${first.join(":")}::/64`;
}

/** An address as it is told on: without a port, an IPv4 one never in the clothes of IPv6 (RFC 4291, 2.5.5.2); `undefined` where it is none. */
function readAddress(written: string): string | undefined {
  const text = written.trim();
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^(\d+(?:\.\d+){3}):\d{1,5}$/.exec(text)?.[1] ?? text;
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(bare)?.[1] ?? bare;
  return isIP(mapped) === 0 ? undefined : mapped;
}

function createNetworkTest(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    list.addSubnet(address, Number(bits ?? (family === "ipv6" ? 128 : 32)), family);
  }
  return (address) => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 6 ? "ipv6" : "ipv4");
  };
}
