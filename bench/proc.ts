import { readdirSync, readFileSync } from "node:fs";

/** Linux counts CPU time in hundredths of a second towards user space, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

/** The process and all its descendants, as they are now. */
export function processTree(pid: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const parent = /^\d+$/.test(name) ? Number(statFields(Number(name))[1]) : Number.NaN;
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const collect = (root: number): number[] => [root, ...(children.get(root) ?? []).flatMap(collect)];
  return collect(pid);
}

/** CPU seconds that these processes have used, all threads, user and system. */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => statFields(pid)).map((fields) => Number(fields[11] ?? 0) + Number(fields[12] ?? 0));
  return sum(ticks) / TICKS_PER_SECOND;
}

/** CPU seconds that a core has been busy with since the machine started. */
export function coreSeconds(core: number): number {
  const line = read("/proc/stat").match(new RegExp(`^cpu${core} (.*)$`, "m"))?.[1] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(" ").map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** Resident memory of these processes in MB of 2^20 bytes. */
export function residentMb(pids: readonly number[]): number {
  return sum(pids.map((pid) => Number(/VmRSS:\s*(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0))) / 1024;
}

/** What follows the command's name in parentheses, which may hold anything: state, parent, … */
function statFields(pid: number): readonly string[] {
  const text = read(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** A process may be gone at any moment; then there is nothing to read. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
