import type { MiddlewareHandler } from "hono";
import type { Actor } from "../domain/audit.ts";
import type { FindClientAddress } from "../lib/client-address.ts";
import { maskSecrets } from "../lib/mask-secrets.ts";
import type { ManagementEnv } from "./routes.ts";

const longestPath = 512;
const longestUserAgent = 256;

/** Finds out who asks, as far as it shows before a credential is looked at, and gives every answer the headers that all have. */
export function identify(findClientAddress: FindClientAddress): MiddlewareHandler<ManagementEnv> {
  return async (c, next) => {
    const requestId = readRequestId(c.req.header("x-request-id"));
    const userAgent = c.req.header("user-agent")?.slice(0, longestUserAgent);
    const actor: Actor = {
      name: "anonymous",
      origin: readOrigin(c.req.header("x-weir-origin")),
      requestId,
      clientAddress: findClientAddress(c.env.peerAddress, c.req.header("x-forwarded-for") ?? null),
      method: c.req.method,
      // Who takes a token or a key for an id must not find it in the audit.
      path: maskSecrets(c.req.path).slice(0, longestPath),
      ...(userAgent === undefined ? {} : { userAgent }),
    };
    c.set("requestId", requestId);
    c.set("actor", actor);
    await next();
    c.res.headers.set("x-request-id", requestId);
    c.res.headers.set("cache-control", "no-store");
    c.res.headers.set("x-content-type-options", "nosniff");
  };
}

/** An id that a log line can hold, or one of ours. */
function readRequestId(sent: string | undefined): string {
  return sent !== undefined && /^[ -~]{1,128}$/.test(sent) ? sent : Bun.randomUUIDv7();
}

function readOrigin(sent: string | undefined): Actor["origin"] {
  return sent === "cli" || sent === "admin-ui" ? sent : "api";
}
