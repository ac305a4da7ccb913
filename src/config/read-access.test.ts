import { expect, test } from "bun:test";
import { type ConfigSources, readConfig } from "./read-config.ts";

type Variables = ConfigSources["env"];

function faultsOf(env: Variables, flags: ConfigSources["flags"] = {}): readonly string[] {
  const result = readConfig({ env, flags });
  return result.kind === "faults" ? result.faults : [];
}

function modeOf(env: Variables): readonly string[] {
  const result = readConfig({ env });
  return result.kind === "ok" ? result.config.gateway.authMode : [];
}

test("unset, the mode follows from the credentials that are set", () => {
  expect(modeOf({})).toEqual(["open"]);
  expect(modeOf({ PROXY_API_KEY: "gate" })).toEqual(["gate"]);
  expect(modeOf({ INTERNAL_API_KEY: "gate" })).toEqual(["gate"]);
  expect(modeOf({ MANAGEMENT_TOKEN: "managed" })).toEqual(["token"]);
  expect(modeOf({ PROXY_API_KEY: "gate", MANAGEMENT_TOKEN: "managed" })).toEqual(["gate", "token"]);
});

test("set, the mode wins over what follows from credentials", () => {
  expect(modeOf({ AUTH_MODE: "open", PROXY_API_KEY: "gate" })).toEqual(["open"]);
  expect(modeOf({ AUTH_MODE: "Gate", PROXY_API_KEY: "gate", MANAGEMENT_TOKEN: "managed" })).toEqual(["gate"]);
});

test.each([
  [{ AUTH_MODE: "gate" }, /^PROXY_API_KEY must be set, because AUTH_MODE/],
  [{ AUTH_MODE: "gate,token" }, /^PROXY_API_KEY must be set/],
  [{ AUTH_MODE: "," }, /^AUTH_MODE must name at least one/],
] as const)("%j would let nobody in, which is a fault", (env, fault) => {
  expect(faultsOf(env)).toEqual([expect.stringMatching(fault)]);
});

test("one gate key under two names must be one", () => {
  expect(faultsOf({ PROXY_API_KEY: "a", INTERNAL_API_KEY: "b" })).toEqual([
    "PROXY_API_KEY and INTERNAL_API_KEY are one credential under two names and must be equal; set one of them",
  ]);
  expect(faultsOf({ PROXY_API_KEY: "a", INTERNAL_API_KEY: "a" })).toEqual([]);
});

test("a management token that can be guessed is warned of, and not shown", () => {
  const warningsOf = (token: string) => readConfig({ env: { MANAGEMENT_TOKEN: token } }).warnings;
  const [warning, ...others] = warningsOf("hunter2");
  expect(others).toEqual([]);
  expect(warning).toStartWith("MANAGEMENT_TOKEN should have 16 characters at least");
  expect(warning).not.toContain("hunter2");
  expect(warningsOf("choose-a-long-one")).toEqual([]);
});

test("a gate key that could never pass, or is the management token, is a fault", () => {
  expect(faultsOf({ PROXY_API_KEY: "sk-weir-abc" })).toEqual([expect.stringMatching(/must not begin with sk-weir-/)]);
  expect(faultsOf({ INTERNAL_API_KEY: "one", MANAGEMENT_TOKEN: "one" })).toEqual([
    expect.stringMatching(/^INTERNAL_API_KEY and MANAGEMENT_TOKEN must differ/),
  ]);
});

test("an operator's key that anybody on the network could spend is a fault that names every way out", () => {
  const [fault, ...others] = faultsOf({ UPSTREAM_API_KEY: "sk-1", GEMINI_API_KEY: "g", HOST: "0.0.0.0" });
  expect(others).toEqual([]);
  expect(fault).toMatch(/^GEMINI_API_KEY, UPSTREAM_API_KEY would pay for anybody who reaches 0\.0\.0\.0\./);
  for (const way of ["PROXY_API_KEY", "MANAGEMENT_TOKEN", "HOST=127.0.0.1", "ALLOW_OPEN_RELAY=true"]) {
    expect(fault).toContain(way);
  }
});

test.each([
  { UPSTREAM_API_KEY: "k", HOST: "0.0.0.0", PROXY_API_KEY: "gate" },
  { UPSTREAM_API_KEY: "k", HOST: "0.0.0.0", PROXY_API_KEY: "gate", MANAGEMENT_TOKEN: "managed" },
  { UPSTREAM_API_KEY: "k", HOST: "127.0.0.1" },
  { UPSTREAM_API_KEY: "k", HOST: "0.0.0.0", ALLOW_OPEN_RELAY: "true" },
  { UPSTREAM_API_KEY: "k", LISTEN_ADDR: "localhost:80" },
  { HOST: "0.0.0.0" },
])("%j is no open relay", (env) => {
  expect(faultsOf(env)).toEqual([]);
});

test("a credential that a provider of the file puts into headers or queries pays as its key does", () => {
  const text = `
providers:
  one: { base_url: https://one.com, dialect: openai, headers: { Authorization: Bearer abc } }
  two: { base_url: https://two.com, dialect: openai, query: { api_key: abc } }
  three: { base_url: https://three.com, dialect: openai, query: { api-version: 2024-10-21 } }
`;
  const result = readConfig({ env: { HOST: "0.0.0.0" }, files: { yaml: { path: "weir.yaml", text } } });
  expect(result.kind === "faults" && result.faults).toEqual([
    expect.stringMatching(/^providers\.one\.headers, providers\.two\.query would pay for anybody/),
  ]);
});

test.each([":8080", "10.0.0.1:80", "[::]:80", "gateway.internal:80"])(
  "an operator's key behind --addr %s is an open relay",
  (address) => {
    expect(faultsOf({ ANTHROPIC_API_KEY: "k" }, { "--addr": address })).toHaveLength(1);
  },
);

test("open beside a credential that was meant to protect an operator's key is a fault, on loopback too", () => {
  const fault =
    /^AUTH_MODE includes open, which makes (PROXY_API_KEY|MANAGEMENT_TOKEN) protect nothing while UPSTREAM_API_KEY pays/;
  const open = { AUTH_MODE: "open", UPSTREAM_API_KEY: "k" };
  expect(faultsOf({ ...open, PROXY_API_KEY: "gate" })).toEqual([expect.stringMatching(fault)]);
  expect(faultsOf({ ...open, AUTH_MODE: "gate,open", PROXY_API_KEY: "gate" })).toEqual([expect.stringMatching(fault)]);
  expect(faultsOf({ ...open, MANAGEMENT_TOKEN: "managed" })).toEqual([expect.stringMatching(fault)]);
  expect(faultsOf({ ...open, MANAGEMENT_TOKEN: "managed", ALLOW_OPEN_RELAY: "yes" })).toEqual([]);
});

test("origins are kept as browsers send them", () => {
  const result = readConfig({
    env: { CORS_ALLOWED_ORIGINS: "https://App.example.com/, http://localhost:5173,https://b.com:443" },
  });
  expect(result.kind === "ok" && result.config.gateway.corsAllowedOrigins).toEqual([
    "https://app.example.com",
    "http://localhost:5173",
    "https://b.com",
  ]);
});
