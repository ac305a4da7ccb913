import type { InferRequestType } from "hono/client";
import { z } from "zod";
import type { ManagementClient } from "./client.ts";

/** What of an answer is read here; whatever else is in it is passed on. */

const texts = z.record(z.string(), z.string());
const members = z.record(z.string(), z.unknown());
const time = z.string().nullable();
const next = { next_cursor: z.string().nullable() };

const limits = z.record(z.string(), z.number().nullable());

const budget = z.array(
  z.looseObject({
    amount_usd: z.string(),
    period: z.string(),
    hard: z.boolean(),
    spent_usd: z.string(),
    renews_at: time,
  }),
);

const project = z.looseObject({
  id: z.string(),
  name: z.string(),
  provider_keys: texts,
  is_active: z.boolean(),
  deactivated_at: time,
  created_at: z.string(),
  updated_at: z.string(),
  metadata: members,
  policy: members,
  settings: members,
  limits,
  budget,
});

const token = z.looseObject({
  id: z.string(),
  project_id: z.string(),
  name: z.string().nullable(),
  token: z.string(),
  expires_at: time,
  max_requests: z.number().nullable(),
  is_active: z.boolean(),
  created_at: z.string(),
  last_used_at: time,
  request_count: z.number(),
  user_id: z.string().nullable(),
  allowed_models: z.array(z.string()).nullable(),
  metadata: members,
  limits,
  budget,
});

const entry = z.looseObject({
  timestamp: z.string(),
  action: z.string(),
  outcome: z.string(),
  reason: z.string().nullable(),
  actor: z.string(),
  origin: z.string(),
  project_id: z.string().nullable(),
  token_id: z.string().nullable(),
  client_ip: z.string().nullable(),
});

const provider = z.looseObject({
  name: z.string(),
  dialect: z.string(),
  base_url: z.string(),
  routes: z.array(z.string()),
  key: z.string(),
  status: z.string(),
  error_rate: z.number().nullable(),
});

const setting = z.looseObject({ name: z.string(), value: z.string().nullable(), source: z.string() });

const text = z.string().nullable();
const count = z.number();

const exchange = z.looseObject({
  id: z.string(),
  started_at: z.string(),
  provider: text,
  model: text,
  project_id: text,
  token_id: text,
  user: text,
  method: z.string(),
  path: z.string(),
  status: z.number().nullable(),
  outcome: z.string(),
  cause: text,
  cache: text,
  duration_ms: count,
  first_byte_ms: z.number().nullable(),
  input_tokens: count,
  output_tokens: count,
  cost_nano_usd: text,
  unpriced: z.boolean(),
});

const quantiles = z.looseObject({ p50: z.number().nullable(), p95: z.number().nullable() });

const sums = z.looseObject({
  requests: count,
  errors: count,
  cache_hits: count,
  unpriced: count,
  usage: z.record(z.string(), count),
  cost_nano_usd: z.string(),
  saved_nano_usd: z.string(),
  latency_ms: quantiles,
  first_byte_ms: quantiles,
});

/** Answers of the API by what they tell. */
export const shapes = {
  project,
  projects: z.looseObject({ projects: z.array(project), ...next }),
  token,
  tokens: z.looseObject({ tokens: z.array(token), ...next }),
  revoked: z.looseObject({
    revoked_count: z.number(),
    already_revoked_count: z.number(),
    total_tokens: z.number(),
  }),
  audit: z.looseObject({ audit: z.array(entry), ...next }),
  check: z.looseObject({ ok: z.boolean(), checked: z.number(), broken_at: z.number().optional() }),
  providers: z.looseObject({ providers: z.array(provider) }),
  config: z.looseObject({ version: z.string(), settings: z.array(setting) }),
  exchange,
  exchanges: z.looseObject({ exchanges: z.array(exchange), ...next }),
  event: z.looseObject({
    id: z.string().optional(),
    started_at: z.string().optional(),
    method: z.string().optional(),
    path: z.string().optional(),
    dropped: z.number().optional(),
  }),
  exchangeFacts: z.looseObject({ id: z.string(), body_kept: z.boolean() }),
  exchangeBody: z.looseObject({ id: z.string() }),
  usage: z.looseObject({ usage: z.array(sums), start_time: z.string(), end_time: z.string() }),
  purged: z.looseObject({ deleted: z.number() }),
  nothing: z.undefined(),
} as const;

/** A project as the API tells of it. */
export type Project = z.output<typeof project>;

/** A token as the API tells of it. */
export type Token = z.output<typeof token>;

/** An entry of the audit as the API tells of it. */
export type Entry = z.output<typeof entry>;

/** An exchange as the API tells of it in lists. */
export type Exchange = z.output<typeof exchange>;

/** Sums of usage as the API tells of them. */
export type Sums = z.output<typeof sums>;

/** What of a project is to be different. */
export type ProjectChange = InferRequestType<ManagementClient["manage"]["projects"][":id"]["$patch"]>["json"];
