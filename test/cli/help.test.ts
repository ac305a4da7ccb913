import { expect, test } from "bun:test";
import { run } from "../runtime-contract/child.ts";
import { makeHome } from "./program.ts";

const mistakes = [
  [["manage", "token", "create", "--nope"], "weir manage token create"],
  [["prices", "explain", "--nope"], "weir prices explain"],
  [["serve", "--nope"], "weir serve"],
  [["server", "--nope"], "weir serve"],
  [["--nope"], "weir serve"],
  [["manag", "token"], "weir"],
] as const;

test("a mistake in the options ends with where the help of that very command is", async () => {
  await using home = await makeHome();
  for (const [args, words] of mistakes) {
    const { code, stderr } = await home.weir(args);
    expect([args, code]).toEqual([args, 2]);
    expect(stderr).toEndWith(`\nRun ${words} --help to see what there is.\n`);
  }
}, 60_000);

const unknown = [
  [["exchnges"], "exchnges", "manage exchanges", "weir"],
  [["exchanges", "list"], "exchanges", "manage exchanges", "weir"],
  [["outbx", "--json"], "outbx", "outbox", "weir"],
  [["outbox", "ded"], "ded", "dead", "weir outbox"],
  [["manage", "exchnges"], "exchnges", "exchanges", "weir manage"],
  [["something-else"], "something-else", undefined, "weir"],
] as const;

test("a command that isn't there is told as such, with the one that was probably meant", async () => {
  await using home = await makeHome();
  for (const [args, word, nearest, words] of unknown) {
    const hint = nearest === undefined ? "" : `(Did you mean ${nearest}?)\n`;
    expect(await home.weir(args)).toMatchObject({
      code: 2,
      stdout: "",
      stderr: `error: unknown command '${word}'\n${hint}Run ${words} --help to see what there is.\n`,
    });
  }
}, 60_000);

test("what can't be printed ends with 1 and one line that says so, and a reader who has left with 0", async () => {
  await using home = await makeHome();
  const shell = (line: string) =>
    run(["bash", "-c", line, "bash", ...home.command()], { env: home.env, cwd: home.path });
  for (const args of ["version", "--version", "prices list --json", "serve --help"]) {
    const { code, stderr } = await shell(`"$@" ${args} > /dev/full`);
    expect([args, code, stderr]).toEqual([
      args,
      1,
      "Standard output can't be written (ENOSPC), so what was printed is not whole.\n",
    ]);
  }
  // It is more than a pipe takes at once.
  const whole = await shell(`"$@" prices list --json | { sleep 1; wc -c; }`);
  expect(Number(whole.stdout)).toBeGreaterThan(100_000);
  const left = await shell(`"$@" prices list --json | true; echo "\${PIPESTATUS[0]}"`);
  expect([left.stdout, left.stderr]).toEqual(["0\n", ""]);
}, 60_000);
