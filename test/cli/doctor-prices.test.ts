import { expect, test } from "bun:test";
import { makeHome, openUpstream } from "./program.ts";

const prices = {
  models: { "house-*": { input: "1", output: "2" } },
  aliases: { "my-gpt": "gpt-4o", ours: "house-large", wrong: "gpt-4oo-nowhere" },
};

test("an alias of what has no price is told of", async () => {
  await using home = await makeHome({ "weir.yaml": JSON.stringify({ prices }) });
  using upstream = openUpstream();
  const env = {
    PORT: "0",
    UPSTREAM_BASE_URL: upstream.url,
    ANTHROPIC_BASE_URL: upstream.url,
    GEMINI_BASE_URL: upstream.url,
  };
  const { code, stdout } = await home.weir(["doctor"], env);
  const lines = stdout.split("\n").filter((line) => / prices +/.test(line));
  expect(code).toBe(0);
  expect(
    lines.map((line) => /^warn +prices +"(\w+)" is priced as "([\w-]+)", which has no price/.exec(line)?.slice(1)),
  ).toEqual([["wrong", "gpt-4oo-nowhere"]]);
});

test("price data that can't be read is told of, since the bundled one is used", async () => {
  await using home = await makeHome({ "prices.json": "{" });
  const { stdout } = await home.weir(["doctor"], { PORT: "0", DATA_DIR: home.path });
  expect(stdout).toMatch(/warn +prices +\S+prices\.json can't be used/);
});
