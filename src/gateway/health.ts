import type { Provider } from "../providers/provider.ts";
import type { Reachability } from "./reachability.ts";

/** Whether an upstream answers; `not_configured` where nobody could call it. */
export type UpstreamStatus = "ok" | "unreachable" | "not_configured";

/** Finds out which upstreams answer: from real traffic, else by a probe of our own, seldom and never with anybody's key. */
export type UpstreamHealth = { readonly check: (provider: Provider) => Promise<UpstreamStatus> };

/** What checking is made of; milliseconds. */
export type UpstreamHealthParts = {
  readonly fetch: typeof fetch;
  readonly elapsed: () => number;
  readonly reachability: Reachability;
  /** Whether a project has a key for that provider. */
  readonly hasProjectKey: (provider: string) => Promise<boolean>;
  /** How long what is known holds. */
  readonly freshMs?: number;
  readonly probeTimeoutMs?: number;
};

/** Creates the check; many callers at once make one probe. */
export function createUpstreamHealth({
  fetch,
  elapsed,
  reachability,
  hasProjectKey,
  freshMs = 30_000,
  probeTimeoutMs = 3_000,
}: UpstreamHealthParts): UpstreamHealth {
  const probes = new Map<string, Promise<void>>();

  return {
    async check({ name, baseUrl, key }) {
      // A key may be a consumer's own wherever OpenAI's dialect is spoken; the other built-in ones are shown as what the operator set up.
      const isBuiltIn = name === "anthropic" || name === "gemini";
      if (isBuiltIn && key === undefined && !(await hasProjectKey(name))) return "not_configured";
      if (lastSeen(baseUrl) === undefined) await probe(baseUrl);
      return lastSeen(baseUrl) ?? "unreachable";
    },
  };

  function lastSeen(baseUrl: string): "ok" | "unreachable" | undefined {
    const { answeredAt = Number.NEGATIVE_INFINITY, failedAt = Number.NEGATIVE_INFINITY } =
      reachability.find(baseUrl) ?? {};
    if (elapsed() - Math.max(answeredAt, failedAt) > freshMs) return undefined;
    return answeredAt >= failedAt ? "ok" : "unreachable";
  }

  function probe(baseUrl: string): Promise<void> {
    const running = probes.get(baseUrl);
    if (running) return running;
    const started = ask(baseUrl).finally(() => probes.delete(baseUrl));
    probes.set(baseUrl, started);
    return started;
  }

  /** Any HTTP answer, a 401 too, is a sign of life. */
  async function ask(baseUrl: string): Promise<void> {
    try {
      await fetch(baseUrl, { method: "HEAD", redirect: "manual", signal: AbortSignal.timeout(probeTimeoutMs) });
      reachability.answered(baseUrl);
    } catch {
      reachability.failed(baseUrl, false);
    }
  }
}
