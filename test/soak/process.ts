import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** How many sockets a process has open, listeners among them. */
export function countSockets(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((name) => readLink(`${folder}/${name}`).startsWith("socket:")).length;
}

/**
 * How long a thread, the first one where none is named, has been ready to run while there was no processor for it, since its start; 0 where the system does not
 * say (https://docs.kernel.org/scheduler/sched-stats.html). Milliseconds.
 */
export function readWaited(pid: number, thread?: string): number {
  const folder = `/proc/${pid}/task`;
  const isMeant = (id: string) =>
    thread === undefined ? id === String(pid) : read(`${folder}/${id}/comm`).trim() === thread;
  const id = readdirSync(folder).find(isMeant);
  const [, waited = "0"] = read(`${folder}/${id}/schedstat`).split(" ");
  return Number(waited) / 1e6;
}

/** A thread or a descriptor may be gone by the time that it is looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
