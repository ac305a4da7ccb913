/** Every failure of ours that a consumer can meet: its status, and what is wrong with what to do about it. */
const catalogue = {
  credential_missing: [
    401,
    "No credential came with this request. Send a token in the Authorization header as a Bearer token.",
  ],
  token_invalid: [
    401,
    "This token is malformed, or came beside another one. Send one token, exactly as it was issued.",
  ],
  token_unknown: [401, "This token is not known here. Ask for a new one."],
  token_inactive: [401, "This token has been deactivated. Ask for a new one."],
  token_expired: [401, "This token has expired. Ask for a new one."],
  invalid_api_key: [401, "This key is not accepted here. Send the gateway's key or a token of a project."],
  provider_key_missing: [401, "There is no key to call this provider with. Ask the operator to configure one."],
  project_inactive: [403, "This token's project has been deactivated. Ask its owner to activate it."],
  origin_not_allowed: [403, "This origin may not call. Ask the operator to allow it."],
  model_not_allowed: [403, "This token may not use this model. Choose another model, or ask for it to be allowed."],
  own_key_not_allowed: [403, "This project does not allow provider keys of your own. Leave yours out."],
  endpoint_not_allowed: [403, "This endpoint may not be called here. Ask the operator to allow it."],
  not_found: [
    404,
    "Nothing answers at this path. Call a provider's own path, such as /v1/chat/completions or /v1/messages.",
  ],
  method_not_allowed: [405, "This method may not be used here. Use one of those that the Allow header names."],
  request_timeout: [408, "The request's body did not arrive in time. Send it again, without pauses."],
  param_not_allowed: [400, "A parameter has a value that is not allowed here. Change or leave out the parameter."],
  header_required: [400, "A header that is required here is missing. Send it."],
  head_invalid: [400, "This request's head has no valid Host, or names its host or its length twice. Send each once."],
  body_invalid: [400, "This body is not a valid request. Correct it and send it again."],
  budget_exceeded: [402, "The budget is spent. Wait until it renews, or ask for a larger one."],
  model_unpriced: [
    402,
    "There is no price for this model, and only priced models may be used here. Choose another model, or ask for a price.",
  ],
  body_too_large: [413, "This request's body is too large. Send a smaller one."],
  upgrade_required: [426, "This path is served over WebSocket only here. Send an Upgrade header."],
  rate_limit_exceeded: [429, "The rate limit is reached. Wait as long as the Retry-After header says."],
  concurrency_exceeded: [429, "Too many requests are in flight. Wait until one has ended."],
  quota_exceeded: [429, "This token's quota is used up and does not renew. Ask for a new token."],
  headers_too_large: [431, "This request's headers are too large. Send fewer or shorter ones."],
  internal_error: [
    500,
    "The gateway failed. Send the request again; tell the operator the exchange id if it happens again.",
  ],
  upstream_unreachable: [502, "The provider could not be reached. Send the request again later."],
  upstream_failed: [502, "The provider's answer broke off before it began. Send the request again."],
  draining: [
    503,
    "The gateway is shutting down. Send the request again after the time that the Retry-After header gives.",
  ],
  dependency_unavailable: [
    503,
    "A part that the gateway needs is unavailable. Send the request again after the time that the Retry-After header gives.",
  ],
  not_cached: [
    504,
    "There is no kept answer to this request, and it asks for no other. Leave out only-if-cached, or send it again later.",
  ],
  upstream_timeout: [
    504,
    "The provider did not answer in time. Send the request again, or ask the operator for a longer timeout.",
  ],
} as const satisfies Readonly<Record<string, readonly [status: number, message: string]>>;

/** A code of the catalogue. */
export type RefusalCode = keyof typeof catalogue;

/** Every code of the catalogue. */
export const refusalCodes: readonly RefusalCode[] = Object.keys(catalogue).filter(isRefusalCode);

/** A status that a refusal can have. */
export type RefusalStatus = (typeof catalogue)[RefusalCode][0];

/** Headers without which a refusal would be misunderstood: both vendors' SDKs repeat a 429 unless they are told not to, and where a request ends that names two lengths nobody knows. */
const ownHeaders: Partial<Record<RefusalCode, Readonly<Record<string, string>>>> = {
  quota_exceeded: { "x-should-retry": "false" },
  concurrency_exceeded: { "retry-after": "1" },
  head_invalid: { connection: "close" },
  draining: { "retry-after": "1" },
  dependency_unavailable: { "retry-after": "1" },
};

/** An error of ours that is told to a consumer, in the shape of its dialect; it has the catalogue's status, and its message unless a better one is given. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;
  readonly status: RefusalStatus;
  /** Headers that belong to this refusal (`allow`, `retry-after`), by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whose call it was, where that is known though it wasn't let in. */
  readonly subject: RefusalDetails["subject"];

  constructor(code: RefusalCode, details: RefusalDetails = {}) {
    const [status, message] = catalogue[code];
    super(details.message ?? message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = status;
    this.headers = { ...ownHeaders[code], ...details.headers };
    this.subject = details.subject;
  }
}

/** What one refusal says beyond the catalogue. The message goes to a consumer: never put a secret in it. */
export type RefusalDetails = {
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
  readonly subject?: { readonly projectId: string; readonly tokenId: string };
};

/** The status of a code. */
export function statusOf(code: RefusalCode): RefusalStatus {
  return catalogue[code][0];
}

function isRefusalCode(text: string): text is RefusalCode {
  return Object.hasOwn(catalogue, text);
}
