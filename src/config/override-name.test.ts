import { expect, test } from "bun:test";
import type { LimitScope } from "../domain/limits.ts";
import { readOverrideName } from "./override-name.ts";

const read = (scope: LimitScope, written: string) => readOverrideName(scope, written, ["openai", "anthropic", "kimi"]);
const nameOf = (scope: LimitScope, written: string) => {
  const name = read(scope, written);
  return name.kind === "name" && name.warning === undefined ? name.name : undefined;
};
const faultOf = (scope: LimitScope, written: string) => {
  const name = read(scope, written);
  return name.kind === "fault" ? name.expected : undefined;
};

test.each([
  ["10.0.0.3", "10.0.0.3"],
  ["::ffff:10.0.0.3", "10.0.0.3"],
  ["2001:DB8::/64", "2001:db8:0:0::/64"],
  ["2001:db8:0:1::/64", "2001:db8:0:1::/64"],
  ["2001:db8:0:1::7", "2001:db8:0:1::/64"],
  ["10.0.*", "10.0.*"],
  ["*", "*"],
  ["2001:DB8:*", "2001:db8:*"],
])("the address %s is looked up as %s", (written, name) => {
  expect(nameOf("address", written)).toBe(name);
});

test("an address that can be nobody's, and a network that isn't counted as one, are faults with advice", () => {
  for (const written of ["10.0.0.300", "localhost", "", "2001:db8::/48", "10.0.0.0/33", "host*", "[::1]"])
    expect([written, faultOf("address", written)]).toEqual([
      written,
      `have no "${written}"; write an IP address, an IPv6 network of 64 bits such as 2001:db8:0:1::/64, or a glob such as 10.0.*`,
    ]);
  expect(faultOf("address", "127.0.0.0/8")).toEndWith("or a glob: 127.*");
  expect(faultOf("address", "10.1.0.0/16")).toEndWith("or a glob: 10.1.*");
  expect(faultOf("address", "10.1.2.0/24")).toEndWith("or a glob: 10.1.2.*");
});

test("a provider that isn't there is told with the one that was meant", () => {
  expect(nameOf("provider", "kimi")).toBe("kimi");
  expect(nameOf("provider", "open*")).toBe("open*");
  expect(read("provider", "opnai")).toEqual({
    kind: "name",
    name: "opnai",
    warning: 'name one of openai, anthropic, kimi, not "opnai"; did you mean openai?',
  });
});

test("projects and tokens stand there by their ids, and a name is a fault", () => {
  const id = "0195f3a0-7a7c-7d3e-9a53-0A9F3F0C1D2E";
  for (const scope of ["project", "token"] as const) {
    expect(nameOf(scope, id)).toBe(id.toLowerCase());
    expect(nameOf(scope, "*")).toBe("*");
    expect(nameOf(scope, "0195f3a0-*")).toBe("0195f3a0-*");
  }
  expect(faultOf("project", "free")).toBe(
    'have projects by their ids, which weir manage project list shows, or globs of them; not "free"',
  );
  expect(faultOf("token", "ci")).toContain("weir manage token list");
});

test("keys stand there by their SHA-256", () => {
  const sum = "AB".repeat(32);
  expect(nameOf("key", sum)).toBe(sum.toLowerCase());
  expect(nameOf("key", "ab*")).toBe("ab*");
  expect(faultOf("key", "abc")).toContain("sha256sum");
});

test("no secret that was written there is told again", () => {
  const secret = "s3cr3t";
  for (const scope of ["project", "token", "key"] as const)
    for (const written of [`sk-weir-${secret}`, `sk-${secret}`, `AIza${secret}`, `sk-${secret}*`]) {
      const fault = faultOf(scope, written);
      expect(fault).toBeString();
      expect(fault).not.toContain(secret);
    }
  expect(faultOf("token", `sk-weir-${secret}`)).toContain("a token's text stands there");
});

test("users and models may be called anything", () => {
  for (const name of ["alice@example.com", "models/x.y", "GPT-4o*"]) {
    expect(nameOf("user", name)).toBe(name);
    expect(nameOf("model", name)).toBe(name);
  }
});
