import { closeSync, openSync } from "node:fs";
import type { Launch } from "./launch.ts";
import { processTree } from "./proc.ts";

/** Processes that we started; none outlives us. */
export type Children = ReturnType<typeof createChildren>;

export type Child = { readonly pid: number; readonly exited: Promise<number> };

/** How a process is started: on which core, where it works, and where its output goes. */
export type Surroundings = { readonly core: number | undefined; readonly dir: string; readonly outputFile: string };

/** How long a process has to end by itself. */
const STOP_MS = 3_000;

/** Two sockets for each of 2,000 streams, where the system lets us. */
const RAISE_FILE_LIMIT = ["sh", "-c", 'ulimit -n 16384 2>/dev/null; exec "$@"', "sh"];

/** Starts processes and ends them by their ids, with all that they started. */
export function createChildren() {
  const running = new Map<number, Child>();

  const track = <C extends Child>(child: C): C => {
    running.set(child.pid, child);
    void child.exited.then(() => running.delete(child.pid));
    return child;
  };

  const start = ({ command, env }: Launch, { core, dir, outputFile }: Surroundings): Child => {
    const output = openSync(outputFile, "a");
    const child = Bun.spawn([...RAISE_FILE_LIMIT, ...pin(core), ...command], {
      cwd: dir,
      env: { PATH: process.env["PATH"] ?? "", HOME: dir, ...env },
      stdin: "ignore",
      stdout: output,
      stderr: output,
    });
    closeSync(output);
    return track(child);
  };

  /** Runs a program to its end and returns what it printed. Throws where it fails or takes longer than that. */
  const run = async (command: readonly string[], core: number | undefined, timeoutMs: number): Promise<string> => {
    const child = track(
      Bun.spawn([...pin(core), ...command], {
        stdin: "ignore",
        stderr: "pipe",
        timeout: timeoutMs,
        killSignal: "SIGKILL",
      }),
    );
    const [output, errors, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (status !== 0) throw new Error(`${command.join(" ")} ended with status ${status}: ${errors}`);
    return output;
  };

  const stop = async (child: Child): Promise<void> => {
    const tree = processTree(child.pid);
    signal([child.pid], "SIGTERM");
    const ended = await Promise.race([child.exited.then(() => true), Bun.sleep(STOP_MS).then(() => false)]);
    if (!ended) signal(tree, "SIGKILL");
    await child.exited;
  };

  const killAll = (): void => {
    for (const pid of running.keys()) signal(processTree(pid), "SIGKILL");
  };

  return { start, run, stop, killAll };
}

const pin = (core: number | undefined) => (core === undefined ? [] : ["taskset", "-c", String(core)]);

function signal(pids: readonly number[], name: "SIGTERM" | "SIGKILL"): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended by itself.
    }
  }
}
