import type { Provider } from "../../providers/provider.ts";

const hello = '"messages":[{"role":"user","content":"Hello"}]';

/** A command that calls a provider through the gateway with a token. */
export function writeCurlLine(url: string, family: Provider["family"], token: string): string {
  const json = "-H 'content-type: application/json'";
  switch (family) {
    case "openai":
      return `curl ${url}/v1/chat/completions -H 'authorization: Bearer ${token}' ${json} -d '{"model":"gpt-4o-mini",${hello}}'`;
    case "anthropic":
      return `curl ${url}/v1/messages -H 'x-api-key: ${token}' -H 'anthropic-version: 2023-06-01' ${json} -d '{"model":"claude-haiku-4-5","max_tokens":100,${hello}}'`;
    case "gemini":
      return `curl ${url}/v1beta/models/gemini-2.5-flash:generateContent -H 'x-goog-api-key: ${token}' ${json} -d '{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}'`;
  }
}
