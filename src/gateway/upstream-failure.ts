import { Refusal } from "../domain/refusal.ts";
import { type Call, ConsumerLeft } from "./call.ts";
import type { Over } from "./under-way.ts";

/** Why a call was ended by us before its answer began. */
export type CallEnd = Over | "connect" | "left";

const unreachable = new Map([
  ["ConnectionRefused", "it refused the connection"],
  ["ECONNREFUSED", "it refused the connection"],
  ["ENOTFOUND", "its name could not be resolved"],
  ["EAI_AGAIN", "its name could not be resolved"],
  ["FailedToOpenSocket", "no connection could be opened"],
  ["EHOSTUNREACH", "there is no way to it"],
  ["ENETUNREACH", "there is no way to it"],
  ["ETIMEDOUT", "the connection timed out"],
]);

/** What a consumer is told when a call brought no answer; Bun's error codes say why, apart from what we ended ourselves. */
export function readUpstreamFailure(error: unknown, ending: CallEnd | undefined, call: Call): Error {
  const { name } = call.route.provider;
  if (ending === "shutdown") return new Refusal("draining", { cause: error });
  if (ending === "late") return new Refusal("upstream_timeout", { cause: error });
  if (ending === "connect") return createConnectRefusal(name, error);
  if (error instanceof Refusal) return error;
  const upload = call.body.kind === "stream" ? call.body.upload.failure() : undefined;
  if (upload instanceof Refusal) return upload;
  if (upload)
    return new ConsumerLeft("The consumer closed the connection in the middle of its upload.", { cause: upload });
  const why = readReason(error);
  if (why)
    return new Refusal("upstream_unreachable", {
      message: `${name} could not be reached: ${why}. Send the request again later.`,
      cause: error,
    });
  return new Refusal("upstream_failed", { cause: error });
}

/** What a consumer is told where no connection stood in time. */
export function createConnectRefusal(name: string, cause?: unknown): Refusal {
  return new Refusal("upstream_timeout", {
    message: `No connection to ${name} could be made in time. Send the request again later.`,
    cause,
  });
}

function readReason(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return (
    unreachable.get(code) ??
    (/CERT|TLS|SSL|SELF_SIGNED|VERIFY/.test(code) ? "its TLS certificate or handshake failed" : undefined)
  );
}

/** Whether a call failed by its upstream: it can't be reached, it is too late, or it broke off. */
export function isUpstreams(error: unknown): error is Refusal {
  return (
    error instanceof Refusal && ["upstream_unreachable", "upstream_timeout", "upstream_failed"].includes(error.code)
  );
}

/** Whether nothing of the call was taken by an upstream, so that it is as if it had never been made. */
export function isUnreached(error: unknown): boolean {
  return error instanceof Refusal && error.code === "upstream_unreachable";
}
