import { expect, test } from "bun:test";
import { choose } from "./choose.ts";

const providers = [
  { name: "openai", family: "openai" },
  { name: "kimi", family: "anthropic" },
  { name: "groq", family: "openai" },
] as const;

/** Provider, model and path that are chosen. */
function chosen(provider?: string, model?: string) {
  const choice = choose({ provider, model }, providers);
  if (!choice) return undefined;
  const path = choice.dialect.path({ model: choice.model, turns: [] });
  return [choice.provider, choice.model, path];
}

test("a model alone goes to its vendor, a provider alone has its usual model", () => {
  expect(chosen()).toEqual(["openai", "gpt-4.1-mini", "/v1/chat/completions"]);
  expect(chosen(undefined, "claude-sonnet-4-5")).toEqual(["anthropic", "claude-sonnet-4-5", "/v1/messages"]);
  expect(chosen(undefined, "gemini-2.5-pro")?.[2]).toBe("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse");
  expect(chosen(undefined, "claudette")).toEqual(["openai", "claudette", "/v1/chat/completions"]);
  expect(chosen("anthropic")?.[1]).toBe("claude-haiku-4-5");
  expect(chosen("gemini")?.[1]).toBe("gemini-2.5-flash");
});

test("a provider of the configuration speaks its own dialect, and has no usual model", () => {
  expect(chosen("kimi", "k2")).toEqual(["kimi", "k2", "/v1/messages"]);
  expect(chosen("groq", "claude-like")).toEqual(["groq", "claude-like", "/v1/chat/completions"]);
  expect(chosen("elsewhere", "m")).toEqual(["elsewhere", "m", "/v1/chat/completions"]);
  expect(chosen("groq")).toBeUndefined();
});

test("the bound of an answer has the name that the provider takes", () => {
  const question = { model: "m", turns: [], maxTokens: 5 };
  expect(choose({ provider: "openai" }, [])?.dialect.body(question)).toMatchObject({ max_completion_tokens: 5 });
  expect(choose({ provider: "groq", model: "m" }, [])?.dialect.body(question)).toMatchObject({ max_tokens: 5 });
});
