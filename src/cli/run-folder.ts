import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { Texts } from "../config/lookup.ts";
import { takeOwnerLock } from "../outbox/owner-lock.ts";

/** Where one run keeps its outbox, its log and its records; no other run uses it until it is released. */
export type RunFolder = { readonly path: string; readonly release: () => void };

/** More runs at once than this are a mistake in a script. */
const mostRuns = 1000;

/**
 * Takes the first folder that no other run uses: `<data home>/weir/runs/1` for one run at a time, so that what a run
 * could not deliver is delivered by the next one. Throws what the system says.
 */
export async function takeRunFolder(env: Texts): Promise<RunFolder> {
  for (let place = 1; place <= mostRuns; place += 1) {
    const path = join(findDataHome(env), "weir", "runs", String(place));
    await mkdir(path, { recursive: true, mode: 0o700 });
    const lock = takeOwnerLock(join(path, "run.lock"));
    if (lock !== undefined) return { path, release: lock.release };
  }
  throw new Error(`${mostRuns} runs are under way at once: wait until one has ended`);
}

/** The user's data directory; a relative path in the variable is to be ignored (XDG Base Directory Specification). */
function findDataHome({ XDG_DATA_HOME: named = "" }: Texts): string {
  return isAbsolute(named) ? named : join(homedir(), ".local", "share");
}
