import {
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** A `.env` file that is to be written: the new text lies beside it until it takes its place or is taken away. */
export type StagedFile = Disposable & {
  /** Where the new text lies now. */
  readonly path: string;
  /** Puts it where it belongs, for its owner's eyes alone. */
  readonly commit: () => void;
};

/** The text of a file; empty where there is none. Throws what the system says. */
export function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** Writes a text beside the file that it is for. Throws what the system says. */
export function stageFile(path: string, text: string): StagedFile {
  const target = existsSync(path) ? realpathSync(path) : resolve(path);
  const staged = join(dirname(target), `.${basename(target).replace(/^\./, "")}.${process.pid}.new`);
  writeFileSync(staged, text, { mode: 0o600, flag: "wx" });
  keepOwner(staged, target);
  return {
    path: staged,
    commit() {
      try {
        renameSync(staged, target);
      } catch (error) {
        // A file that a container has mounted can be written, and not replaced.
        if (!(error instanceof Error) || !("code" in error) || !/^E(?:BUSY|XDEV)$/.test(String(error.code)))
          throw error;
        chmodSync(target, 0o600);
        writeFileSync(target, text);
      }
    },
    [Symbol.dispose]: () => rmSync(staged, { force: true }),
  };
}

/** Who sets a gateway up for another user must not take its file away from it. */
function keepOwner(staged: string, target: string): void {
  if (process.getuid?.() !== 0 || !existsSync(target)) return;
  const { uid, gid } = statSync(target);
  chownSync(staged, uid, gid);
}
