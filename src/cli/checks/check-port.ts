import { get } from "node:http";
import type { Config } from "../../config/config.ts";
import { tryToListen } from "../try-to-listen.ts";
import { codeOf, type Finding } from "./check.ts";

const name = "port";
const askWithinMs = 1_000;

/** Whether a gateway could listen, or one of ours does already. */
export async function checkPort({ host, port }: Pick<Config, "host" | "port">): Promise<Finding> {
  if (port === 0) return { name, state: "ok", message: "any that is free (PORT is 0)" };
  const fault = await tryToListen({ host, port }).then(() => undefined, codeOf);
  if (fault === undefined) return { name, state: "ok", message: `${host}:${port} is free` };
  if (fault === "EADDRINUSE") return findHolder(host, port);
  const advice = {
    EACCES: "Choose a port from 1024 on, or give the program the right to lower ones (CAP_NET_BIND_SERVICE).",
    EADDRNOTAVAIL:
      "HOST must be an address of this machine; 127.0.0.1 is reached from it alone, 0.0.0.0 is every address.",
  }[fault];
  return {
    name,
    state: "fail",
    message: `nothing can listen on ${host}:${port} (${fault})`,
    ...(advice === undefined ? {} : { advice }),
  };
}

async function findHolder(host: string, port: number): Promise<Finding> {
  const reached = host === "0.0.0.0" ? "127.0.0.1" : host;
  const origin = `http://${reached.includes(":") ? `[${reached}]` : reached}:${port}`;
  if (await isWeir(origin)) return { name, state: "ok", message: `a Weir listens on ${origin} already` };
  const advice = "Stop it, or choose another port with PORT or --port.";
  return { name, state: "fail", message: `another program listens on ${host}:${port}`, advice };
}

/** Only ours answers so, and at once: at a path that it keeps for itself and has nothing at, with the name of its error. The management's paths note who asks. */
function isWeir(origin: string): Promise<boolean> {
  return new Promise((resolve) => {
    // Not `fetch`, which would ask the environment's proxy for an address of this machine.
    const request = get(`${origin}/admin`, { signal: AbortSignal.timeout(askWithinMs) }, (answer) => {
      answer.resume();
      resolve("x-weir-error" in answer.headers);
    });
    request.on("error", () => resolve(false));
  });
}
