import type { Dialect } from "../dialects/dialect.ts";
import { findDialect } from "../providers/find-dialect.ts";
import type { Provider } from "../providers/provider.ts";
import type { Arrival, HeaderValues } from "./arrival.ts";
import { type CompiledPolicy, compilePolicy } from "./policy.ts";

/** Where a path goes: a provider, the dialect that it speaks there, and the path as the provider knows it. */
export type Route = {
  readonly provider: Provider;
  readonly dialect: Dialect;
  /** Without the provider's prefix and its base path, and as it is usually written: what it means is judged by this. */
  readonly path: string;
  /** The same as it goes up: where it may lead is judged by this. */
  readonly written: string;
  /** Origin, base path and path; the query is the consumer's. */
  readonly url: string;
  /** A client's probe of its base URL, which goes up without any credential. */
  readonly probe: boolean;
  /** The provider's; absent where it has none. */
  readonly policy?: CompiledPolicy;
};

/** What decides a route. */
export type RouteRequest = Pick<Arrival, "method" | "path" | "search" | "headers">;

/** Finds routes among providers by the shape of the path, then by headers; `undefined` where nothing fits. */
export function createRoutes(
  providers: readonly Provider[],
  defaultApi: string,
): (request: RouteRequest) => Route | undefined {
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  const openai = byName.get(defaultApi);
  const policies = new Map(providers.map(({ name, policy }) => [name, policy && compilePolicy(policy)]));
  const known = new Map<string, Route | undefined>();

  return (request) => {
    const key = keyOf(request);
    if (known.has(key)) return known.get(key);
    const route = withPolicy(find(request));
    if (known.size >= maxKnown) known.clear();
    if (key.length <= longestKnown) known.set(key, route);
    return route;
  };

  function withPolicy(route: Route | undefined): Route | undefined {
    const policy = route && policies.get(route.provider.name);
    return policy ? { ...route, policy } : route;
  }

  function find(request: RouteRequest): Route | undefined {
    const named = splitPrefix(request.path, byName);
    if (named)
      return routeTo(
        named.provider,
        request.method,
        named.path,
        named.provider.name === "anthropic" && isProbe(request.method, named.path),
      );
    if (isProbe(request.method, request.path))
      return routeTo(byName.get("anthropic"), request.method, request.path, true);
    return routeTo(findBuiltIn(request), request.method, request.path);
  }

  function findBuiltIn(request: RouteRequest): Provider | undefined {
    const path = collapseVersion(request.path);
    if (geminiVersion.test(path)) return byName.get("gemini");
    if (!path.startsWith("/v1/")) return undefined;
    if (anthropicPath.test(path) || "anthropic-version" in request.headers) return byName.get("anthropic");
    if (isGemini(request.method, path) || carriesGeminiKey(request.headers, request.search))
      return byName.get("gemini");
    return openai;
  }
}

/** A gateway sees few different paths; those with ids in them push nobody else out for long. */
const maxKnown = 2_000;
const longestKnown = 200;

/** All that decides a route. */
function keyOf({ method, path, headers, search }: RouteRequest): string {
  const marks = ("anthropic-version" in headers ? "a" : "") + (carriesGeminiKey(headers, search) ? "g" : "");
  return `${method} ${marks} ${path}`;
}

const geminiVersion = /^\/(?:v1beta|v1alpha|upload\/v1(?:beta|alpha)?)\/|^\/\/?ws\/google\.ai\.generativelanguage/;
const anthropicPath = /^\/v1\/(?:messages(?:\/|$)|complete$)/;
const geminiVerb =
  /^\/v1\/models\/[^/]+:(?:generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents|batchGenerateContent|asyncBatchEmbedContent|predict|predictLongRunning)$/;

function isGemini(method: string, path: string): boolean {
  return (method === "POST" && geminiVerb.test(path)) || /^\/v1\/(?:interactions|cachedContents)(?:[/:]|$)/.test(path);
}

function carriesGeminiKey(headers: HeaderValues, search: string): boolean {
  return "x-goog-api-key" in headers || (search !== "" && /^\?(?:[^&]*&)*?key=[^&]/.test(search));
}

/** Claude Code asks its base URL for a sign of life before it has a credential. */
function isProbe(method: string, path: string): boolean {
  return method === "HEAD" && (path === "/" || path === "/api/hello");
}

function splitPrefix(
  path: string,
  providers: ReadonlyMap<string, Provider>,
): { provider: Provider; path: string } | undefined {
  const slash = path.indexOf("/", 1);
  const end = slash === -1 ? path.length : slash;
  const provider = providers.get(path.slice(1, end));
  return provider && { provider, path: path.slice(end) || "/" };
}

function routeTo(provider: Provider | undefined, method: string, path: string, probe = false): Route | undefined {
  if (!provider) return undefined;
  const own = collapseVersion(path);
  const usual = writeUsually(own);
  return {
    provider,
    dialect: findDialect(provider, method, usual),
    path: usual,
    written: own,
    url: joinUrl(provider.baseUrl, own),
    probe,
  };
}

/**
 * A path as its equals are usually written, whatever form goes up: most servers undo percent-encodings that nothing needs
 * (RFC 3986, section 6.2.2.2), take slashes together and pass parameters of segments over.
 */
function writeUsually(path: string): string {
  if (!/%|\/\/|;/.test(path)) return path;
  const plain = path.replace(/%([2-7][\da-f])/gi, (written, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    return /[\w.~:@!$'()*+,=-]/.test(char) ? char : written;
  });
  // Gemini's verb stands behind whatever its model is called.
  const verb = /\/(?:models|tunedModels)\//.test(plain) ? /:\w+$/ : /$/;
  return plain.replace(/;[^/]*/g, (parameters) => verb.exec(parameters)?.[0] ?? "").replace(/\/{2,}/g, "/");
}

/** A base URL with a version under a client that adds one gives it twice. */
function collapseVersion(path: string): string {
  return path.replace(/^\/(v1|v1beta|v1alpha)(?:\/\1)+(?=\/|$)/, "/$1");
}

/** A base URL may end with the version that the path begins with. */
export function joinUrl(baseUrl: string, path: string): string {
  const version = /^\/(?:v1|v1beta|v1alpha)(?=\/|$)/.exec(path)?.[0];
  return version && baseUrl.endsWith(version) ? baseUrl + path.slice(version.length) : baseUrl + path;
}
