import { readdirSync, readFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";

/** What Bun calls the thread on which it talks HTTP to upstreams. */
const name = "HTTP Client";
/** A third of the request thread's share, where both want the same processor (https://man7.org/linux/man-pages/man7/sched.7.html). */
const niceness = 5;
const nicest = 19;
const threads = "/proc/self/task";
/** The thread begins with the first request that goes upstream. Milliseconds. */
const lookEveryMs = 1_000;

/**
 * Lets Bun's HTTP thread give way where it shares a processor with the request thread: woken for each request, it would interrupt
 * that thread each time, to do one thing where it could soon do many. Nothing changes where a processor is free. Linux only.
 */
export function easeHttpThread(): void {
  if (process.platform !== "linux") return;
  const timer = setInterval(() => {
    if (ease()) clearInterval(timer);
  }, lookEveryMs);
  timer.unref();
}

/** Whether there is nothing more to do: it is eased, or the system doesn't let us, and everything works as it is. */
function ease(): boolean {
  try {
    const thread = readdirSync(threads).find(isHttpThread);
    if (thread !== undefined) setPriority(Number(thread), Math.min(nicest, getPriority() + niceness));
    return thread !== undefined;
  } catch {
    return true;
  }
}

function isHttpThread(id: string): boolean {
  try {
    return readFileSync(`${threads}/${id}/comm`, "utf8").trim() === name;
  } catch {
    // It has ended since it was listed.
    return false;
  }
}
