import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";

/** Which cores the gateway and the load have to themselves; absent where they can't be kept apart. */
export type Pinning = { readonly gateway: number; readonly load: number };

/** What the figures were measured on. */
export type Machine = {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly kernel: string;
  readonly bun: string;
  readonly nginx?: string;
  readonly pinning?: Pinning;
};

/** Looks at the machine. */
export function readMachine(): Machine {
  const nginx = /nginx\/(\S+)/.exec(spawnSync("nginx", ["-v"], { encoding: "utf8" }).stderr ?? "")?.[1];
  const pinning = findPinning();
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryMb: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    bun: Bun.version,
    ...(nginx === undefined ? {} : { nginx }),
    ...(pinning === undefined ? {} : { pinning }),
  };
}

/** Moves all threads of this process off the gateway's core. */
export function pinOurselves(pinning: Pinning): void {
  spawnSync("taskset", ["-a", "-p", "-c", String(pinning.load), String(process.pid)]);
}

function findPinning(): Pinning | undefined {
  if (Bun.which("taskset") === null) return undefined;
  const allowed = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
  const [gateway, load] = allowed.split(",").flatMap(readRange);
  return gateway === undefined || load === undefined ? undefined : { gateway, load };
}

function readRange(text: string): number[] {
  const [first = Number.NaN, last = first] = text.split("-").map(Number);
  return Array.from({ length: last - first + 1 || 0 }, (_, index) => first + index);
}
