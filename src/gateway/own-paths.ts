/** Paths that Weir answers itself, and that never go upstream. */
export type OwnPaths = { readonly find: (request: Request) => OwnPath | undefined };

/** Answers one of them. */
export type OwnPath = (request: Request) => Response | Promise<Response>;

const reserved = /^\/(?:manage|admin)(?:\/|$)|^\/api\/docs$/;

/** Creates the table; a path of ours that nothing serves yet is a 404 of ours. */
export function createOwnPaths(paths: Readonly<Record<string, OwnPath>>): OwnPaths {
  const byPath = new Map(Object.entries(paths));
  return {
    find({ url, method }) {
      const path = pathOf(url);
      const own = byPath.get(path) ?? (reserved.test(path) ? notFound : undefined);
      // Claude Code asks for a sign of life at paths that are not ours.
      return own && (method === "GET" || method === "HEAD" || own === notFound ? own : methodNotAllowed);
    },
  };
}

function pathOf(url: string): string {
  const from = url.indexOf("/", url.indexOf("://") + 3);
  const query = url.indexOf("?", from);
  return query === -1 ? url.slice(from) : url.slice(from, query);
}

const notFound: OwnPath = () => Response.json({ error: { message: "There is nothing at this path.", code: "not_found" } }, { status: 404, headers: { "x-weir-error": "not_found" } });

const methodNotAllowed: OwnPath = () =>
  Response.json({ error: { message: "Only GET and HEAD are answered here.", code: "method_not_allowed" } }, { status: 405, headers: { allow: "GET, HEAD", "x-weir-error": "method_not_allowed" } });
