import { expect, test } from "bun:test";
import { registry } from "../config/registry.ts";
import type { Provider } from "../providers/provider.ts";
import { createChildCommand, createChildEnvironment, findCopilotProvider, readUpstreams } from "./run-clients.ts";
import { runtimeSettings } from "./runtime-settings.ts";

const gateway = "http://127.0.0.1:4000";

/** The providers as they are when the program's own base URLs say where its calls go. */
function providersOf(env: Readonly<Record<string, string>>): readonly Provider[] {
  const settings: Readonly<Record<string, string>> = {
    openai: "UPSTREAM_BASE_URL",
    anthropic: "ANTHROPIC_BASE_URL",
    gemini: "GEMINI_BASE_URL",
  };
  const { defaults } = readUpstreams(env);
  const builtIn = registry.providers.map((provider) => ({
    ...provider,
    baseUrl: defaults[settings[provider.name] ?? ""] ?? provider.baseUrl,
  }));
  return [...builtIn, ...[findCopilotProvider(env) ?? []].flat()];
}

const childOf = (env: Readonly<Record<string, string>>) => createChildEnvironment(env, gateway, providersOf(env));

test("every client is told the gateway's URL as it wants it", () => {
  expect(childOf({ HOME: "/home/me" })).toEqual({
    HOME: "/home/me",
    OPENAI_BASE_URL: `${gateway}/v1`,
    OPENAI_API_BASE: `${gateway}/v1`,
    ANTHROPIC_BASE_URL: gateway,
    GOOGLE_GEMINI_BASE_URL: gateway,
  });
});

test("a program's own base URL keeps its kind: what it adds to it is what it would add to its own", () => {
  const env = {
    OPENAI_BASE_URL: "https://api.z.ai/api/paas/v4/",
    ANTHROPIC_BASE_URL: "https://proxy.example/anthropic/v1",
    GOOGLE_GEMINI_BASE_URL: "https://proxy.example/gemini",
  };
  expect(readUpstreams(env).defaults).toEqual({
    UPSTREAM_BASE_URL: "https://api.z.ai/api/paas/v4",
    ANTHROPIC_BASE_URL: "https://proxy.example/anthropic/v1",
    GEMINI_BASE_URL: "https://proxy.example/gemini",
  });
  expect(childOf(env)).toMatchObject({
    OPENAI_BASE_URL: `${gateway}/openai`,
    OPENAI_API_BASE: `${gateway}/openai`,
    ANTHROPIC_BASE_URL: `${gateway}/anthropic/v1`,
    GOOGLE_GEMINI_BASE_URL: `${gateway}/gemini`,
  });
});

test("of two names for one upstream the newer counts", () => {
  const { defaults } = readUpstreams({
    OPENAI_API_BASE: "https://old.example/v1",
    OPENAI_BASE_URL: "https://new.example/v1",
  });
  expect(defaults).toEqual({ UPSTREAM_BASE_URL: "https://new.example/v1" });
});

test("Copilot CLI keeps its provider, and has GitHub's own models where it was told of none", () => {
  const ollama = { COPILOT_PROVIDER_BASE_URL: "http://localhost:11434", COPILOT_MODEL: "llama" };
  expect(findCopilotProvider(ollama)).toMatchObject({
    name: "copilot",
    family: "openai",
    baseUrl: "http://localhost:11434",
  });
  expect(childOf(ollama)["COPILOT_PROVIDER_BASE_URL"]).toBe(`${gateway}/copilot`);
  const claude = { COPILOT_PROVIDER_BASE_URL: "https://api.anthropic.com", COPILOT_PROVIDER_TYPE: "anthropic" };
  expect(findCopilotProvider(claude)?.family).toBe("anthropic");
  expect(
    childOf({ ...ollama, COPILOT_PROVIDER_BASE_URL: "https://api.openai.com/v1" })["COPILOT_PROVIDER_BASE_URL"],
  ).toBe(`${gateway}/copilot/v1`);
  const azure = { COPILOT_PROVIDER_BASE_URL: "https://mine.openai.azure.com", COPILOT_PROVIDER_TYPE: "azure" };
  expect(childOf(azure)["COPILOT_PROVIDER_BASE_URL"]).toBe("https://mine.openai.azure.com");
  expect(childOf({})).not.toHaveProperty("COPILOT_PROVIDER_BASE_URL");
});

test("a proxy isn't asked for the gateway", () => {
  expect(childOf({ HTTPS_PROXY: "http://proxy:8080", NO_PROXY: "intranet" })).toMatchObject({
    NO_PROXY: "intranet,127.0.0.1",
    no_proxy: "intranet,127.0.0.1",
  });
  expect(childOf({ http_proxy: "http://proxy:8080" })).toMatchObject({ NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" });
  expect(childOf({})).not.toHaveProperty("NO_PROXY");
});

test("what this program needs of Bun isn't handed on, what somebody else set is", () => {
  for (const [name, value] of Object.entries(runtimeSettings)) {
    expect(childOf({ [name]: value })[name]).toBeUndefined();
    expect(childOf({ [name]: "100" })[name]).toBe("100");
  }
});

test("codex is told by its own option where it is sure to call the API, unless it was told already", () => {
  const env = { CODEX_API_KEY: "sk-x", OPENAI_BASE_URL: `${gateway}/v1` };
  const told = ["/usr/bin/codex", "-c", `openai_base_url="${gateway}/v1"`, "exec", "do it"];
  expect(createChildCommand(["/usr/bin/codex", "exec", "do it"], gateway, env)).toEqual(told);
  expect(createChildCommand(["codex", "exec"], gateway, { OPENAI_BASE_URL: `${gateway}/v1` })).toEqual([
    "codex",
    "exec",
  ]);
  const own = ["codex", "-c", "model_provider=mine", "exec"];
  expect(createChildCommand(own, gateway, env)).toEqual(own);
  expect(createChildCommand(["claude"], gateway, env)).toEqual(["claude"]);
});
