import { OpenAPIHono } from "@hono/zod-openapi";
import type { Actor } from "../domain/audit.ts";
import { describeIssues } from "./describe-issues.ts";
import { bodyFault, queryFault } from "./fault.ts";
import { readPath } from "./request-target.ts";

/** What every request of the management API has with it. */
export type ManagementEnv = {
  readonly Bindings: { readonly peerAddress: string };
  readonly Variables: { readonly requestId: string; readonly actor: Actor };
};

/** Creates an empty set of routes; what doesn't fit their schemas is a fault that names it. */
export function createRoutes() {
  return new OpenAPIHono<ManagementEnv>({
    getPath: ({ url }) => readPath(url),
    defaultHook(result) {
      if (result.success) return;
      const { issues } = result.error;
      throw result.target === "json"
        ? bodyFault(describeIssues(issues, "field"))
        : queryFault(describeIssues(issues, "parameter"));
    },
  });
}
