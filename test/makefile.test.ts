import { expect } from "bun:test";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { needs } from "./needs.ts";

const root = join(import.meta.dir, "..");
const testWithMake = needs("make", Bun.which("make") !== null);

async function make(...args: string[]): Promise<string> {
  const child = Bun.spawn(["make", "--no-print-directory", ...args], { cwd: root, stdout: "pipe", stderr: "pipe" });
  expect(await child.exited).toBe(0);
  return child.stdout.text();
}

testWithMake("make help names every target, and each runs an npm script that is there, or no npm at all", async () => {
  const targets = (await make("help"))
    .trim()
    .split("\n")
    .map((line) => line.split(/\s/)[0] ?? "");
  const phony = /^\.PHONY: (.*)$/m.exec(await Bun.file(join(root, "Makefile")).text())?.[1];
  expect(targets).toEqual(phony?.split(" ") ?? []);
  for (const target of targets) {
    const script = /^npm (?:run )?(\S+)/.exec(await make("-n", target))?.[1];
    if (script !== undefined && script !== "ci") expect(Object.keys(manifest.scripts)).toContain(script);
  }
});
