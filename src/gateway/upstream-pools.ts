/** TLS settings for `fetch` that share connections with all calls that were given the same. */
export type UpstreamPool = BunFetchRequestInitTLS & { readonly sessionTimeout: number };

/** Chooses the pool of a call, by how many calls are under way with it. */
export type ChoosePool = (underWay: number) => UpstreamPool;

/** The runtime keeps so many idle connections for each set of TLS settings, and closes the rest after each answer. */
const connectionsPerPool = 64;
const pools = 16;

/** How long a TLS session may be resumed, by default (https://docs.openssl.org/3.0/man3/SSL_CTX_set_timeout/). Seconds. */
const sessionTimeout = 300;

/** Creates pools that together keep a thousand connections; few calls at a time share the first, so that they find each other's. */
export function createUpstreamPools(): ChoosePool {
  const all = Array.from({ length: pools }, (_, at): UpstreamPool => ({ sessionTimeout: sessionTimeout + at }));
  const [first = { sessionTimeout }] = all;
  return (underWay) => all[Math.min(pools - 1, Math.floor(underWay / connectionsPerPool))] ?? first;
}
