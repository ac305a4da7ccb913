import { type FakeLangfuse, type FakeLangfuseSpan, startFakeLangfuse } from "../fakes/langfuse.ts";
import { metadata } from "./observation.ts";
import { type Script, startUpstream, type Upstream } from "./upstream.ts";
import { startWeir, type Weir } from "../weir.ts";

/** A consumer's request. */
export type Call = {
  readonly method?: string;
  /** What is no text and no form goes as JSON. */
  readonly body?: string | FormData | object;
  readonly headers?: Readonly<Record<string, string>>;
};

/** The program between a provider and Langfuse, and a consumer's way through it. */
export type Stage = {
  readonly upstream: Upstream;
  readonly langfuse: FakeLangfuse;
  readonly weir: Weir;
  readonly call: (path: string, call?: Call) => Promise<Response>;
  /** Makes a call that is answered so, reads the answer to its end, and gives what arrived at Langfuse for it. */
  readonly record: (path: string, call: Call, answer: Script) => Promise<FakeLangfuseSpan>;
  /** What arrived for the exchange that this answer belongs to. */
  readonly spanOf: (answer: Response, timeoutMs?: number) => Promise<FakeLangfuseSpan>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** Starts all three; `env` is the program's, on top of where the others are. */
export async function openStage({
  env = {},
}: { readonly env?: Readonly<Record<string, string>> } = {}): Promise<Stage> {
  const upstream = startUpstream();
  const langfuse = startFakeLangfuse();
  const weir = await startWeir({ env: { ...environmentOf(upstream, langfuse), ...env } });
  const call: Stage["call"] = (path, request = {}) => callWeir(weir.url, path, request);

  const spanOf: Stage["spanOf"] = async (answer, timeoutMs) => {
    const id = answer.headers.get("x-weir-exchange-id");
    const find = (spans: readonly FakeLangfuseSpan[]) => spans.find((span) => metadata(span)["exchange_id"] === id);
    const found = find(await langfuse.waitFor((spans) => find(spans) !== undefined, timeoutMs));
    if (found === undefined) throw new Error(`There is no span for exchange ${id}`);
    return found;
  };

  return {
    upstream,
    langfuse,
    weir,
    call,
    spanOf,
    async record(path, request, script) {
      upstream.answer = script;
      const answer = await call(path, request);
      await answer.arrayBuffer();
      return spanOf(answer);
    },
    async [Symbol.asyncDispose]() {
      await weir[Symbol.asyncDispose]();
      await Promise.all([upstream.stop(), langfuse.stop()]);
    },
  };
}

/** Calls the program as a consumer does, with a POST where there is a body. */
export function callWeir(url: string, path: string, { method, body, headers = {} }: Call = {}): Promise<Response> {
  const sent = typeof body === "string" || body === undefined || body instanceof FormData ? body : JSON.stringify(body);
  const type: Readonly<Record<string, string>> = typeof sent === "string" ? { "content-type": "application/json" } : {};
  return fetch(`${url}${path}`, {
    method: method ?? (sent === undefined ? "GET" : "POST"),
    headers: { authorization: "Bearer sk-consumer", ...type, ...headers },
    ...(sent === undefined ? {} : { body: sent }),
  });
}

/** Where the program finds its providers and its Langfuse. */
export function environmentOf(upstream: Upstream, langfuse: FakeLangfuse): Readonly<Record<string, string>> {
  return {
    UPSTREAM_BASE_URL: upstream.url,
    ANTHROPIC_BASE_URL: upstream.url,
    GEMINI_BASE_URL: upstream.url,
    LANGFUSE_BASE_URL: langfuse.url,
    LANGFUSE_PUBLIC_KEY: langfuse.publicKey,
    LANGFUSE_SECRET_KEY: langfuse.secretKey,
  };
}
