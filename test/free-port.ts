import { createServer } from "node:net";

/** A system gives none of these to connections, so that nobody gets one by chance before it is listened on (Linux begins at 32768). */
const [first, count] = [20_000, 12_000] as const;

/** A port of this machine that nothing listens on. */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = first + Math.floor(Math.random() * count);
    if (await isFree(port)) return port;
  }
  throw new Error("There is no free port");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
