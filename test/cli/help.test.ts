import { expect, test } from "bun:test";
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
