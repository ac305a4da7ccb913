import { createRoute, z } from "@hono/zod-openapi";
import { createRoutes } from "./routes.ts";
import { answers } from "./fault-answers.ts";
import { nextCursor } from "./list-answer.ts";
import type { ManagementParts, ProviderState } from "./parts.ts";
import type { ReadLog } from "./read-log.ts";

const tags = ["System"];
const json = "application/json";

const providerSchema = z
  .object({
    name: z.string().openapi({ example: "openai" }),
    dialect: z.enum(["openai", "anthropic", "gemini"]).openapi({ description: "The family whose API it speaks." }),
    base_url: z.string().openapi({ example: "https://api.openai.com" }),
    routes: z
      .array(z.string())
      .readonly()
      .openapi({ example: ["/openai/", "/v1/"] }),
    key: z.enum(["set", "not_set"]).openapi({ description: "Whether the operator has a key for it; never the key." }),
    status: z.enum(["ok", "unreachable", "not_configured"]),
    error_rate: z.number().nullable().openapi({
      description: "The share of its recent calls that failed, from 0 to 1; null where there were none.",
    }),
  })
  .openapi("Provider");

const providers = createRoute({
  operationId: "listProviders",
  method: "get",
  path: "/manage/providers",
  tags,
  summary: "List providers",
  responses: answers({
    200: {
      description: "Providers",
      content: {
        [json]: {
          schema: z.object({ providers: z.array(providerSchema), next_cursor: nextCursor }).openapi("ProviderList"),
        },
      },
    },
  }),
});

const configSchema = z
  .object({
    version: z.string(),
    settings: z.array(
      z.object({
        name: z.string().openapi({ example: "LOG_LEVEL" }),
        value: z.string().nullable().openapi({ description: "`set` in place of a secret.", example: "info" }),
        source: z.enum(["flag", "environment", ".env", "file", "default"]),
      }),
    ),
  })
  .openapi("Config");

const config = createRoute({
  operationId: "getConfig",
  method: "get",
  path: "/manage/config",
  tags,
  summary: "Show the configuration",
  description: "Every setting as it is in effect, and where it came from; no secrets.",
  responses: answers({
    200: { description: "The configuration", content: { [json]: { schema: configSchema } } },
  }),
});

/** The routes of the gateway as a whole. */
export function createSystemRoutes(parts: ManagementParts, readLog: ReadLog) {
  return createRoutes()
    .openapi(providers, async (c) => {
      const states = await parts.describeProviders();
      return c.json({ providers: states.map(writeProvider), next_cursor: null }, 200);
    })
    .openapi(config, async (c) => {
      const settings = parts.describeConfig().map(({ name, value = null, source }) => ({ name, value, source }));
      await readLog(c.var.actor, "config.read");
      return c.json({ version: parts.version, settings }, 200);
    });
}

function writeProvider(provider: ProviderState): z.output<typeof providerSchema> {
  return {
    name: provider.name,
    dialect: provider.family,
    base_url: provider.baseUrl,
    routes: provider.routes,
    key: provider.hasKey ? "set" : "not_set",
    status: provider.status,
    error_rate: provider.errorRate ?? null,
  };
}
