import { expect, test } from "bun:test";
import { run } from "../runtime-contract/child.ts";
import { type Home, makeHome } from "./program.ts";

/** What bash offers for the last of these words. */
async function complete(home: Home, script: string, line: readonly string[]): Promise<readonly string[]> {
  const path = await home.write(
    "complete.sh",
    `${script}
compopt() { COMPREPLY+=("compopt $*"); }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_weir
printf '%s\\n' "\${COMPREPLY[@]}"
`,
  );
  const { code, stdout, stderr } = await run(["bash", path, ...line], {
    env: { PATH: process.env["PATH"] ?? "" },
    cwd: home.path,
  });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((word) => word !== "");
}

test("bash knows every command, its options, and what comes after them", async () => {
  await using home = await makeHome();
  const { code, stdout: script, stderr } = await home.weir(["completion", "bash"]);
  expect([code, stderr]).toEqual([0, ""]);
  const offered = (...line: readonly string[]) => complete(home, script, ["weir", ...line]);

  expect(await offered("man")).toEqual(["manage"]);
  expect(await offered("se")).toEqual(["serve", "server", "setup"]);
  expect(await offered("manage", "pro")).toEqual(["project", "providers"]);
  expect(await offered("manage", "token", "gen")).toEqual(["generate"]);
  expect(await offered("manage", "token", "generate", "--dur")).toEqual(["--duration", "--duration-minutes"]);
  expect(await offered("manage", "token", "list", "--management")).toEqual(["--management-token"]);
  // The value of an option is no command.
  expect(await offered("manage", "--management-token", "project", "token", "rev")).toEqual(["revoke"]);
  expect(await offered("manage", "project", "create", "--name", "")).toEqual([]);
  expect(await offered("manage", "audit", "list", "--outcome", "")).toEqual(["success", "failure", "denied", "error"]);
  expect(await offered("manage", "audit", "list", "--outcome", "=", "d")).toEqual(["denied"]);
  expect(await offered("serve", "--env", "")).toEqual(["compopt -o default"]);
  expect(await offered("completion", "z")).toEqual(["zsh"]);
  expect(await offered("run", "--", "bas")).toContain("bash");
  expect(await offered("run", "--", "cat", "")).toEqual(["compopt -o default"]);
  expect(await offered("nonsense", "")).toContain("manage");
});

test("each script names every command that help shows", async () => {
  await using home = await makeHome();
  const help = await home.weir(["--help"]);
  const commands = [...help.stdout.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = ""]) => name);
  expect(commands).toContain("chat");
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = await home.weir(["completion", shell]);
    for (const command of commands) expect(stdout).toContain(`'weir ${command}'`);
  }
  const unknown = await home.weir(["completion", "tcsh"]);
  expect([unknown.code, unknown.stdout]).toEqual([2, ""]);
});

for (const shell of ["zsh", "fish"]) {
  test.skipIf(Bun.which(shell) === null)(
    `${shell} can read its script (skipped where there is no ${shell})`,
    async () => {
      await using home = await makeHome();
      const path = await home.write("script", (await home.weir(["completion", shell])).stdout);
      const { code, stderr } = await run([shell, "-n", path], {
        env: { PATH: process.env["PATH"] ?? "" },
        cwd: home.path,
      });
      expect([code, stderr]).toEqual([0, ""]);
    },
  );
}
