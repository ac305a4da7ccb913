import { basename } from "node:path";
import type { Texts } from "../config/lookup.ts";
import { registry } from "../config/registry.ts";
import { url } from "../lib/setting-schema.ts";
import { createCustomProvider } from "../providers/custom.ts";
import type { Provider } from "../providers/provider.ts";
import { runtimeSettings } from "./runtime-settings.ts";

/**
 * Where clients look for their base URL, and what of ours says where their calls go. Of two variables for one provider
 * the first counts.
 */
const clients = [
  { variable: "OPENAI_BASE_URL", provider: "openai", path: "/v1", setting: "UPSTREAM_BASE_URL" },
  { variable: "OPENAI_API_BASE", provider: "openai", path: "/v1", setting: "UPSTREAM_BASE_URL" },
  { variable: "ANTHROPIC_BASE_URL", provider: "anthropic", path: "", setting: "ANTHROPIC_BASE_URL" },
  { variable: "GOOGLE_GEMINI_BASE_URL", provider: "gemini", path: "", setting: "GEMINI_BASE_URL" },
] as const;

/** It has GitHub's own models where it was told of no provider. */
const copilot = { variable: "COPILOT_PROVIDER_BASE_URL", provider: "copilot", path: undefined } as const;

/** What stands for the gateway's URL in a program's arguments. */
export const urlPlaceholder = "{weir}";

/** Where the program's calls would go without us, by the setting that sends them there; what is no URL is a fault. */
export function readUpstreams(env: Texts): { readonly defaults: Texts; readonly faults: readonly string[] } {
  const defaults: Record<string, string> = {};
  const faults: string[] = [];
  for (const { variable, setting } of clients) {
    const value = env[variable]?.trim();
    if (value === undefined || value === "") continue;
    const read = url().safeParse(value);
    if (read.success) defaults[setting] ??= read.data;
    else faults.push(`${variable} must be ${read.error.issues[0]?.message}`);
  }
  return { defaults, faults };
}

/** The provider that Copilot CLI was told to use in the place of GitHub's own models; `undefined` where it was told none that is known here. */
export function findCopilotProvider(env: Texts): Provider | undefined {
  const { COPILOT_PROVIDER_BASE_URL: value, COPILOT_PROVIDER_TYPE: type = "openai" } = env;
  const baseUrl = url().safeParse(value);
  if (!baseUrl.success || (type !== "openai" && type !== "anthropic")) return undefined;
  return createCustomProvider(copilot.provider, { baseUrl: baseUrl.data, dialect: type }, registry.families);
}

/** The environment of a program whose calls are to come to the gateway at `url`: its own, but for base URLs. */
export function createChildEnvironment(env: Texts, gateway: string, providers: readonly Provider[]): Texts {
  const baseUrls: Record<string, string> = {};
  for (const { variable, provider: wanted, path } of [...clients, copilot]) {
    const provider = providers.find(({ name }) => name === wanted);
    const after = findBaseUrl(env[variable] ?? findOther(env, wanted), path, provider);
    if (after !== undefined) baseUrls[variable] = gateway + after;
  }
  return { ...env, ...withoutRuntimeSettings(env), ...withoutProxy(env), ...baseUrls };
}

/** The program's command as it is started: its arguments know the gateway's URL. */
export function createChildCommand(command: readonly string[], gateway: string, env: Texts): readonly string[] {
  const [program = "", ...args] = command.map((word) => word.replaceAll(urlPlaceholder, gateway));
  return [program, ...codexOptions(program, args, env), ...args];
}

/** What another variable says of where the same calls go. */
function findOther(env: Texts, wanted: string): string | undefined {
  const other = clients.find(({ provider, variable }) => provider === wanted && Boolean(env[variable]));
  return other && env[other.variable];
}

/** What a client's variable holds after the gateway's URL: its own kind of URL, so that it adds to it what it would add to its own. */
function findBaseUrl(
  own: string | undefined,
  path: string | undefined,
  provider: Provider | undefined,
): string | undefined {
  const read = url().safeParse(own);
  const isItsOwn = provider !== undefined && read.success && read.data === provider.baseUrl;
  return isItsOwn ? `/${provider.name}${read.data.endsWith("/v1") ? "/v1" : ""}` : path;
}

/**
 * Codex takes its base URL from its configuration alone, not from the environment. Only with a key in `CODEX_API_KEY` is
 * it sure to call the API; signed in to ChatGPT, it calls other servers with another credential.
 */
function codexOptions(program: string, args: readonly string[], env: Texts): readonly string[] {
  const isCodex = basename(program) === "codex" && env["CODEX_API_KEY"] !== undefined;
  if (!isCodex || args.some((arg) => /openai_base_url|model_provider/.test(arg))) return [];
  return ["-c", `openai_base_url="${env["OPENAI_BASE_URL"]}"`];
}

/** Ours, where `runtime-settings` set them, are no concern of another program that runs on Bun. */
function withoutRuntimeSettings(env: Texts): Texts {
  const ours = Object.entries(runtimeSettings).filter(([name, value]) => env[name] === value);
  return Object.fromEntries(ours.map(([name]) => [name, undefined]));
}

/** A program that uses a proxy must not ask it for our address. */
function withoutProxy(env: Texts): Texts {
  const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [env[name], env[name.toLowerCase()]]);
  if (!proxies.some(Boolean)) return {};
  const direct = [env["no_proxy"] ?? env["NO_PROXY"], "127.0.0.1"].filter(Boolean).join(",");
  return { no_proxy: direct, NO_PROXY: direct };
}
