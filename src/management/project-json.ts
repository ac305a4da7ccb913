import type { z } from "@hono/zod-openapi";
import type { Policy } from "../domain/policy.ts";
import type { NewProject, Project, ProjectChange, ProjectSettings } from "../domain/project.ts";
import type { Spent } from "../storage/spent.ts";
import { readBudgets, readLimits, writeBounds } from "./bound-json.ts";
import { bodyFault } from "./fault.ts";
import { writeTime } from "./fields.ts";
import type { newProjectSchema, projectChangeSchema, projectSchema } from "./project-schemas.ts";
import { readMembers } from "./read-members.ts";

type NewBody = z.output<typeof newProjectSchema>;
type ChangeBody = z.output<typeof projectChangeSchema>;
type Keys = Readonly<Record<string, string | null>>;

/** Reads a project to be; throws a `ManagementFault`. */
export function readNewProject(body: NewBody, providers: readonly string[]): NewProject {
  const keys = Object.entries(readKeys(body, providers));
  return {
    name: body.name,
    keys: Object.fromEntries(keys.flatMap(([provider, key]) => (key === null ? [] : [[provider, key]]))),
    isActive: body.is_active,
    metadata: body.metadata,
    policy: body.policy && readPolicy(body.policy),
    settings: body.settings && readSettings(body.settings),
    limits: readLimits(body.limits) ?? undefined,
    budgets: readBudgets(body.budget) ?? undefined,
  };
}

/** Reads what is to become of a project; throws a `ManagementFault`. */
export function readProjectChange(body: ChangeBody, providers: readonly string[]): ProjectChange {
  if (body.revoke_tokens !== undefined && body.is_active !== false)
    throw bodyFault("revoke_tokens requires is_active=false");
  return {
    name: body.name,
    keys: readKeys(body, providers),
    isActive: body.is_active,
    metadata: body.metadata,
    policy: body.policy && readPolicy(body.policy),
    settings: body.settings && readSettings(body.settings),
    limits: readLimits(body.limits),
    budgets: readBudgets(body.budget),
    revokeTokens: body.revoke_tokens,
  };
}

/** Keys by provider, under whichever names they came. */
function readKeys({ provider_keys = {}, ...older }: ChangeBody, providers: readonly string[]): Keys {
  const keys = new Map(
    Object.entries(provider_keys).flatMap(([name, key]) => (key === undefined ? [] : [[name, key]])),
  );
  for (const name of ["openai_api_key", "api_key"] as const) {
    const key = older[name];
    if (key === undefined) continue;
    const other = keys.get("openai");
    if (other !== undefined && other !== key)
      throw bodyFault(`${name} and another name of the OpenAI key say different things; send one of them`);
    keys.set("openai", key);
  }
  for (const [provider, key] of keys) {
    // What a provider that is gone left behind can still be taken away.
    if (key === null || providers.includes(provider)) continue;
    throw bodyFault(
      `provider_keys.${provider} names no provider that is configured here. There are ${providers.join(", ")}`,
    );
  }
  return Object.fromEntries(keys);
}

function readPolicy(policy: NonNullable<ChangeBody["policy"]>): Policy {
  return readMembers({
    allowedMethods: policy.allowed_methods,
    allowedEndpoints: policy.allowed_endpoints,
    paramWhitelist: policy.param_whitelist,
    allowedOrigins: policy.allowed_origins,
    requiredHeaders: policy.required_headers,
  });
}

function readSettings(settings: NonNullable<ChangeBody["settings"]>): ProjectSettings {
  return readMembers({
    useOperatorKeys: settings.use_operator_keys,
    allowOwnKeys: settings.allow_own_keys,
    streamUsage: settings.stream_usage,
    streamErrorEvent: settings.stream_error_event,
    onDisconnect: settings.on_disconnect,
    validate: settings.validate,
    cache: settings.cache,
    exchangeLog: settings.exchange_log,
  });
}

/** A project as it is answered, with what it has spent. */
export function writeProject(project: Project, spent: Spent, now: number): z.output<typeof projectSchema> {
  const { policy, settings } = project;
  return {
    id: project.id,
    name: project.name,
    provider_keys: project.shownKeys,
    is_active: project.isActive,
    deactivated_at: writeTime(project.deactivatedAt),
    created_at: writeTime(project.createdAt),
    updated_at: writeTime(project.updatedAt),
    metadata: project.metadata,
    policy: {
      allowed_methods: policy.allowedMethods ?? null,
      allowed_endpoints: policy.allowedEndpoints ?? null,
      param_whitelist: policy.paramWhitelist ?? null,
      allowed_origins: policy.allowedOrigins ?? null,
      required_headers: policy.requiredHeaders ?? null,
    },
    settings: {
      use_operator_keys: settings.useOperatorKeys ?? null,
      allow_own_keys: settings.allowOwnKeys ?? null,
      stream_usage: settings.streamUsage ?? null,
      stream_error_event: settings.streamErrorEvent ?? null,
      on_disconnect: settings.onDisconnect ?? null,
      validate: settings.validate ?? null,
      cache: settings.cache ?? null,
      exchange_log: settings.exchangeLog ?? null,
    },
    ...writeBounds(project, spent, now),
  };
}
