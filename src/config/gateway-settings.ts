import { duration, flag, oneOf, reading, size, text, withDefault } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

/** How calls are forwarded: waits, sizes, and what is added to or done with an answer. */
export const gatewaySettings = {
  defaultApi: {
    env: "DEFAULT_API_PROVIDER",
    yaml: "default_api",
    ...withDefault(text(), "openai"),
    help: "The provider of `/v1/…` where nothing else claims the path.",
  },
  anthropicVersion: {
    env: "ANTHROPIC_VERSION",
    yaml: "gateway.anthropic_version",
    ...withDefault(
      reading("a date such as 2023-06-01", (value) => (/^\d{4}-\d{2}-\d{2}$/.test(value) ? value : undefined)),
      "2023-06-01",
    ),
    help: "The `anthropic-version` of an Anthropic call that comes without one.",
  },
  proxyTimeoutMs: {
    env: "PROXY_TIMEOUT_MS",
    aliases: ["REQUEST_TIMEOUT"],
    yaml: "gateway.proxy_timeout_ms",
    ...withDefault(duration(), "300000"),
    help: "How long a provider may take until the head of its answer, connecting included; never the whole stream. 0 waits for ever. `REQUEST_TIMEOUT` needs a unit (`30s`).",
  },
  streamIdleTimeoutMs: {
    env: "STREAM_IDLE_TIMEOUT_MS",
    yaml: "gateway.stream_idle_timeout_ms",
    ...withDefault(duration(), "600000"),
    help: "How long an answer may be silent between two bytes of its body. 0 waits for ever.",
  },
  connectTimeoutMs: {
    env: "CONNECT_TIMEOUT_MS",
    yaml: "gateway.connect_timeout_ms",
    ...withDefault(duration(), "10000"),
    help: "How long connecting to a provider may take. 0 leaves it to `PROXY_TIMEOUT_MS`.",
  },
  clientHeadTimeoutMs: {
    env: "CLIENT_HEAD_TIMEOUT_MS",
    yaml: "gateway.client_head_timeout_ms",
    ...withDefault(duration(), "15000"),
    help: "Accepted without effect: the runtime gives the first head of a connection 10 to 12 seconds, and later ones 75.",
  },
  clientIdleTimeoutMs: {
    env: "CLIENT_IDLE_TIMEOUT_MS",
    yaml: "gateway.client_idle_timeout_ms",
    ...withDefault(duration(), "60000"),
    help: "How long a consumer may pause between two bytes of a request's body. A JSON body of up to 64 KB whose length is declared, and any such body that has to be looked into, has to be whole in that time instead: at 2 KB/s it takes 32 seconds. 0 waits for ever.",
  },
  onDisconnect: {
    env: "ON_DISCONNECT",
    yaml: "gateway.on_disconnect",
    ...withDefault(oneOf(["cancel", "drain"]), "cancel"),
    help: "What becomes of an answer whose consumer left: `cancel` it, or `drain` it to learn its usage.",
  },
  drainTimeoutMs: {
    env: "DRAIN_TIMEOUT_MS",
    yaml: "gateway.drain_timeout_ms",
    ...withDefault(duration(), "30000"),
    help: "How long `ON_DISCONNECT=drain` reads on.",
  },
  maxInspectBytes: {
    env: "MAX_INSPECT_BYTES",
    yaml: "gateway.max_inspect_bytes",
    ...withDefault(size(), "8MB"),
    help: "The largest JSON request that is held whole and looked into, and the largest form where limits or budgets bound the call; larger ones stream through. Where a policy is about parameters it bounds every request, and larger ones are refused.",
  },
  maxBodyBytes: {
    env: "MAX_BODY_BYTES",
    aliases: ["MAX_REQUEST_SIZE"],
    yaml: "gateway.max_body_bytes",
    ...withDefault(size(), "512MB"),
    help: "The largest request that is forwarded; a larger one is answered with 413. 0 sets no bound.",
  },
  maxWsMessageBytes: {
    env: "MAX_WS_MESSAGE_BYTES",
    yaml: "gateway.max_ws_message_bytes",
    ...withDefault(size({ min: 1024 }), "64MB"),
    help: "The largest WebSocket message.",
  },
  streamUsage: {
    env: "STREAM_USAGE",
    yaml: "gateway.stream_usage",
    ...withDefault(oneOf(["inject", "off"]), "inject"),
    help: "Whether a chat stream that doesn't ask for its usage is made to (`inject`; the extra event is kept from the consumer), or its usage is estimated (`off`).",
  },
  streamErrorEvent: {
    env: "STREAM_ERROR_EVENT",
    yaml: "gateway.stream_error_event",
    ...withDefault(flag(), "false"),
    help: "Whether a stream that the provider cut gets an error event of its dialect before it breaks.",
  },
  validateRequests: {
    env: "VALIDATE_REQUESTS",
    yaml: "gateway.validate_requests",
    ...withDefault(flag(), "false"),
    help: "Whether Anthropic message requests are checked before they are forwarded.",
  },
  responseUsageHeaders: {
    env: "RESPONSE_USAGE_HEADERS",
    yaml: "gateway.response_usage_headers",
    ...withDefault(flag(), "false"),
    help: "Whether a JSON answer that isn't streamed carries its usage in `X-LLM-*` headers; it is then read before its head is sent.",
  },
  propagateTrace: {
    env: "PROPAGATE_TRACE",
    yaml: "gateway.propagate_trace",
    ...withDefault(flag(), "false"),
    help: "Whether a call without a `traceparent` goes upstream with one of ours.",
  },
} satisfies Settings;
