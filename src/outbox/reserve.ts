import { randomBytes } from "node:crypto";
import { rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Room on the disk that is held to be given up when it runs full: deleting needs room too. */
export type Reserve = ReturnType<typeof createReserve>;

/** Keeps a file of `bytes` at `path`; nothing of it throws. */
export function createReserve({ path, bytes = 4 * 1_048_576 }: { readonly path: string; readonly bytes?: number }) {
  function isHeld(): boolean {
    return statSync(path, { throwIfNoEntry: false })?.size === bytes;
  }

  function take(): boolean {
    if (isHeld()) return true;
    const { bavail, bsize } = statfsSync(dirname(path));
    if (bavail * bsize < 1.5 * bytes) return false;
    // Written out, and with no two blocks alike: a hole, or a file system that compresses, would hold nothing.
    writeFileSync(path, randomBytes(bytes), { mode: 0o600 });
    return true;
  }

  function free(): boolean {
    const held = isHeld();
    rmSync(path, { force: true });
    return held;
  }

  return {
    /** Frees its room; says whether there was any. */
    giveUp: (): boolean => quietly(free),
    /** Takes the room where it is free; says whether it is held now. */
    hold(): boolean {
      const held = quietly(take);
      // What was written before the disk was full is of no use.
      if (!held) quietly(free);
      return held;
    },
  };
}

/** A disk that fails in some other way holds no reserve. */
function quietly(work: () => boolean): boolean {
  try {
    return work();
  } catch {
    return false;
  }
}
