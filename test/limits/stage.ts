import { afterAll, beforeAll } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, openApp } from "../../src/app.ts";
import { createExchangeDeskWorker, createTelemetryWorker } from "../../src/cli/create-worker.ts";
import { readConfig } from "../../src/config/read-config.ts";
import { createLog } from "../../src/lib/log.ts";
import { type Answer, ask, type Asked, managementToken, openManage, type Manage } from "./ask.ts";
import { openProvider, type Provider } from "./provider.ts";

type Env = Readonly<Record<string, string>>;

/** How a gateway with a clock of ours is opened. */
export type StageOptions = {
  /** `weir.yaml`. */
  readonly yaml?: string;
  readonly env?: Env;
  /** What its clock says first, in ISO 8601. */
  readonly at?: string;
};

/** A gateway in this process, whose wall clock stands still until a test moves it. */
export type Stage = AsyncDisposable &
  Manage & {
    readonly url: string;
    readonly provider: Provider;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
    /** Moves the clock on. */
    readonly wait: (seconds: number) => void;
    readonly set: (time: string) => void;
    /** A token of a project of its own. */
    readonly token: string;
    /** A call, with the stage's own token unless another credential is named. */
    readonly ask: (asked?: Asked) => Promise<Answer>;
    /** Goes on under another configuration, as at SIGHUP. */
    readonly reload: (options: Pick<StageOptions, "yaml">) => Promise<void>;
    /** Closes it in the ordinary way and opens it on the same data, under another configuration where one is given. */
    readonly reopen: (options?: Pick<StageOptions, "yaml" | "env">) => Promise<void>;
  };

/** Opens one before a provider of its own. */
export async function openStage({ yaml, env = {}, at = "2026-05-14T12:00:20Z" }: StageOptions = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "weir-limits-"));
  const provider = openProvider();
  let now = Date.parse(at);
  const clock = { now: () => now, elapsed: () => performance.now() };
  const read = async (more: Pick<StageOptions, "yaml" | "env">) => {
    const result = readConfig({
      env: { ...envOf(provider.url), LOG_LEVEL: "silent", PORT: "0", DATA_DIR: join(folder, "data"), ...more.env },
      files: { yaml: more.yaml === undefined ? undefined : { path: "weir.yaml", text: more.yaml } },
    });
    if (result.kind === "faults") throw new Error(result.faults.join("\n"));
    const { config } = result;
    await mkdir(config.dataDir, { recursive: true });
    return config;
  };
  const open = async (more: Pick<StageOptions, "yaml" | "env">) => {
    const config = await read(more);
    return openApp({
      config,
      log: createLog(config.log, { write: () => {}, flush: () => {} }),
      version: "0.0.0",
      createWorker: createTelemetryWorker,
      createDeskWorker: createExchangeDeskWorker,
      managementToken,
      describeConfig: () => [],
      clock,
    });
  };
  let app: App = await open({ ...(yaml === undefined ? {} : { yaml }), env });
  const manage = openManage(() => app.url);
  const { token } = await manage.createToken((await manage.createProject()).id);
  return {
    ...manage,
    get url() {
      return app.url;
    },
    provider,
    token,
    now: clock.now,
    wait: (seconds) => void (now += seconds * 1000),
    set: (time) => void (now = Date.parse(time)),
    ask: (asked = {}) => ask(app.url, "key" in asked || "token" in asked ? asked : { ...asked, token }),
    reload: async (options) => void (await app.change(await read({ env, ...options }))),
    reopen: async (options = {}) => {
      await app.drain();
      app = await open({ ...(yaml === undefined ? {} : { yaml }), env, ...options });
    },
    async [Symbol.asyncDispose]() {
      await app.drain();
      await provider[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Opens one before the tests of a group and closes it behind them; gives a way to it. */
export function useStage(options: StageOptions | (() => StageOptions) = {}): () => Stage {
  const opened: Stage[] = [];
  beforeAll(async () => {
    opened.push(await openStage(typeof options === "function" ? options() : options));
  }, 60_000);
  afterAll(async () => {
    for (const stage of opened) await stage[Symbol.asyncDispose]();
  });
  return () => {
    const [stage] = opened;
    if (stage === undefined) throw new Error("It is not open");
    return stage;
  };
}

/** What every gateway of these tests is told: anybody may call, with a key of their own or with a token. */
export function envOf(upstream: string): Env {
  return {
    UPSTREAM_BASE_URL: upstream,
    ANTHROPIC_BASE_URL: upstream,
    GEMINI_BASE_URL: upstream,
    MANAGEMENT_TOKEN: managementToken,
    AUTH_MODE: "open",
  };
}
