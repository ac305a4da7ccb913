import { pretty } from "../json.ts";

/** An error as this API tells it. */
export type Fault = {
  readonly status: number;
  readonly message: string;
  readonly type?: string;
  readonly param?: string;
  readonly code?: string;
};

/** The body of a refusal. */
export function faultText(fault: Fault): string {
  return `${pretty({ error: errorOf(fault) })}\n`;
}

/** What stands under `error`. */
export function errorOf({ status, message, type, param, code }: Fault): object {
  return { message, type: type ?? typeOf(status), param: param ?? null, code: code ?? null };
}

/** The error that goes with a status. */
export function faultByStatus(status: number, model: string): Fault {
  switch (status) {
    case 401:
      return {
        status,
        message: "Incorrect API key provided. It is in the Authorization header that the key belongs.",
        code: "invalid_api_key",
      };
    case 403:
      return { status, message: `Project does not have access to model \`${model}\`.`, code: "model_not_found" };
    case 404:
      return {
        status,
        message: `The model \`${model}\` does not exist or you do not have access to it.`,
        code: "model_not_found",
      };
    case 429:
      return {
        status,
        message: `Rate limit reached for ${model} on requests per min (RPM). Please try again in 1s.`,
        type: "requests",
        code: "rate_limit_exceeded",
      };
    case 400:
      return { status, message: `The model's name asks for a refusal: ${model}.`, param: "model" };
    default:
      return serverFault(status);
  }
}

/** An error of the server's own. */
export function serverFault(status = 500): Fault {
  return { status, message: "The server had an error while processing your request.", type: "server_error" };
}

/** The refusal of a request without something that it needs. */
export function missing(param: string): Fault {
  return { status: 400, message: `Missing required parameter: '${param}'.`, param, code: "missing_required_parameter" };
}

function typeOf(status: number): string {
  return status >= 500 ? "server_error" : "invalid_request_error";
}
