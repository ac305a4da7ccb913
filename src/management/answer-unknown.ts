import type { OpenAPIHono } from "@hono/zod-openapi";
import type { NotFoundHandler } from "hono";
import type { ManagementEnv } from "./routes.ts";
import { ManagementFault } from "./fault.ts";

/** Answers where no route fits: with the methods that the path has, or that there is no such path. */
export function answerUnknown({
  openAPIRegistry,
}: Pick<OpenAPIHono<ManagementEnv>, "openAPIRegistry">): NotFoundHandler<ManagementEnv> {
  const routes = openAPIRegistry.definitions.flatMap((definition) => {
    if (definition.type !== "route") return [];
    const { method, path, responses } = definition.route;
    // A method that is never permitted is documented, and is no way to go.
    const isPermitted = !Object.hasOwn(responses, "405");
    return isPermitted ? [{ method: method.toUpperCase(), pattern: toPattern(path) }] : [];
  });

  return (c) => {
    const methods = routes.filter(({ pattern }) => pattern.test(c.req.path)).map(({ method }) => method);
    if (methods.length === 0) throw new ManagementFault("not_found");
    throw new ManagementFault("method_not_allowed", { headers: { allow: [...new Set(methods)].join(", ") } });
  };
}

function toPattern(path: string): RegExp {
  const parts = path.split(/\{[^}]+\}/).map((part) => part.replaceAll(/[.*+?^$|()[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^/]+")}$`);
}
