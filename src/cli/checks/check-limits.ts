import { readFile } from "node:fs/promises";
import type { Texts } from "../../config/lookup.ts";
import { formatCount } from "../format.ts";
import type { Finding } from "./check.ts";

/** What one process is built to carry. */
const streams = 2_000;
/** A stream is one connection on either side; the rest is files, sinks and idle connections. */
const descriptorsOf = (count: number) => count * 2 + 200;

/** Whether the system lets one process have as many connections as 2,000 streams need. */
export async function checkDescriptors(): Promise<Finding> {
  const name = "file descriptors";
  const limit = await readDescriptorLimit();
  if (limit === undefined)
    return {
      name,
      state: "warn",
      message: "their limit can't be told",
      advice: `See to it that "ulimit -n" is ${descriptorsOf(streams)} at least.`,
    };
  const written = limit === Infinity ? "no limit" : `${formatCount(limit)} for one process`;
  if (limit >= descriptorsOf(streams)) return { name, state: "ok", message: written };
  const carried = Math.max(0, Math.floor((limit - 200) / 2));
  return {
    name,
    state: "warn",
    message: `${written}, which is enough for ${formatCount(carried)} streams at once`,
    advice: `For ${formatCount(streams)}, run "ulimit -n 8192" before the start (systemd: LimitNOFILE=8192; Docker: --ulimit nofile=8192).`,
  };
}

/** Whether Bun lets as many requests go upstream at once. */
export function checkUpstreamRequests({ BUN_CONFIG_MAX_HTTP_REQUESTS: given }: Texts): Finding {
  const name = "requests upstream";
  // Bun's own, where it is told nothing or nothing that it understands.
  const most = /^\d+$/.test(given ?? "") && Number(given) > 0 && Number(given) < 65_536 ? Number(given) : 256;
  const message = `at most ${formatCount(most)} at once`;
  if (most >= streams) return { name, state: "ok", message };
  const advice = "More would wait for each other. Unset BUN_CONFIG_MAX_HTTP_REQUESTS: the program then sets it itself.";
  return { name, state: "warn", message: `${message} (BUN_CONFIG_MAX_HTTP_REQUESTS)`, advice };
}

async function readDescriptorLimit(): Promise<number | undefined> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => undefined);
  const soft = limits === undefined ? askShell() : /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  if (soft === undefined) return undefined;
  return /^\d+$/.test(soft) ? Number(soft) : Infinity;
}

function askShell(): string | undefined {
  const { success, stdout } = Bun.spawnSync(["sh", "-c", "ulimit -n"], { stderr: "ignore" });
  return success ? stdout.toString().trim() : undefined;
}
