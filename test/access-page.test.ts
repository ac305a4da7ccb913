import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { refusalCodes, statusOf } from "../src/domain/refusal.ts";

test("docs/access.md has every refusal, with its status", async () => {
  const page = await readFile(new URL("../docs/access.md", import.meta.url), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("|"));
  const missing = refusalCodes.filter(
    (code) => !rows.some((row) => row.includes(`\`${code}\``) && row.includes(String(statusOf(code)))),
  );
  expect(missing).toEqual([]);
});
