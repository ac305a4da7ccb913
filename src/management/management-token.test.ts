import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openManagementToken } from "./management-token.ts";

const program = `
const { openManagementToken } = await import(process.argv[1] + "/management-token.ts");
const [, , folder, begin] = process.argv;
while (Date.now() < Number(begin)) {}
for (let round = 0; round < 200; round += 1) console.log(openManagementToken(folder + "/" + round, undefined).token);
`;

test("processes that start at once make one token, and each has all of it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-token-"));
  const begin = String(Date.now() + 700);
  const run = () => Bun.spawn([process.execPath, "-e", program, import.meta.dir, folder, begin], { stderr: "pipe" });
  const said = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const child = run();
      const [out, error] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      return error + out;
    }),
  );
  expect(new Set(said).size).toBe(1);
  expect(said[0]).toMatch(/^(?:weir-management-[\w-]{43}\n){200}$/);
  expect(readdirSync(folder).length).toBe(200);
  expect(statSync(join(folder, "0")).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true });
});

test("a token that was made is had again, and one that was set makes none", () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-token-"));
  const path = join(folder, "deep", "token");
  const first = openManagementToken(path, undefined);
  expect(first.made).toBe(true);
  expect(openManagementToken(path, undefined)).toEqual({ token: first.token, path });
  expect(openManagementToken(join(folder, "other"), "own")).toEqual({ token: "own" });
  expect(readdirSync(folder)).toEqual(["deep"]);
  rmSync(folder, { recursive: true });
});
