import type { Answer } from "../dialect.ts";
import type { Header } from "../http1.ts";
import { webPage } from "../web-page.ts";

/** What an answer's head says beside its body. */
export type HeadFacts = { readonly requestId: string; readonly now: number };

const organization = "5e1a4c0e-0000-4000-8000-6d6f636b0001";
const minute = 60;

/** An answer in JSON, in the compact form that Anthropic writes. */
export function jsonAnswer(value: unknown, head: HeadFacts): Answer {
  return { status: 200, headers: headersOf("application/json", head), body: JSON.stringify(value) };
}

/** The fields of every answer: https://platform.claude.com/docs/en/api/rate-limits#response-headers */
export function headersOf(contentType: string, { requestId, now }: HeadFacts): readonly Header[] {
  const reset = timeText(now + minute);
  const limits = ["requests", "tokens", "input-tokens", "output-tokens"].flatMap((what): readonly Header[] => [
    [`anthropic-ratelimit-${what}-limit`, what === "requests" ? "4000" : "2000000"],
    [`anthropic-ratelimit-${what}-remaining`, what === "requests" ? "3999" : "1999000"],
    [`anthropic-ratelimit-${what}-reset`, reset],
  ]);
  return [
    ["content-type", contentType],
    ["cache-control", "no-cache"],
    ["request-id", requestId],
    ["anthropic-organization-id", organization],
    ...limits,
  ];
}

/** https://platform.claude.com/docs/en/api/errors */
export function failure(status: number, message: string, head: HeadFacts): Answer {
  const retry: readonly Header[] = status === 429 ? [["retry-after", "1"]] : [];
  return {
    status,
    headers: [...headersOf("application/json", head), ...retry],
    body: JSON.stringify(errorBody(status, message, head.requestId)),
  };
}

/** An error that a model's name asks for. */
export function faultAnswer(status: number, html: boolean, head: HeadFacts): Answer {
  if (!html) return failure(status, faultMessage(status), head);
  return { status, headers: headersOf("text/html", head), body: webPage(status, "Bad Gateway") };
}

/** An error as JSON, in a body or in a stream. */
export function errorBody(status: number, message: string, requestId: string): object {
  return { type: "error", error: { type: errorType(status), message }, request_id: requestId };
}

/** Seconds since 1970 as Anthropic writes a time. */
export function timeText(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace(".000Z", "Z");
}

function faultMessage(status: number): string {
  if (status === 429) return "This request would exceed your organization's rate limit.";
  if (status === 529) return "Overloaded";
  if (status === 401) return "invalid x-api-key";
  return status < 500 ? "The model's name asks for this error." : "Internal server error";
}

function errorType(status: number): string {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 529:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}
