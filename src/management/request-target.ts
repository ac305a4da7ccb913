/** The path and the query of a request's URL, as they came: what its client calls the host may be no host, and may be nothing. */
export function readTarget(url: string): string {
  return url.startsWith("/") ? url : url.slice(url.indexOf("/", url.indexOf("://") + 3));
}

/** The path of a request's URL, as it came. */
export function readPath(url: string): string {
  const [path = ""] = readTarget(url).split(/[?#]/, 1);
  return path;
}
