import type { Provider } from "../../providers/provider.ts";
import { anthropicChat } from "./anthropic.ts";
import type { ChatDialect } from "./dialect.ts";
import { geminiChat } from "./gemini.ts";
import { createOpenaiChat } from "./openai.ts";

type Family = Provider["family"];

/** Whom to talk to, and how. */
export type Choice = { readonly provider: string; readonly model: string; readonly dialect: ChatDialect };

/** The model that a provider is asked for by itself; of others none is known. */
const usualModels: Readonly<Record<string, string>> = {
  openai: "gpt-4.1-mini",
  anthropic: "claude-haiku-4-5",
  gemini: "gemini-2.5-flash",
};

/**
 * Chooses by what was said: a provider alone has its usual model, a model alone its vendor, nothing at all is OpenAI.
 * `undefined` where a provider's models aren't known. `providers` are those of the configuration.
 */
export function choose(
  said: { readonly provider?: string | undefined; readonly model?: string | undefined },
  providers: readonly Pick<Provider, "name" | "family">[],
): Choice | undefined {
  const provider = said.provider ?? findVendor(said.model ?? "");
  const model = said.model ?? usualModels[provider];
  if (model === undefined) return undefined;
  const family = providers.find(({ name }) => name === provider)?.family ?? findVendor(`${provider}-`);
  return { provider, model, dialect: createDialect(family, provider) };
}

/** Whose a model is, by its name. */
function findVendor(model: string): Family {
  if (/^(?:claude|anthropic)(?=[-.])/i.test(model)) return "anthropic";
  return /^(?:gemini|gemma|learnlm)(?=[-.])/i.test(model) ? "gemini" : "openai";
}

function createDialect(family: Family, provider: string): ChatDialect {
  switch (family) {
    case "openai":
      return createOpenaiChat(provider);
    case "anthropic":
      return anthropicChat;
    case "gemini":
      return geminiChat;
  }
}
