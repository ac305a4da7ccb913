import { randomUUID } from "node:crypto";
import { rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { TelemetryConfig } from "../../config/config.ts";
import { adviseOnFile, explainFileFault } from "../file-fault.ts";
import { formatBytes } from "../format.ts";
import { codeOf, type Finding } from "./check.ts";

/** With less, the outbox soon has to drop records. Bytes. */
const leastRoom = 128 * 2 ** 20;
/** What an outbox without a bound should find. Bytes. */
const roomForUnbounded = 2 * 2 ** 30;

/** Whether files can be made in a folder, or in the nearest one that is there for it to be made in. */
export async function checkFolder(name: string, path: string, setting: string): Promise<Finding> {
  const folder = await findExisting(path);
  const fault = await tryToWrite(folder);
  if (fault === undefined)
    return { name, state: "ok", message: folder === resolve(path) ? `${path} can be written` : `${path} can be made` };
  return {
    name,
    state: "fail",
    message: `${path} can't be written, because of ${folder}: ${explainFileFault(fault)}`,
    advice: fault === "ENOTDIR" ? `${setting} must name a folder.` : adviseOnFile(setting, folder, fault),
  };
}

/** Whether the outbox may grow as far as it is allowed to. */
export async function checkRoom(path: string, { outbox }: Pick<TelemetryConfig, "outbox">): Promise<Finding> {
  const name = "disk space";
  const folder = await findExisting(path);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const wanted = outbox.maxBytes === 0 ? roomForUnbounded : outbox.maxBytes;
  const message = `${formatBytes(free)} free in ${folder}`;
  const advice = "Free some, or choose another DATA_DIR; OUTBOX_MAX_BYTES bounds what waits for a sink.";
  if (free < leastRoom) return { name, state: "fail", message: `only ${message}`, advice };
  if (free < wanted)
    return {
      name,
      state: "warn",
      message: `${message}; the outbox may grow to ${formatBytes(wanted)} while a sink is away`,
      advice,
    };
  return { name, state: "ok", message };
}

async function findExisting(path: string): Promise<string> {
  let folder = resolve(path);
  while (folder !== dirname(folder) && !(await stat(folder).catch(() => undefined))) folder = dirname(folder);
  return folder;
}

/** What the system says against it; rights alone don't tell of full disks and read-only file systems. */
async function tryToWrite(folder: string): Promise<string | undefined> {
  const probe = join(folder, `.weir-doctor-${randomUUID()}`);
  try {
    await writeFile(probe, "", { flag: "wx", mode: 0o600 });
    await rm(probe);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}
