/** Paths that Weir answers itself, and that never go upstream. */
export type OwnPaths = { readonly find: (request: Request) => OwnPath | undefined };

/** Answers one of them. */
export type OwnPath = (request: Request) => Response | Promise<Response>;

const reserved = /^\/(?:manage|admin)(?:\/|$)|^\/api\/docs$/;

/** Creates the table; a path of ours that nothing serves yet is a 404 of ours. */
export function createOwnPaths(paths: Readonly<Record<string, OwnPath>>): OwnPaths {
  const byPath = new Map(Object.entries(paths));
  return {
    find({ url }) {
      const path = pathOf(url);
      return byPath.get(path) ?? (reserved.test(path) ? notFound : undefined);
    },
  };
}

/** A page, which can be read and nothing else. */
export function readOnly(page: OwnPath): OwnPath {
  return (request) =>
    request.method === "GET" || request.method === "HEAD" ? page(request) : methodNotAllowed(request);
}

function pathOf(url: string): string {
  const from = url.indexOf("/", url.indexOf("://") + 3);
  const query = url.indexOf("?", from);
  return query === -1 ? url.slice(from) : url.slice(from, query);
}

const notFound: OwnPath = () =>
  Response.json(
    { error: { message: "There is nothing at this path.", code: "not_found" } },
    { status: 404, headers: { "x-weir-error": "not_found" } },
  );

const methodNotAllowed: OwnPath = () =>
  Response.json(
    { error: { message: "Only GET and HEAD are answered here.", code: "method_not_allowed" } },
    { status: 405, headers: { allow: "GET, HEAD", "x-weir-error": "method_not_allowed" } },
  );
