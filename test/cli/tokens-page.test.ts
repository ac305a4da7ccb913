import { expect, test } from "bun:test";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort } from "../free-port.ts";
import { run } from "../runtime-contract/child.ts";
import { waitFor } from "../weir.ts";
import { allAt, serveMock } from "./interact.ts";
import { makeHome } from "./program.ts";

const page = await readFile(join(import.meta.dir, "../../docs/tokens.md"), "utf8");

/** What a reader types in a section of the page. */
function blocksOf(section: string): readonly string[] {
  const text = new RegExp(`^## ${section}\\n([^]*?)(?=^## )`, "m").exec(page)?.[1] ?? "";
  return [...text.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block = ""]) => block);
}

test("who types what the page says has a token that works after the first section", async () => {
  await using home = await makeHome({ "key.txt": "sk-canary-key-0123456789\n" });
  await using mock = await serveMock(home);
  const port = String(await findFreePort());
  const command = home.command().map((word) => `'${word}'`);
  await chmod(await home.write("bin/weir", `#!/bin/sh\nexec ${command.join(" ")} "$@"\n`), 0o755);
  const env = { ...home.env, ...allAt(mock.url), PATH: `${home.path}/bin:${home.env["PATH"]}`, PORT: port };

  const blocks = blocksOf("Five minutes");
  expect(blocks).toHaveLength(3);
  let shown = "";
  try {
    for (const block of blocks) {
      const token = shown.match(/sk-weir-\w{38}/g)?.at(-1) ?? "sk-weir-…";
      const script = block.replaceAll("127.0.0.1:3000", `127.0.0.1:${port}`).replaceAll("sk-weir-…", token);
      const { code, stdout, stderr } = await run(["bash", "-ec", script], { env, cwd: home.path });
      expect([block, code, stderr]).toEqual([block, 0, expect.any(String)]);
      shown = stdout;
    }
  } finally {
    const pid = Number(await readFile(join(home.path, "data/weir.pid"), "utf8").catch(() => "0"));
    if (pid > 0) {
      process.kill(pid);
      await waitFor(() => !isAlive(pid), "the gateway doesn't end");
    }
  }
  const answers = shown.match(/You said \\?"Hello\\?"/g);
  expect(answers).toEqual(['You said \\"Hello\\"', 'You said "Hello"']);
}, 90_000);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
