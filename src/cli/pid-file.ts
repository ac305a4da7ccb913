import { readFileSync, rmSync, writeFileSync } from "node:fs";

/** Notes this process in a file until it ends, in the place of whatever the file said; throws what the system says. */
export function keepPidFile(path: string): void {
  writeFileSync(path, `${process.pid}\n`, { mode: 0o644 });
  process.on("exit", () => {
    if (readPid(path) === process.pid) rmSync(path, { force: true });
  });
}

/** The process that a file names; `undefined` where it names none. */
export function readPid(path: string): number | undefined {
  try {
    const written = readFileSync(path, "utf8").trim();
    return /^[1-9]\d{0,9}$/.test(written) ? Number(written) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether there is a process of this number; it may be another program's by now. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
