// "node http-cache-origin.mjs <folder of http-cache-tests>": that suite's origin server on a free port of this machine alone,
// which is the only line that it writes. It ends when its standard input does.
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder] = process.argv.slice(2);
const handlers = new Map();
for (const name of ["config", "test", "state"]) {
  const { default: handle } = await import(pathToFileURL(join(folder, "server", `handle-${name}.mjs`)).href);
  handlers.set(name, handle);
}
const write = console.log;
console.log = () => {};

const server = createServer((request, response) => {
  const [, name, ...segments] = new URL(request.url, "http://localhost").pathname.split("/");
  const handle = handlers.get(name);
  if (handle) handle(segments, request, response);
  else response.writeHead(404).end();
});
server.listen(0, "127.0.0.1", () => write(String(server.address().port)));
process.stdin.resume().on("end", () => process.exit());
