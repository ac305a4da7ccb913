/**
 * A port that nobody listens on, outside the range that the system gives to outgoing connections: there, a connection of the load
 * itself could have taken it by the time that it is used.
 */
export function freePort(): number {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    if (isFree(port)) return port;
  }
  throw new Error("No port from 12000 to 29999 is free.");
}

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
