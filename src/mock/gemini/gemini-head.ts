import type { Answer } from "../dialect.ts";
import type { Header } from "../http1.ts";
import { pretty } from "../json.ts";
import { webPage } from "../web-page.ts";

/** An answer in JSON, indented as Google does. */
export function jsonAnswer(value: unknown, headers: readonly Header[] = []): Answer {
  return { status: 200, headers: headersOf("application/json; charset=UTF-8", headers), body: `${pretty(value)}\n` };
}

/** The fields of every answer. */
export function headersOf(contentType: string, more: readonly Header[] = []): readonly Header[] {
  return [
    ["content-type", contentType],
    ["vary", "Origin, X-Origin, Referer"],
    ["server", "scaffolding on HTTPServer2"],
    ["x-content-type-options", "nosniff"],
    ...more,
  ];
}

/** How an error is told. */
export type FailureForm = {
  /** Where the answer would have been an array, its error is one, too. */
  readonly inArray?: boolean;
  readonly html?: boolean;
};

/** https://ai.google.dev/gemini-api/docs/troubleshooting */
export function failure(status: number, message: string, { inArray = false, html = false }: FailureForm = {}): Answer {
  if (html) return { status, headers: headersOf("text/html; charset=UTF-8"), body: webPage(status, "Bad Gateway") };
  const error = errorBody(status, message);
  const retry: readonly Header[] = status === 429 ? [["retry-after", "1"]] : [];
  return {
    status,
    headers: headersOf("application/json; charset=UTF-8", retry),
    body: `${pretty(inArray ? [error] : error)}\n`,
  };
}

/** An error as JSON, in a body or in a stream. */
export function errorBody(status: number, message: string): object {
  const retry = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1s" };
  const details = status === 429 ? { details: [retry] } : {};
  return { error: { code: status, message, status: statusName(status), ...details } };
}

/** What an error says that a model's name asks for. */
export function faultMessage(status: number): string {
  if (status === 429) return "Resource has been exhausted (e.g. check quota).";
  if (status === 503 || status === 529) return "The model is overloaded. Please try again later.";
  return status < 500 ? "The model's name asks for this error." : "An internal error has occurred.";
}

/** The names of https://cloud.google.com/apis/design/errors for HTTP's numbers. */
function statusName(status: number): string {
  switch (status) {
    case 400:
      return "INVALID_ARGUMENT";
    case 401:
      return "UNAUTHENTICATED";
    case 403:
      return "PERMISSION_DENIED";
    case 404:
      return "NOT_FOUND";
    case 429:
      return "RESOURCE_EXHAUSTED";
    case 503:
    case 529:
      return "UNAVAILABLE";
    default:
      return status < 500 ? "FAILED_PRECONDITION" : "INTERNAL";
  }
}
