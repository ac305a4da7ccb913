import { hash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import type { ManagementEnv } from "./routes.ts";
import { type FaultCode, ManagementFault } from "./fault.ts";
import type { GuessBrake } from "./guess-brake.ts";
import type { RefusalLog } from "./refusal-log.ts";

/** What the check of credentials is made of. */
export type AuthenticationParts = {
  readonly managementToken: string;
  readonly brake: GuessBrake;
  readonly refusals: Pick<RefusalLog, "add">;
  /** Paths that anybody may read. */
  readonly publicPaths: ReadonlySet<string>;
};

/** Lets in who sends the management token, and nobody else to anything but the public paths. */
export function authenticate(parts: AuthenticationParts): MiddlewareHandler<ManagementEnv> {
  const { brake, refusals, publicPaths } = parts;
  const expected = digest(parts.managementToken);

  return async (c, next) => {
    const isRead = c.req.method === "GET" || c.req.method === "HEAD";
    if (isRead && publicPaths.has(c.req.path)) return next();
    const { actor } = c.var;
    const { clientAddress = "" } = actor;
    const fault = await check(c.req.header("authorization"), clientAddress);
    if (fault) {
      await refusals.add(actor, fault.code);
      throw fault;
    }
    c.set("actor", { ...actor, name: "management_token" });
    await next();
  };

  async function check(authorization: string | undefined, address: string): Promise<ManagementFault | undefined> {
    const given = /^bearer +([!-~]+) *$/i.exec(authorization ?? "")?.[1];
    // Nothing was guessed.
    if (given === undefined) return refusal("credential_missing", { "www-authenticate": "Bearer" });
    if (timingSafeEqual(digest(given), expected)) {
      brake.succeeded(address);
      return undefined;
    }
    if (brake.isCrowded(address)) return refusal("attempts_exceeded", { "retry-after": "5" });
    await brake.failed(address);
    return refusal("management_token_invalid", { "www-authenticate": 'Bearer error="invalid_token"' });
  }
}

function refusal(code: FaultCode, headers: Readonly<Record<string, string>>): ManagementFault {
  return new ManagementFault(code, { headers });
}

function digest(text: string): Buffer {
  return hash("sha256", text, "buffer");
}
