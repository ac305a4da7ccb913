import type { Family } from "../dialects/dialect.ts";
import { credential, duration, flag, oneOf, pairs, url } from "../lib/setting-schema.ts";
import type { Settings, SettingValues } from "../lib/setting.ts";
import { createPolicy, policySettings } from "./policy-settings.ts";
import type { Provider, ProviderDefinition } from "./provider.ts";

/** What the configuration file may say of the provider with this name, in this section of it. */
export function providerSettings(name: string, section = "providers") {
  const yaml = `${section}.${name}`;
  return {
    baseUrl: {
      yaml: `${yaml}.base_url`,
      schema: url().optional(),
      help: "Where it is: origin and path. A `/v1` at the end is understood.",
    },
    dialect: {
      yaml: `${yaml}.dialect`,
      schema: oneOf(["openai", "anthropic", "gemini"]).optional(),
      help: "Whose API it speaks: `openai`, `anthropic` or `gemini`. The path of a call picks the dialect in it.",
    },
    key: {
      yaml: `${yaml}.key`,
      schema: credential().optional(),
      secret: true,
      help: "The operator's key, best as `${A_VARIABLE}`. It replaces whatever credential a consumer sends; unset, the consumer's own goes upstream.",
    },
    keyIn: {
      yaml: `${yaml}.key_in`,
      schema: oneOf(["bearer", "x-api-key", "x-goog-api-key", "api-key", "query"]).optional(),
      help: "Where the key goes: `bearer`, `x-api-key`, `x-goog-api-key`, `api-key`, or `query` for `?key=`. Unset, where the API has it.",
    },
    headers: {
      yaml: `${yaml}.headers`,
      schema: pairs().refine(isHeaders, { error: "header names with values that a header can have" }).optional(),
      secret: true,
      help: "Headers that every call to it has.",
    },
    query: {
      yaml: `${yaml}.query`,
      schema: pairs().optional(),
      secret: true,
      help: "Query parameters that every call to it has.",
    },
    streamUsage: {
      yaml: `${yaml}.stream_usage`,
      schema: oneOf(["inject", "off"]).optional(),
      help: "`STREAM_USAGE` for it alone; `off` where it refuses the parameter.",
    },
    forwardAttribution: {
      yaml: `${yaml}.forward_attribution`,
      schema: flag().optional(),
      help: "Whether `X-User-Id` and `X-Session-Id` go to it too. Unset, they don't.",
    },
    timeoutMs: { yaml: `${yaml}.timeout_ms`, schema: duration().optional(), help: "`PROXY_TIMEOUT_MS` for it alone." },
    ...policySettings(yaml),
  } satisfies Settings;
}

/** What the file says of a provider. */
export type ProviderValues = Partial<SettingValues<ReturnType<typeof providerSettings>>>;

/** What each family's own provider knows of the paths, the keys and the streams of its API. */
export type Families = Readonly<Record<Family, Pick<ProviderDefinition, "keyIn" | "streamUsage" | "dialects">>>;

/** A provider that is nothing but the file's words over the dialects of a family. */
export function createCustomProvider(
  name: string,
  values: ProviderValues & { readonly baseUrl: string; readonly dialect: Family },
  families: Families,
): Provider {
  const { keyIn, streamUsage, dialects } = families[values.dialect];
  const { baseUrl, dialect: family } = values;
  return changeProvider({ name, family, baseUrl, keyIn, streamUsage, dialects, forwardAttribution: false }, values);
}

/** A provider as it is defined, but for what an operator said. */
export function changeProvider(definition: ProviderDefinition, values: ProviderValues): Provider {
  const { key, timeoutMs } = values;
  const policy = createPolicy(values);
  return {
    ...definition,
    baseUrl: values.baseUrl ?? definition.baseUrl,
    keyIn: values.keyIn ?? definition.keyIn,
    streamUsage: values.streamUsage ?? definition.streamUsage,
    forwardAttribution: values.forwardAttribution ?? definition.forwardAttribution,
    ...(values.headers === undefined ? {} : { headers: { ...definition.headers, ...values.headers } }),
    ...(values.query === undefined ? {} : { query: { ...definition.query, ...values.query } }),
    ...(key === undefined ? {} : { key }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(policy === undefined ? {} : { policy }),
  };
}

/** Whether these can be sent (RFC 9110, 5.1 and 5.5), and leave the message's framing and target to the gateway. */
function isHeaders(headers: Readonly<Record<string, string>>): boolean {
  return Object.entries(headers).every(
    ([name, value]) =>
      /^[\w!#$%&'*+.^`|~-]+$/.test(name) &&
      !/^(?:host|connection|content-length|transfer-encoding|upgrade)$/i.test(name) &&
      /^[\t\x20-\x7e\x80-\xff]*$/.test(value),
  );
}
