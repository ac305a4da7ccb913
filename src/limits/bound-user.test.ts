import { expect, test } from "bun:test";
import { boundUser } from "./bound-user.ts";

test("a user's name is counted by as it is, and a long one by its beginning and what tells it from others", () => {
  const name = `team-a/${"x".repeat(249)}`;
  expect(boundUser(name)).toBe(name);
  const [one, other] = [boundUser(`${name}1`), boundUser(`${name}2`)];
  expect(one).toStartWith("team-a/xxx");
  expect(one).toHaveLength(256);
  expect(one).not.toBe(other);
  expect(boundUser(`${name}1`)).toBe(one);
});
