import { Glob } from "bun";
import { expect } from "bun:test";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { needs } from "./needs.ts";
import { run } from "./runtime-contract/child.ts";

const root = join(import.meta.dir, "..");
const testWithMake = needs("make", Bun.which("make") !== null);

/** Gives what a target printed, without the settings of this environment. */
async function make(...args: string[]): Promise<string> {
  const env = { PATH: process.env["PATH"] ?? "" };
  const { code, stdout, stderr } = await run(["make", "--no-print-directory", ...args], { cwd: root, env });
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

async function listTargets(): Promise<readonly string[]> {
  const lines = (await make("help")).trim().split("\n");
  return lines.map((line) => line.split(/\s/)[0] ?? "");
}

testWithMake("make help names every target, and each runs an npm script that is there, or no npm at all", async () => {
  const targets = await listTargets();
  const phony = /^\.PHONY: (.*)$/m.exec(await Bun.file(join(root, "Makefile")).text())?.[1];
  expect(targets).toEqual(phony?.split(" ") ?? []);
  for (const target of targets) {
    const script = /\bnpm (?:run )?(\S+)/.exec(await make("-n", target))?.[1];
    if (script !== undefined && script !== "ci") expect(Object.keys(manifest.scripts)).toContain(script);
  }
});

testWithMake("make test, and what begins with it, runs tests that are there", async () => {
  const files = [...new Glob("{src,test}/**/*.test.ts").scanSync(root)];
  const targets = (await listTargets()).filter((target) => target.startsWith("test"));
  expect(targets).toEqual(["test", "test-all", "test-openai", "test-anthropic", "test-gemini", "test-health"]);
  for (const target of targets) {
    const [command = "", paths] = (await make("-n", target)).trim().split(" -- ");
    expect(command).toBe(target === "test-all" ? "WEIR_LONG=1 npm test" : "npm test");
    expect([target, paths === undefined]).toEqual([target, ["test", "test-all"].includes(target)]);
    const lost = (paths?.split(" ") ?? []).filter((path) => !files.some((file) => file.startsWith(path)));
    expect([target, lost]).toEqual([target, []]);
  }
});

testWithMake("make env-check judges the settings, and make version says which one this is", async () => {
  expect(await make("env-check")).toContain(" configuration ");
  expect(await make("version")).toContain(manifest.version);
});
