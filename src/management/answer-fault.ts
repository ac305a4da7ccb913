import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { isDatabaseFailure } from "../storage/database-failure.ts";
import { ExchangeLogFault } from "../storage/exchange-questions.ts";
import type { ManagementEnv } from "./routes.ts";
import { bodyFault, ManagementFault } from "./fault.ts";

/** Answers with whatever went wrong; what nobody expected is told to the log and not to the client. */
export function createFaultAnswer(onFault: (error: unknown, requestId: string) => void) {
  return (error: unknown, c: Context<ManagementEnv>): Response => {
    const fault = toFault(error);
    const isExpected = fault.status < 500 || fault === error || c.req.raw.signal.aborted;
    if (!isExpected) onFault(error, c.var.requestId);
    return c.json({ error: { message: fault.message, code: fault.code } }, fault.status, {
      "x-weir-error": fault.code,
      ...fault.headers,
    });
  };
}

function toFault(error: unknown): ManagementFault {
  if (error instanceof ManagementFault) return error;
  if (error instanceof HTTPException) return toRequestFault(error);
  if (error instanceof ExchangeLogFault)
    return new ManagementFault("exchange_log_unavailable", {
      message: error.message,
      cause: error,
      headers: { "retry-after": "1" },
    });
  if (isDatabaseFailure(error))
    return new ManagementFault("dependency_unavailable", { cause: error, headers: { "retry-after": "1" } });
  return new ManagementFault("internal_error", { cause: error });
}

/** What the framework finds wrong with a request. */
function toRequestFault({ status, cause }: HTTPException): ManagementFault {
  if (status === 413) return new ManagementFault("body_too_large");
  if (status === 415) return new ManagementFault("content_type_invalid");
  if (status === 400) return bodyFault("it is not JSON. Check quotes, commas and braces");
  return new ManagementFault("internal_error", { cause });
}
