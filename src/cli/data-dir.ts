import { SQLiteError } from "bun:sqlite";
import { access, constants, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { takeOwnerLock } from "../outbox/owner-lock.ts";
import { describeFileFault } from "./file-fault.ts";
import { HeldFault } from "./insist.ts";

/** Makes the folder where it isn't there; throws which setting names one that can't be written to. */
export async function openDataDir(path: string): Promise<void> {
  // Whatever is made there later would not say whose setting it is.
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.W_OK);
  } catch (cause) {
    throw new Error(describeFileFault("DATA_DIR", path, cause), { cause });
  }
}

/** Opens the folder and takes it for this process until it ends; throws `HeldFault` where another one has it. */
export async function takeDataDir(path: string): Promise<void> {
  await openDataDir(path);
  const lock = takeLock(path);
  if (lock === undefined)
    throw new HeldFault(
      `DATA_DIR ${path} is in use by another Weir: stop it, or set another DATA_DIR (${path}/weir.lock is held; where no other runs, DATA_DIR has to be on a file system with file locks)`,
    );
  process.on("exit", lock.release);
}

function takeLock(path: string): ReturnType<typeof takeOwnerLock> {
  try {
    return takeOwnerLock(join(path, "weir.lock"));
  } catch (cause) {
    if (!(cause instanceof SQLiteError)) throw cause;
    throw new Error(
      `DATA_DIR ${path} can't be taken: weir.lock there can't be locked (${cause.message}). Delete that file, or set DATA_DIR to a place on a file system with file locks.`,
      { cause },
    );
  }
}
