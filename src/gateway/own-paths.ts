/** Paths that Weir answers itself, and that never go upstream. */
export type OwnPaths = { readonly find: (request: Request) => OwnPath | undefined };

/** Answers one of them; `peer` gives the address of who is connected. */
export type OwnPath = (request: Request, peer: () => string) => Response | Promise<Response>;

const managed = /^\/manage(?:\/|$)|^\/api\/docs(?:\/|$)/;
const reserved = /^\/admin(?:\/|$)/;

/** Creates the table, with who answers for the management; a path of ours that nothing serves is a 404 of ours. */
export function createOwnPaths(paths: Readonly<Record<string, OwnPath>>, management: OwnPath = notFound): OwnPaths {
  const byPath = new Map(Object.entries(paths));
  return {
    find({ url }) {
      const path = pathOf(url);
      return byPath.get(path) ?? (managed.test(path) ? management : reserved.test(path) ? notFound : undefined);
    },
  };
}

/** A page, which can be read and nothing else. */
export function readOnly(page: OwnPath): OwnPath {
  return (request, peer) =>
    request.method === "GET" || request.method === "HEAD" ? page(request, peer) : methodNotAllowed();
}

function pathOf(url: string): string {
  const from = url.indexOf("/", url.indexOf("://") + 3);
  const query = url.indexOf("?", from);
  return query === -1 ? url.slice(from) : url.slice(from, query);
}

export const notFound = (): Response =>
  Response.json(
    { error: { message: "There is nothing at this path.", code: "not_found" } },
    { status: 404, headers: { "x-weir-error": "not_found" } },
  );

const methodNotAllowed = (): Response =>
  Response.json(
    { error: { message: "Only GET and HEAD are answered here.", code: "method_not_allowed" } },
    { status: 405, headers: { allow: "GET, HEAD", "x-weir-error": "method_not_allowed" } },
  );
