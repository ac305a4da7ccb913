/** Cross-origin rules for browsers (https://fetch.spec.whatwg.org/#http-cors-protocol); `*` among the allowed origins allows any. */
export type Cors = {
  /** Answers an OPTIONS request that is a preflight, or `undefined` where the request is none. */
  readonly preflight: (headers: Headers) => Response | undefined;
  /** Puts our headers in place of an upstream's on an answer to a request with that origin. */
  readonly apply: (origin: string, answer: Headers) => void;
};

const ofAnswers = /^access-control-/;
const exposed =
  /^(?:x-weir-|x-ratelimit-|x-budget-|x-llm-|x-proxy-cache)|^(?:x-request-id|request-id|retry-after|server-timing|age|cache-status)$/;

/** Creates the rules for a list of origins. */
export function createCors(allowedOrigins: readonly string[]): Cors {
  const any = allowedOrigins.includes("*");
  const allowed = new Set(allowedOrigins);

  return {
    preflight(headers) {
      const origin = headers.get("origin");
      if (origin === null || !headers.has("access-control-request-method")) return undefined;
      const answer = new Headers();
      allow(origin, answer);
      if (answer.has("access-control-allow-origin")) {
        answer.set("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        answer.set("access-control-max-age", "86400");
        const asked = headers.get("access-control-request-headers");
        if (asked) answer.set("access-control-allow-headers", asked);
      }
      return new Response(null, { status: 204, headers: answer });
    },
    apply(origin, answer) {
      const names = [...answer.keys()];
      for (const name of names) if (ofAnswers.test(name)) answer.delete(name);
      allow(origin, answer);
      const readable = names.filter((name) => exposed.test(name));
      if (readable.length > 0) answer.set("access-control-expose-headers", readable.join(", "));
    },
  };

  function allow(origin: string, answer: Headers): void {
    if (any) return answer.set("access-control-allow-origin", "*");
    answer.append("vary", "Origin");
    if (allowed.has(origin)) answer.set("access-control-allow-origin", origin);
  }
}
