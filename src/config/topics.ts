import type { Settings } from "../lib/setting.ts";
import { providerSettings } from "../providers/custom.ts";
import { accessSettings } from "./access-settings.ts";
import { budgetSettings } from "./budget-settings.ts";
import { cacheSettings } from "./cache-settings.ts";
import { auditSettings, managementSettings, storageSettings } from "./control-settings.ts";
import { fileSettings } from "./file-settings.ts";
import { gatewaySettings } from "./gateway-settings.ts";
import { lifecycleSettings } from "./lifecycle-settings.ts";
import { limitSettings } from "./limit-settings.ts";
import { listenSettings } from "./listen-settings.ts";
import { logSettings, metricsSettings } from "./log-settings.ts";
import { oldApiSettings } from "./old-apis.ts";
import { builtInSettings } from "./provider-settings.ts";
import { priceSettings } from "./price-settings.ts";
import type { Registry } from "./registry.ts";
import { redisSettings } from "./redis-settings.ts";
import { sinkSettings } from "./sink-settings.ts";
import { telemetrySettings } from "./telemetry-settings.ts";

/** Settings that belong together, as docs show them. */
export type Topic = { readonly title: string; readonly about?: string; readonly settings: Settings };

/** Every setting there is, by topic. */
export function listTopics({ providers, sinks }: Pick<Registry, "providers" | "sinks">): readonly Topic[] {
  return [
    { title: "Files", settings: fileSettings },
    { title: "Where it listens", settings: listenSettings },
    { title: "Who may call", settings: accessSettings },
    ...providers.map((definition) => {
      const { baseUrl, key } = builtInSettings(definition);
      return { title: `Provider: ${definition.name}`, settings: { baseUrl, key } };
    }),
    {
      title: "Providers in the file",
      about:
        "A built-in provider's name changes that provider. Any other name of small letters, digits and `-` adds one, which needs `base_url` and `dialect` and is called under `/<name>/…`.",
      settings: providerSettings("<name>"),
    },
    {
      title: "Providers in an api_providers.yaml of sofatutor's",
      about:
        "That file may be given as it is. A name that isn't built in is a provider that speaks OpenAI's API. `default_api` names the provider of `/v1/…`.",
      settings: oldApiSettings("<name>"),
    },
    { title: "Projects and tokens", settings: { ...managementSettings, ...storageSettings } },
    { title: "Audit", settings: auditSettings },
    { title: "Forwarding", settings: gatewaySettings },
    { title: "Limits", settings: limitSettings },
    { title: "Budgets", settings: budgetSettings },
    { title: "Redis", settings: redisSettings },
    { title: "Response cache", settings: cacheSettings },
    { title: "Telemetry", settings: telemetrySettings },
    ...sinks.map(({ name, help, settings }) => ({
      title: `Sink: ${name}`,
      about: help,
      settings: { ...settings, ...sinkSettings(name) },
    })),
    { title: "Prices", settings: priceSettings },
    { title: "Logs", settings: logSettings },
    { title: "Metrics", settings: metricsSettings },
    { title: "Start and stop", settings: lifecycleSettings },
  ];
}
