import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "bun:test";
import { takeOwnerLock } from "./owner-lock.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-owner-lock-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Whether another process can take it. */
function isFree(path: string): boolean {
  const script = `import { takeOwnerLock } from ${JSON.stringify(join(import.meta.dir, "owner-lock.ts"))};
    process.exit(takeOwnerLock(${JSON.stringify(path)}) === undefined ? 3 : 0);`;
  const { exitCode } = Bun.spawnSync([process.execPath, "-e", script]);
  expect([0, 3]).toContain(exitCode);
  return exitCode === 0;
}

test("a lock has one holder until it is released, in a file for this user alone", () => {
  const path = join(folder, "one.lock");
  const lock = takeOwnerLock(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(isFree(path)).toBe(false);
  lock?.release();
  expect(isFree(path)).toBe(true);
});

test("a second try of the holder's own process leaves the lock with the first", () => {
  const path = join(folder, "two.lock");
  const lock = takeOwnerLock(path);
  expect(takeOwnerLock(path)).toBeUndefined();
  expect(isFree(path)).toBe(false);
  lock?.release();
});
