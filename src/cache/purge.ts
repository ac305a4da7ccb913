import type { EntryPlace, Purge } from "./cache.ts";

/** Whether a purge concerns what belongs there. A provider's own prefix may stand before the path or not. */
export function isPurged(what: Purge, { project, provider, method, path }: EntryPlace): boolean {
  switch (what.kind) {
    case "all":
      return true;
    case "project":
      return project === what.project;
    case "url": {
      const wanted = readTarget(what.url);
      const isMethod = method === what.method || (what.method === "HEAD" && method === "GET");
      return isMethod && (path === wanted || `/${provider}${path}` === wanted);
    }
    case "prefix": {
      const wanted = readTarget(what.prefix);
      return path.startsWith(wanted) || `/${provider}${path}`.startsWith(wanted);
    }
  }
}

/** Path and query of a URL, without its origin and its fragment. */
function readTarget(url: string): string {
  const target = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").replace(/#.*$/s, "");
  return target.startsWith("/") ? target : `/${target}`;
}
