import type { Answer } from "../dialect.ts";
import { textOf } from "../json.ts";
import { createShelf } from "../shelf.ts";
import type { GeminiCall } from "./gemini-call.ts";
import { failure, jsonAnswer } from "./gemini-head.ts";
import { faultOf, inputTokens } from "./read-generate-request.ts";

type Cached = { readonly tokens: number; readonly body: object };

/** The contents that were cached in one mock. */
export type CachedContents = {
  /** Answers `cachedContents` and what lies below: https://ai.google.dev/api/caching */
  readonly answer: (call: Omit<GeminiCall, "cachedTokens">, rest: string) => Answer;
  readonly tokens: (name: string) => number | undefined;
};

const defaultSeconds = 3_600;

/** Creates an empty cache of contents. */
export function createCachedContents(): CachedContents {
  const shelf = createShelf<Cached>();

  return {
    tokens: (name) => shelf.find(name)?.tokens,
    answer(call, rest) {
      const { method } = call.request;
      if (rest === "")
        return method === "POST" ? create(call) : jsonAnswer({ cachedContents: shelf.list().map(({ body }) => body) });
      const name = `cachedContents${rest}`;
      const found = shelf.find(name);
      if (found === undefined) return failure(403, "CachedContent not found (or permission denied)");
      if (method === "PATCH") return update(call, name, found);
      if (method !== "DELETE") return jsonAnswer(found.body);
      shelf.remove(name);
      return jsonAnswer({});
    },
  };

  function create({ request, context }: Omit<GeminiCall, "cachedTokens">): Answer {
    const body = request.json() ?? {};
    if (faultOf(body) !== undefined && body["systemInstruction"] === undefined)
      return failure(400, "contents is not specified");
    const tokens = inputTokens(body);
    const name = `cachedContents/${context.ids.next("", 24).toLowerCase()}`;
    const cached = {
      name,
      model: body["model"],
      displayName: textOf(body["displayName"]),
      ...times(context.now(), body["ttl"]),
      usageMetadata: { totalTokenCount: tokens },
    };
    shelf.put(name, { tokens, body: cached });
    return jsonAnswer(cached);
  }

  function update(
    { request, context }: Omit<GeminiCall, "cachedTokens">,
    name: string,
    { tokens, body }: Cached,
  ): Answer {
    const changed = { ...body, ...times(context.now(), request.json()?.["ttl"]) };
    shelf.put(name, { tokens, body: changed });
    return jsonAnswer(changed);
  }
}

/** A lifetime is told in seconds, as `300s`. */
function times(now: number, ttl: unknown): object {
  const seconds = Number.parseFloat(textOf(ttl) ?? "");
  const expires = now + (Number.isFinite(seconds) && Math.abs(seconds) < 1e9 ? seconds : defaultSeconds);
  const text = (at: number): string => new Date(at * 1_000).toISOString();
  return { createTime: text(now), updateTime: text(now), expireTime: text(expires) };
}
