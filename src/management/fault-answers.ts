import { z } from "@hono/zod-openapi";
import { describeFault, type FaultCode } from "./fault.ts";

const faultSchema = z
  .object({
    error: z.object({
      message: z.string().openapi({ description: "What is wrong, and what to do." }),
      code: z.string().openapi({ description: "One word for programs; `x-weir-error` holds it too." }),
    }),
  })
  .openapi("Fault", { example: { error: { message: "project not found", code: "project_not_found" } } });

/** An error as an answer of a route; the codes are those of one status. */
export function faultAnswer(...codes: readonly [FaultCode, ...FaultCode[]]) {
  return {
    description: codes.map(describeFault).join("\n\n"),
    content: { "application/json": { schema: faultSchema } },
  };
}

const usual = {
  401: faultAnswer("credential_missing", "management_token_invalid"),
  429: faultAnswer("attempts_exceeded"),
  500: faultAnswer("internal_error"),
  503: faultAnswer("dependency_unavailable", "telemetry_unavailable"),
};

const ofBodies = {
  400: faultAnswer("body_invalid"),
  413: faultAnswer("body_too_large"),
  415: faultAnswer("content_type_invalid"),
};

/** A route's own answers, and those that every route may give. */
export function answers<Own extends object>(own: Own) {
  // A spread would make texts of the statuses, and clients would know of none of them.
  return Object.assign({}, usual, own);
}

/** The same for a route with a body. */
export function bodyAnswers<Own extends object>(own: Own) {
  return Object.assign({}, usual, ofBodies, own);
}
