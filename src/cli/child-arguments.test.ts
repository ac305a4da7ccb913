import { expect, test } from "bun:test";
import { hideKeys } from "./child-arguments.ts";

test.each([
  [
    ["--key", "sk-1", "--port", "1"],
    ["--port", "1"],
  ],
  [
    ["serve", "--key=sk-1", "--detach"],
    ["serve", "--detach"],
  ],
  [
    ["-k", "sk-1", "-u", "http://a"],
    ["-u", "http://a"],
  ],
  [["-ksk-1"], []],
])("%j passes its key on by the environment", (given, args) => {
  expect(hideKeys(given)).toEqual({ args, env: { ANTHROPIC_API_KEY: "sk-1" } });
});

test("what has no key is passed on as it is", () => {
  const args = ["serve", "--port", "3000", "--log-level=debug", "--keyring"];
  expect(hideKeys(args)).toEqual({ args, env: {} });
});
