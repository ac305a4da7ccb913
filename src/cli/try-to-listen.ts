import { createServer } from "node:net";
import type { Address } from "../config/address.ts";

/** Listens for a moment where nobody else does; throws what the system says against it. */
export function tryToListen({ host, port }: Address): Promise<void> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
