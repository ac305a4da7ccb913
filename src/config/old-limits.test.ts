import { expect, test } from "bun:test";
import { readConfig } from "./read-config.ts";

function read(text: string) {
  return readConfig({ files: { yaml: { path: "weir.yaml", text } } });
}

function limitsOf(text: string) {
  const result = read(text);
  if (result.kind === "faults") throw new Error(result.faults.join("\n"));
  return { ...result.config.limits, redis: result.config.redis, warnings: result.warnings };
}

const old = `features:
  rate_limiting:
    enabled: true
    backend: redis
    limits: { requests_per_minute: 100, tokens_per_minute: 0 }
    overrides:
      per_key: { "sk-canary": { requests_per_minute: 1000 } }
      per_user: { alice: { requests_per_minute: 0, tokens_per_day: 7 } }
      per_model: { gpt-4o: { tokens_per_minute: 9 } }
    estimation: { max_sample_bytes: -1, bytes_per_token: 3 }
    redis: { address: "r:6379", db: 2 }
`;

test("limits where Instawork's llm-proxy had them bound what they bound there", () => {
  const { rules, estimation, backend, redis, warnings } = limitsOf(old);
  const base = { requestsPerMinute: 100 };
  expect(rules).toMatchObject({ base: { requestsPerMinute: 0 }, global: base, count: "input" });
  expect(rules.overrides).toEqual({
    provider: { "*": base },
    model: { "gpt-4o": { ...base, tokensPerMinute: 9 }, "*": base },
    user: { alice: { ...base, tokensPerDay: 7 }, "*": base },
    // As sha256sum has it of sk-canary.
    key: { "4bfe7fabc8de906cdc89971cd69e6703da4bf23ce364222512d95a3d4fb8f7d1": { requestsPerMinute: 1000 }, "*": base },
  });
  expect([estimation.maxSampleBytes, estimation.bytesPerToken, backend]).toEqual([0, 3, "redis"]);
  expect(redis?.url).toContain("r:6379");
  expect(warnings).toContainEqual(expect.stringMatching(/^features\.rate_limiting in weir\.yaml is read as limits/));
  expect(JSON.stringify([rules, warnings])).not.toContain("canary");
});

test("what was switched off bounds nothing", () => {
  expect(limitsOf(old.replace("enabled: true", "enabled: false")).rules).toMatchObject({
    global: { requestsPerMinute: 0 },
    overrides: {},
  });
});

test("limits in both places are a fault, and so is what nobody knows", () => {
  const faultsOf = (text: string) => {
    const result = read(text);
    return result.kind === "faults" ? result.faults : [];
  };
  expect(faultsOf(`${old}limits: { concurrent: 1 }`)).toEqual([
    "features.rate_limiting in weir.yaml must go, because limits stand there too",
  ]);
  for (const [name, other, told] of [
    ["per_user", "per_provider", "overrides.per_provider"],
    ["backend", "bogus", "bogus"],
    ["tokens_per_minute: 0", "bogus: 0", "limits.bogus"],
    ["bytes_per_token", "bogus", "estimation.bogus"],
  ] as const)
    expect(faultsOf(old.replace(name, other))).toEqual([
      expect.stringContaining(`features.rate_limiting.${told} is not a setting`),
    ]);
});
