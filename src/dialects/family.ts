import { type Refusal, type RefusalCode, type RefusalStatus, statusOf } from "../domain/refusal.ts";
import type { Family } from "./dialect.ts";

/** How a family tells an error, so that its SDKs raise the exception that fits. */
export type FamilyErrors = {
  /** The JSON body of a refusal. */
  readonly refusal: (refusal: Refusal, exchangeId: string) => string;
  /** The error as an event of an event stream, with the blank line that ends whatever was cut before it. */
  readonly streamError: (code: RefusalCode, message: string) => string;
  /** The error as one WebSocket message; the socket stays open after it. `eventId` is that of the consumer's refused event. */
  readonly socketError: (refusal: Refusal, exchangeId: string, eventId?: string) => string;
};

/** The body of a refusal where no dialect is known. */
export function noFamilyRefusal(refusal: Refusal): string {
  return JSON.stringify({ error: { message: refusal.message, code: refusal.code } });
}

/** https://platform.openai.com/docs/guides/error-codes; a spent quota has a type of its own, which clients don't retry. */
const openaiTypes: Readonly<Record<RefusalStatus, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "insufficient_quota",
  403: "permission_error",
  404: "invalid_request_error",
  405: "invalid_request_error",
  408: "invalid_request_error",
  413: "invalid_request_error",
  426: "invalid_request_error",
  429: "rate_limit_error",
  431: "invalid_request_error",
  500: "server_error",
  502: "server_error",
  503: "server_error",
  504: "server_error",
};

/** https://docs.claude.com/en/api/errors */
const anthropicTypes: Readonly<Record<RefusalStatus, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  405: "invalid_request_error",
  408: "timeout_error",
  413: "request_too_large",
  426: "invalid_request_error",
  429: "rate_limit_error",
  431: "request_too_large",
  500: "api_error",
  502: "api_error",
  503: "overloaded_error",
  504: "timeout_error",
};

/** https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto */
const geminiStatuses: Readonly<Record<RefusalStatus, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  402: "RESOURCE_EXHAUSTED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "UNIMPLEMENTED",
  408: "DEADLINE_EXCEEDED",
  413: "INVALID_ARGUMENT",
  426: "FAILED_PRECONDITION",
  429: "RESOURCE_EXHAUSTED",
  431: "INVALID_ARGUMENT",
  500: "INTERNAL",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

/** What each family's errors look like. */
export const families: Readonly<Record<Family, FamilyErrors>> = {
  openai: {
    refusal: ({ code, message }) => JSON.stringify({ error: openaiError(code, message) }),
    // Chat clients read `error`, Responses clients `type` with the flat members that its reference documents: one event serves both.
    streamError: (code, message) =>
      event("error", {
        type: "error",
        sequence_number: 0,
        code,
        message,
        param: null,
        error: openaiError(code, message),
      }),
    // Realtime has `event_id`, Responses over WebSocket `status` and `headers`.
    socketError: ({ code, message, status, headers }, exchangeId, eventId) =>
      JSON.stringify({
        type: "error",
        event_id: exchangeId,
        status,
        error: { ...openaiError(code, message), event_id: eventId ?? null },
        headers,
      }),
  },
  anthropic: {
    refusal: anthropicBody,
    streamError: (code, message) => event("error", { type: "error", error: anthropicError(code, message) }),
    socketError: anthropicBody,
  },
  gemini: {
    refusal: geminiBody,
    streamError: (code, message) => event(undefined, { error: geminiError(code, message) }),
    socketError: geminiBody,
  },
};

function openaiError(code: RefusalCode, message: string) {
  const type = code === "quota_exceeded" ? "insufficient_quota" : openaiTypes[statusOf(code)];
  return { message, type, param: null, code };
}

function anthropicBody({ code, message }: Refusal, exchangeId: string): string {
  return JSON.stringify({ type: "error", error: anthropicError(code, message), request_id: exchangeId });
}

function anthropicError(code: RefusalCode, message: string) {
  return { type: anthropicTypes[statusOf(code)], message };
}

function geminiBody({ code, message }: Refusal): string {
  return JSON.stringify({ error: geminiError(code, message) });
}

function geminiError(code: RefusalCode, message: string) {
  const status = statusOf(code);
  const info = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: code, domain: "weir" };
  return { code: status, message, status: geminiStatuses[status], details: [info] };
}

function event(name: string | undefined, data: unknown): string {
  const named = name === undefined ? "" : `event: ${name}\n`;
  return `\n\n${named}data: ${JSON.stringify(data)}\n\n`;
}
