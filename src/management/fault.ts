/** Every error of the management API: its status, and what is wrong with what to do about it. */
const catalogue = {
  credential_missing: [
    401,
    "missing or invalid Authorization header. Send the management token in it, as: Authorization: Bearer <token>",
  ],
  management_token_invalid: [
    401,
    "invalid management token. Send the one that MANAGEMENT_TOKEN sets, or that lies in the file management-token of DATA_DIR",
  ],
  attempts_exceeded: [
    429,
    "Too many wrong credentials came from this address. Wait as long as the Retry-After header says",
  ],
  not_found: [404, "There is nothing at this path. /api/docs lists what there is"],
  project_not_found: [404, "project not found. GET /manage/projects lists those that there are"],
  token_not_found: [404, "token not found. A token is named by its id; GET /manage/tokens lists those that there are"],
  audit_entry_not_found: [404, "audit event not found. GET /manage/audit lists those that there are"],
  exchange_not_found: [
    404,
    "exchange not found. It isn't in the log yet, or not any more; GET /manage/exchanges lists those that are",
  ],
  sink_not_found: [404, "sink not found. GET /manage/sinks lists those that there are"],
  method_not_allowed: [405, "method not allowed. Use one of those that the Allow header names"],
  project_exists: [409, "There is a project of that name already. Choose another name"],
  project_inactive: [403, "cannot create tokens for inactive projects. Activate the project first"],
  no_fields: [400, "no fields to update. Name at least one"],
  body_invalid: [400, "invalid request body"],
  query_invalid: [400, "invalid query"],
  cache_off: [400, "caching is disabled, so there is nothing to purge"],
  body_too_large: [413, "The request body is larger than 1 MB. Send a smaller one"],
  content_type_invalid: [415, "A request body must be JSON. Send it with Content-Type: application/json"],
  internal_error: [500, "The management API failed. Try again; tell the operator the x-request-id if it happens again"],
  dependency_unavailable: [
    503,
    "The database doesn't answer as it should. Try again later; the log says what is wrong",
  ],
  exchange_log_off: [
    503,
    "No exchanges are kept here. That takes TELEMETRY=on, an EXCHANGE_LOG that isn't off, and store among the SINKS",
  ],
  exchange_log_unavailable: [503, "The exchange log can't be asked now. Try again in a moment"],
  listeners_exceeded: [503, "So many listen to the exchanges already. Try again when one of them has left"],
  telemetry_unavailable: [503, "Telemetry is switched off, or doesn't answer. Try again later, or look at TELEMETRY"],
} as const satisfies Readonly<Record<string, readonly [status: number, message: string]>>;

/** A code of the catalogue. */
export type FaultCode = keyof typeof catalogue;

/** What one fault says beyond the catalogue. The message goes to a client: never put a secret in it. */
export type FaultDetails = {
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
};

/** An error that is told to a client of the management API; it has the catalogue's status, and its message unless a better one is given. */
export class ManagementFault extends Error {
  override readonly name = "ManagementFault";
  readonly code: FaultCode;
  readonly status: (typeof catalogue)[FaultCode][0];
  /** Headers that belong to it, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: FaultCode, { message, headers = {}, cause }: FaultDetails = {}) {
    const [status, usual] = catalogue[code];
    super(message ?? usual, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}

/** A body that isn't what it must be; `what` completes the sentence. */
export function bodyFault(what: string): ManagementFault {
  return new ManagementFault("body_invalid", { message: `invalid request body: ${what}` });
}

/** A query that isn't what it must be; `what` completes the sentence. */
export function queryFault(what: string): ManagementFault {
  return new ManagementFault("query_invalid", { message: `invalid query: ${what}` });
}

/** What a code means, for docs. */
export function describeFault(code: FaultCode): string {
  return `\`${code}\`: ${catalogue[code][1]}.`;
}
