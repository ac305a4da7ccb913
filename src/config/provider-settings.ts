import { withDefault, url } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";
import { providerSettings } from "../providers/custom.ts";
import type { ProviderDefinition } from "../providers/provider.ts";

/** What can be said of a built-in provider, by variables too; OpenAI's begin with `UPSTREAM`, others with the provider's own name. */
export function builtInSettings({ name, baseUrl }: Pick<ProviderDefinition, "name" | "baseUrl">, section?: string) {
  const settings = providerSettings(name, section);
  const prefix = name === "openai" ? "UPSTREAM" : name.toUpperCase().replaceAll("-", "_");
  // `--url` and `--key` are for who runs it before one Anthropic-compatible upstream.
  const flags = name === "anthropic" ? { url: { flag: "--url" }, key: { flag: "--key" } } : {};
  const old = name === "openai" ? { aliases: ["OPENAI_API_URL"] } : {};
  return {
    ...settings,
    baseUrl: { ...settings.baseUrl, env: `${prefix}_BASE_URL`, ...old, ...flags.url, ...withDefault(url(), baseUrl) },
    key: { ...settings.key, env: `${prefix}_API_KEY`, ...flags.key },
  } satisfies Settings;
}
