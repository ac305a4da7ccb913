import { expect } from "bun:test";
import { type Called, type CallOptions, type Control, type ControlOptions, openControl } from "../control/control.ts";
import { waitFor } from "../weir.ts";
import type { Answer } from "../wire/client.ts";
import type { Header, Script } from "../wire/upstream.ts";

/** Programs with a cache, two projects, and a token of each. */
export type CacheStage = AsyncDisposable & {
  readonly control: Control;
  readonly projects: { readonly a: string; readonly b: string };
  readonly tokens: { readonly a: string; readonly b: string };
  readonly tokenIds: { readonly a: string; readonly b: string };
  /** A call with the token of project A, unless it says another. */
  readonly call: (options: CallOptions) => Promise<Called>;
  readonly get: (target: string, options?: CallOptions) => Promise<Called>;
};

/** Opens it; a project's settings are for both. */
export async function openStage(
  { env = {}, ...options }: ControlOptions = {},
  settings: object = {},
): Promise<CacheStage> {
  const control = await openControl({ ...options, env: { HTTP_CACHE_ENABLED: "true", ...env } });
  const [a, b] = [await control.createProject({ settings }), await control.createProject({ settings })];
  const [tokenOfA, tokenOfB] = [await control.createToken(a.id), await control.createToken(b.id)];
  const call = (more: CallOptions) => control.call({ token: tokenOfA.token, ...more });
  return {
    control,
    projects: { a: a.id, b: b.id },
    tokens: { a: tokenOfA.token, b: tokenOfB.token },
    tokenIds: { a: tokenOfA.id, b: tokenOfB.id },
    call,
    get: (target, more = {}) => call({ method: "GET", target, body: "", ...more }),
    [Symbol.asyncDispose]: () => control[Symbol.asyncDispose](),
  };
}

/** Answers with these headers; each time with another body, so that a kept answer is known by it. */
export function answering(headers: readonly Header[], status = "200 OK", body?: string | Uint8Array): Script {
  return async (seen) => {
    await seen.body;
    const type: Header = ["content-type", "application/json"];
    seen.answer({ status, headers: [type, ...headers], body: body ?? JSON.stringify({ at: crypto.randomUUID() }) });
  };
}

export const forAMinute = answering([["cache-control", "public, max-age=60"]]);
export const optIn: Header = ["cache-control", "public, max-age=60"];

/** Answers like another, but not before it is let go; tells when it was asked. */
export function holdBack(script: Script) {
  const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const held: Script = async (seen) => {
    asked.resolve();
    await released.promise;
    await script(seen);
  };
  return { script: held, asked: asked.promise, letGo: released.resolve };
}

/** The cache's word on an answer. */
export function wordOf({ answer }: { readonly answer: Answer }): string | undefined {
  return answer.header("x-weir-cache");
}

/** Asks until the cache gives it. */
export async function waitForHit(ask: () => Promise<Called>): Promise<Called> {
  return waitFor(async () => {
    const called = await ask();
    return wordOf(called) === "hit" ? called : undefined;
  }, "It never came from the cache");
}

/** Calls after each other, as the cache's words. */
export async function wordsOf(calls: readonly (() => Promise<Called>)[]): Promise<readonly (string | undefined)[]> {
  const words: (string | undefined)[] = [];
  for (const call of calls) {
    const called = await call();
    expect(called.answer.status).toBe(200);
    words.push(wordOf(called));
  }
  return words;
}
