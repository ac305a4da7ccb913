import type { Exchange } from "../../src/domain/exchange.ts";
import { startWeir, waitFor, type Weir } from "../weir.ts";
import { type Answer, type Call, openCall, type Request } from "./client.ts";
import { openUpstream, type Script, type Seen, type Upstream } from "./upstream.ts";

/** The program between a test's own upstreams and its own connections. */
export type Wire = AsyncDisposable & {
  readonly weir: Weir;
  readonly upstreams: Readonly<Record<UpstreamName, Upstream>>;
  /** Everything that reached an upstream, by whomever. */
  readonly seen: readonly Seen[];
  /** One request and its answer; the request's script alone decides what the upstream does. */
  readonly exchange: (request: Request, script?: Script) => Promise<Exchanged>;
  /** The same, while it runs. */
  readonly open: (request: Request, script?: Script, limitMs?: number) => Running;
  /** The record of an answered exchange. */
  readonly recordOf: (answer: Answer) => Promise<Exchange>;
};

/** The built-in providers' upstreams, and one for the configuration file's. */
export type UpstreamName = "openai" | "anthropic" | "gemini" | "other";

/** What one request came to. */
export type Exchanged = {
  readonly answer: Answer;
  /** What the upstreams got of it, in order. */
  readonly seen: readonly Seen[];
};

/** A request that is under way. */
export type Running = Call & {
  readonly seen: readonly Seen[];
  /** Waits for the upstream to get it. */
  readonly arrived: () => Promise<Seen>;
  /** Waits for its record, found by its session, which is the script's name. */
  readonly record: () => Promise<Exchange>;
};

/** How the program is started; both are given the upstreams' URLs. */
export type WireOptions = {
  readonly env?: Env | ((urls: Urls) => Env);
  /** `weir.yaml`. */
  readonly yaml?: (urls: Urls) => string;
};

type Env = Readonly<Record<string, string>>;
type Urls = Readonly<Record<UpstreamName, string>>;

/** Names the script of a request; it passes like any header that nobody knows. */
const scriptHeader = "x-script";

/** Opens the upstreams and starts the program before them. */
export async function openWire({ env = {}, yaml }: WireOptions = {}): Promise<Wire> {
  const scripts = new Map<string, Script>();
  const seen: Seen[] = [];
  const onRequest: Script = (request) => {
    seen.push(request);
    const script = scripts.get(request.header(scriptHeader) ?? "") ?? answerPlainly;
    return script(request);
  };
  const open = (name: UpstreamName) => openUpstream(name, onRequest);
  const [openai, anthropic, gemini, other] = await Promise.all([
    open("openai"),
    open("anthropic"),
    open("gemini"),
    open("other"),
  ]);
  const upstreams = { openai, anthropic, gemini, other };
  const urls = { openai: openai.url, anthropic: anthropic.url, gemini: gemini.url, other: other.url };
  const weir = await startWeir({
    env: {
      UPSTREAM_BASE_URL: openai.url,
      ANTHROPIC_BASE_URL: anthropic.url,
      GEMINI_BASE_URL: gemini.url,
      ...(typeof env === "function" ? env(urls) : env),
    },
    ...(yaml === undefined ? {} : { files: { "weir.yaml": yaml(urls) } }),
  });

  const start: Wire["open"] = (request, script = answerPlainly, limitMs) => {
    const name = `script-${scripts.size}`;
    scripts.set(name, script);
    const mine = () => seen.filter((one) => one.header(scriptHeader) === name);
    const call = openCall(
      weir.port,
      { ...request, headers: [[scriptHeader, name], ["x-session-id", name], ...(request.headers ?? [])] },
      limitMs,
    );
    return {
      ...call,
      get seen() {
        return mine();
      },
      arrived: () => waitFor(() => mine()[0], "The request did not reach the upstream"),
      record: () => weir.waitForRecord(({ attribution }) => attribution.session === name),
    };
  };

  return {
    weir,
    upstreams,
    seen,
    open: start,
    exchange: async (request, script) => {
      const running = start(request, script);
      const answer = await running.answer;
      running.leave();
      return { answer, seen: running.seen };
    },
    recordOf: (answer) => weir.waitForRecord(({ id }) => id === answer.header("x-weir-exchange-id")),
    async [Symbol.asyncDispose]() {
      await weir[Symbol.asyncDispose]();
      for (const upstream of Object.values(upstreams)) await upstream[Symbol.asyncDispose]();
    },
  };
}

/** What an upstream says that nobody wrote a script for. */
const answerPlainly: Script = async (seen) => {
  await seen.body;
  seen.answer();
};
