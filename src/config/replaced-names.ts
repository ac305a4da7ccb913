/** A program that this one takes the place of. */
export type ReplacedSystem = "langfuse-proxy" | "fuseproxy" | "sofatutor/llm-proxy" | "Instawork/llm-proxy";

/** What became of a variable that a replaced system read: a setting of the same name, another name of a setting, or nothing. */
export type ReplacedName = {
  readonly name: string;
  readonly systems: readonly ReplacedSystem[];
  readonly fate: "works" | "alias" | "no effect";
  /** What is different; for what has no effect, the reason and what to do instead. */
  readonly note?: string;
  /** Values that stop the start, since who sets them expects what would be wrong here; the reason completes "because". */
  readonly refused?: { readonly values: readonly string[]; readonly why: string };
};

const [lfp, fuse, sofatutor, instawork] = [
  "langfuse-proxy",
  "fuseproxy",
  "sofatutor/llm-proxy",
  "Instawork/llm-proxy",
] as const satisfies readonly ReplacedSystem[];

/** The variables of the replaced systems. */
export const replacedNames: readonly ReplacedName[] = [
  {
    name: "NODE_ENV",
    systems: [lfp],
    fate: "works",
    note: "It decides between JSON and pretty log lines alone, and no value stops the start.",
  },
  {
    name: "PORT",
    systems: [lfp, instawork],
    fate: "works",
    note: "A port in use is an error. llm-proxy of Instawork listened on 9002 without it, fuseproxy always on 5678.",
  },
  {
    name: "LOG_LEVEL",
    systems: [lfp, fuse, sofatutor, instawork],
    fate: "works",
    note: "The default of fuseproxy was `debug`.",
  },
  { name: "LOG_FORMAT", systems: [sofatutor, instawork], fate: "works" },
  { name: "LOG_FILE", systems: [sofatutor], fate: "works" },
  { name: "LOG_MAX_SIZE_MB", systems: [sofatutor], fate: "works" },
  { name: "LOG_MAX_BACKUPS", systems: [sofatutor], fate: "works" },
  {
    name: "UPSTREAM_BASE_URL",
    systems: [lfp],
    fate: "works",
    note: "A trailing slash and a `/v1` at the end are understood.",
  },
  {
    name: "UPSTREAM_API_KEY",
    systems: [lfp],
    fate: "works",
    note: "Without a gate key it needs `HOST=127.0.0.1` or `ALLOW_OPEN_RELAY=true`.",
  },
  {
    name: "PROXY_API_KEY",
    systems: [lfp],
    fate: "works",
    note: "Every place where a credential may be is read, and the key never goes upstream.",
  },
  {
    name: "INTERNAL_API_KEY",
    systems: [fuse],
    fate: "alias",
    note: "Without it fuseproxy refused everybody; here anybody may call then, but not with an operator's key from other machines.",
  },
  { name: "PROXY_TIMEOUT_MS", systems: [lfp], fate: "works", note: "0 waits for ever." },
  {
    name: "REQUEST_TIMEOUT",
    systems: [sofatutor],
    fate: "alias",
    note: "Until the head of an answer, never the whole stream; with a unit (`30s`).",
  },
  { name: "MAX_REQUEST_SIZE", systems: [sofatutor], fate: "alias" },
  {
    name: "TELEMETRY_MAX_BODY_BYTES",
    systems: [lfp],
    fate: "works",
    note: "The first and the last part of a larger body are kept.",
  },
  { name: "ANTHROPIC_BASE_URL", systems: [lfp, fuse], fate: "works", note: "`-u` of fuseproxy is `-u` here." },
  {
    name: "ANTHROPIC_API_KEY",
    systems: [lfp, fuse],
    fate: "works",
    note: "Without it the consumer's own key goes upstream. `-k` of fuseproxy is `-k` here.",
  },
  { name: "ANTHROPIC_VERSION", systems: [lfp], fate: "works" },
  { name: "GEMINI_BASE_URL", systems: [lfp], fate: "works" },
  { name: "GEMINI_API_KEY", systems: [lfp], fate: "works" },
  { name: "LANGFUSE_BASE_URL", systems: [lfp, fuse], fate: "works" },
  { name: "LANGFUSE_PUBLIC_KEY", systems: [lfp, fuse], fate: "works", note: "One key without the other is an error." },
  { name: "LANGFUSE_SECRET_KEY", systems: [lfp, fuse], fate: "works" },
  { name: "LANGFUSE_TRACING_ENVIRONMENT", systems: [lfp, fuse], fate: "works" },
  { name: "LANGFUSE_RELEASE", systems: [lfp, fuse], fate: "works" },
  { name: "VERCEL_GIT_COMMIT_SHA", systems: [lfp], fate: "alias" },
  { name: "COMMIT_REF", systems: [lfp], fate: "alias" },
  { name: "RENDER_GIT_COMMIT", systems: [lfp], fate: "alias" },
  { name: "CI_COMMIT_SHA", systems: [lfp], fate: "alias" },
  { name: "SOURCE_VERSION", systems: [lfp], fate: "alias" },
  { name: "LANGFUSE_SAMPLE_RATE", systems: [lfp, fuse], fate: "works" },
  {
    name: "DEPLOYMENT_ENVIRONMENT",
    systems: [fuse],
    fate: "works",
    note: "It reaches Langfuse, where fuseproxy lost it.",
  },
  {
    name: "LISTEN_ADDR",
    systems: [sofatutor],
    fate: "works",
    note: "Without it llm-proxy of sofatutor listened on `:8080`.",
  },
  {
    name: "API_CONFIG_PATH",
    systems: [sofatutor],
    fate: "alias",
    note: "The file is `weir.yaml`, and a faulty one stops the start.",
  },
  { name: "DEFAULT_API_PROVIDER", systems: [sofatutor], fate: "works", note: "An unknown name stops the start." },
  {
    name: "MANAGEMENT_TOKEN",
    systems: [sofatutor],
    fate: "works",
    note: "It starts without one, and makes one then. A call that carries it is refused.",
  },
  {
    name: "DB_DRIVER",
    systems: [sofatutor],
    fate: "works",
    note: "`sqlite` or `postgres`, migrations for both; MySQL is not there.",
  },
  { name: "DATABASE_PATH", systems: [sofatutor], fate: "works" },
  { name: "DATABASE_URL", systems: [sofatutor], fate: "works", note: "It counts with `DB_DRIVER=postgres` alone." },
  { name: "DATABASE_POOL_SIZE", systems: [sofatutor], fate: "works" },
  { name: "DATABASE_MAX_IDLE_CONNS", systems: [sofatutor], fate: "works" },
  { name: "DATABASE_CONN_MAX_LIFETIME", systems: [sofatutor], fate: "works" },
  {
    name: "ENCRYPTION_KEY",
    systems: [sofatutor],
    fate: "works",
    note: "Several may stand with commas between; setting, adding or rotating one leaves every token as it is.",
  },
  { name: "REQUIRE_ENCRYPTION_KEY", systems: [sofatutor], fate: "works" },
  { name: "AUDIT_ENABLED", systems: [sofatutor], fate: "works" },
  {
    name: "AUDIT_LOG_FILE",
    systems: [sofatutor],
    fate: "works",
    note: "Its mode is 0600, and its entries are chained.",
  },
  { name: "AUDIT_CREATE_DIR", systems: [sofatutor], fate: "works" },
  { name: "AUDIT_STORE_IN_DB", systems: [sofatutor], fate: "works" },
  { name: "TOKEN_CLEANUP_INTERVAL", systems: [sofatutor], fate: "works", note: "It did nothing there." },
  {
    name: "LLM_PROXY_ENFORCE_PROJECT_ACTIVE",
    systems: [sofatutor],
    fate: "no effect",
    refused: { values: ["false", "0", "no", "off"], why: "deactivated projects never call here" },
    note: "Deactivated projects never call, within a second and in every process; `false` is refused at start.",
  },
  {
    name: "MASK_API_KEYS",
    systems: [sofatutor],
    fate: "no effect",
    refused: { values: ["false", "0", "no", "off"], why: "keys are always masked here" },
    note: "Keys are always masked; `false` is refused at start.",
  },
  {
    name: "VALIDATE_API_KEY_FORMAT",
    systems: [sofatutor],
    fate: "no effect",
    note: "A token's form and checksum are always checked; a provider's key may have any form.",
  },
  {
    name: "LLM_PROXY_ACTIVE_CACHE_TTL",
    systems: [sofatutor],
    fate: "no effect",
    note: "What is known of a project is looked after five times a second.",
  },
  {
    name: "LLM_PROXY_ACTIVE_CACHE_MAX",
    systems: [sofatutor],
    fate: "no effect",
    note: "What is kept is bounded by itself.",
  },
  {
    name: "LLM_PROXY_API_KEY_CACHE_TTL",
    systems: [sofatutor],
    fate: "no effect",
    note: "A changed key holds within a second.",
  },
  {
    name: "LLM_PROXY_API_KEY_CACHE_MAX",
    systems: [sofatutor],
    fate: "no effect",
    note: "What is kept is bounded by itself.",
  },
  {
    name: "USAGE_STATS_BUFFER_SIZE",
    systems: [sofatutor],
    fate: "no effect",
    note: "No use of a token is dropped, so there is no buffer to size.",
  },
  { name: "CORS_ALLOWED_ORIGINS", systems: [sofatutor], fate: "works" },
  { name: "ENABLE_METRICS", systems: [sofatutor], fate: "works" },
  { name: "METRICS_PATH", systems: [sofatutor], fate: "works" },
  { name: "FILE_EVENT_LOG", systems: [sofatutor], fate: "works", note: "It is read from `.env` too." },
  {
    name: "LLM_PROXY_EVENT_BUS",
    systems: [sofatutor],
    fate: "alias",
    note: "`in-memory` works; `redis-streams` and `redis` are refused at start, because this build has no such backend. The default is `sqlite`.",
  },
  {
    name: "OBSERVABILITY_BUFFER_SIZE",
    systems: [sofatutor],
    fate: "works",
    note: "Unset, only `CAPTURE_QUEUE_BYTES` bounds what waits.",
  },
  {
    name: "OBSERVABILITY_ENABLED",
    systems: [sofatutor],
    fate: "no effect",
    note: "`TELEMETRY=off` switches recording off.",
  },
];
