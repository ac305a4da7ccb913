import { test } from "bun:test";

/**
 * `test`, where what it needs is there. Elsewhere the test is skipped and its name says why, but under `CI=true`, where
 * everything has to be there, it fails.
 */
export function needs(
  what: string,
  found: boolean,
): (name: string, run: () => void | Promise<unknown>, limit?: number) => void {
  return (name, run, limit) => {
    if (found) return test(name, run, limit);
    if (process.env["CI"] !== "true") return test.skip(`${name} (skipped: needs ${what})`, run);
    return test(name, () => {
      throw new Error(`This test needs ${what}, which is not here`);
    });
  };
}
