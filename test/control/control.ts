import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { needs } from "../needs.ts";
import { findPostgres, whatPostgresNeeds } from "../postgres.ts";
import { startWeir, waitFor, type Weir } from "../weir.ts";
import { type Answer, type Call, openCall, type Request } from "../wire/client.ts";
import { type Header, openUpstream, type Script, type Seen } from "../wire/upstream.ts";
import { openStore, type Store, type StoreKind } from "./store.ts";

/** The operator's credential of every test's program, unless its own environment says otherwise. */
export const managementToken = "management-0123456789-abcdefghijkl";

type Env = Readonly<Record<string, string>>;

/** How the programs of a test are started. */
export type ControlOptions = {
  readonly kind?: StoreKind;
  /** How many, all on one database. */
  readonly processes?: number;
  /** Added to the environment, or `undefined` for a name that it must not have. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `weir.yaml`. */
  readonly yaml?: string;
  /** Another upstream than the recording one. */
  readonly upstreamUrl?: string;
};

/** One or more programs on one database, before one upstream that records. */
export type Control = AsyncDisposable & {
  readonly store: Store;
  /** A folder that goes with it: the database's, where it is a file, and each process's data. */
  readonly folder: string;
  readonly weirs: readonly Weir[];
  /** Each process's data directory. */
  readonly dataDirs: readonly string[];
  /** Everything that reached the upstream. */
  readonly seen: readonly Seen[];
  /** A call as a consumer makes it. */
  readonly call: (options: CallOptions) => Promise<Called>;
  /** The same, while it runs. */
  readonly open: (options: CallOptions) => Running;
  /** A call of the management API with the management token, at the first process unless said otherwise. */
  readonly manage: Manage;
  /** Stops a process in the ordinary way and starts it again; gives the exit code. */
  readonly restart: (process?: number, env?: Readonly<Record<string, string | undefined>>) => Promise<number>;
  readonly createProject: (more?: object) => Promise<Project>;
  readonly createToken: (project: string, more?: object) => Promise<Minted>;
  readonly findToken: (id: string, process?: number) => Promise<Token>;
  /** The exchanges that a process's file sink has. */
  readonly readRecords: (process?: number) => Promise<readonly JsonObject[]>;
};

/** An object that was read as JSON. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What a consumer sends. */
export type CallOptions = Request & {
  /** Goes as a bearer. */
  readonly token?: string;
  readonly family?: FamilyName;
  /** At which of the processes. */
  readonly process?: number;
  /** What the upstream does with it. */
  readonly script?: Script;
};

/** What one call came to. */
export type Called = { readonly answer: Answer; readonly seen: readonly Seen[] };

/** A call under way. */
export type Running = Call & { readonly seen: readonly Seen[]; readonly arrived: () => Promise<Seen> };

/** An answer of the management API. */
export type Managed = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Read as JSON; undefined where there is no body. */
  readonly json: unknown;
};

/** Calls the management API; what is no text goes as JSON. */
export type Manage = (method: string, path: string, body?: unknown, options?: ManageOptions) => Promise<Managed>;

/** How a call of the management API differs from the usual. */
export type ManageOptions = {
  readonly process?: number;
  readonly url?: string;
  /** In place of the management token's; `null` for none at all. */
  readonly authorization?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
};

const project = z.looseObject({
  id: z.uuid(),
  name: z.string(),
  provider_keys: z.record(z.string(), z.string()),
  is_active: z.boolean(),
  deactivated_at: z.iso.datetime({ offset: true }).nullish(),
  created_at: z.iso.datetime({ offset: true }),
  updated_at: z.iso.datetime({ offset: true }),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  settings: z.looseObject({}).nullish(),
});

const token = z.looseObject({
  id: z.string(),
  project_id: z.uuid(),
  name: z.string().nullish(),
  token: z.string(),
  expires_at: z.iso.datetime({ offset: true }).nullish(),
  max_requests: z.number().nullable(),
  is_active: z.boolean(),
  deactivated_at: z.iso.datetime({ offset: true }).nullish(),
  request_count: z.number(),
  cache_hit_count: z.number(),
  last_used_at: z.iso.datetime({ offset: true }).nullish(),
});

const minted = z.looseObject({
  id: z.string(),
  token: z.string(),
  expires_at: z.iso.datetime({ offset: true }).nullish(),
  max_requests: z.number().nullable(),
});

const auditEntry = z.looseObject({ id: z.union([z.string(), z.number()]), action: z.string(), outcome: z.string() });

/** A project as the API shows it. */
export type Project = z.infer<typeof project>;
/** A token as the API shows it. */
export type Token = z.infer<typeof token>;
/** A token as its maker gets it, once. */
export type Minted = z.infer<typeof minted>;
/** An entry of the audit. */
export type AuditEntry = z.infer<typeof auditEntry>;

/** Reads what an answer should hold, and says what it holds where it doesn't. */
export const readProject = (answer: Managed): Project => read(project, answer);
export const readToken = (answer: Managed): Token => read(token, answer);
export const readMinted = (answer: Managed): Minted => read(minted, answer);
export const readAuditEntry = (answer: Managed): AuditEntry => read(auditEntry, answer);
export const readProjects = (answer: Managed): readonly Project[] => readList("projects", project, answer);
export const readTokens = (answer: Managed): readonly Token[] => readList("tokens", token, answer);
export const readAudit = (answer: Managed): readonly AuditEntry[] => readList("audit", auditEntry, answer);

/** The cursor of a list's next page, where there is one. */
export function readCursor(answer: Managed): string | undefined {
  return read(z.looseObject({ next_cursor: z.string().nullable() }), answer).next_cursor ?? undefined;
}

/** An error of the management API, as status and code. */
export function codeOf(answer: Managed): string {
  const { error } = read(z.object({ error: z.looseObject({ message: z.string(), code: z.string() }) }), answer);
  return `${answer.status} ${error.code}`;
}

/** A refusal of a call, as status and code. */
export function refusalOf(answer: Answer): string {
  return `${answer.status} ${answer.header("x-weir-error") ?? ""}`.trim();
}

function readList<T>(plural: string, item: z.ZodType<T>, answer: Managed): readonly T[] {
  const list = read(z.looseObject({ [plural]: z.array(item), next_cursor: z.string().nullable() }), answer);
  return z.array(item).parse(list[plural]);
}

function read<T>(schema: z.ZodType<T>, answer: Managed): T {
  const result = schema.safeParse(answer.json);
  if (result.success) return result.data;
  throw new Error(
    `${answer.status} ${answer.text.slice(0, 500)}\nis not as expected: ${z.prettifyError(result.error)}`,
  );
}

const anyText = expect.any(String) as string;

/** A vendor's API: a call, where its key goes, and how an error of ours looks in it. */
export type Family = {
  readonly target: string;
  readonly body: string;
  readonly keyHeader: string;
  readonly keyText: (key: string) => string;
  readonly refusal: (status: number, code: string) => object;
};

/** One of the three. */
export type FamilyName = "openai" | "anthropic" | "gemini";

/** All of them. */
export const familyNames = ["openai", "anthropic", "gemini"] as const satisfies readonly FamilyName[];

/** What each is like. */
export const families: Readonly<Record<FamilyName, Family>> = {
  openai: {
    target: "/v1/chat/completions",
    body: '{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}',
    keyHeader: "authorization",
    keyText: (key: string) => `Bearer ${key}`,
    refusal: (_status: number, code: string) => ({ error: { message: anyText, type: anyText, param: null, code } }),
  },
  anthropic: {
    target: "/v1/messages",
    body: '{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}',
    keyHeader: "x-api-key",
    keyText: (key: string) => key,
    refusal: (status: number) => ({
      type: "error",
      error: { type: anthropicTypes[status], message: anyText },
      request_id: anyText,
    }),
  },
  gemini: {
    target: "/v1beta/models/gemini-2.5-flash:generateContent",
    body: '{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}',
    keyHeader: "x-goog-api-key",
    keyText: (key: string) => key,
    refusal: (status: number, reason: string) => ({
      error: {
        code: status,
        message: anyText,
        status: geminiStatuses[status],
        details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain: "weir" }],
      },
    }),
  },
};

/** The keys of a project that has one for each. */
export const providerKeys = {
  openai: "sk-up-openai-0123456789",
  anthropic: "sk-up-anthropic-0123456789",
  gemini: "sk-up-gemini-0123456789",
} as const satisfies Record<FamilyName, string>;

/** Opens the database and the upstream, and starts the programs at the same time. */
export async function openControl({
  kind = "sqlite",
  processes = 1,
  env = {},
  yaml,
  upstreamUrl,
}: ControlOptions = {}): Promise<Control> {
  const folder = await mkdtemp(join(tmpdir(), "weir-control-"));
  const store = await openStore(kind, folder);
  const scripts = new Map<string, Script>();
  const seen: Seen[] = [];
  const upstream = await openUpstream("upstream", (request) => {
    seen.push(request);
    return (scripts.get(request.header(scriptHeader) ?? "") ?? answerPlainly)(request);
  });
  const url = upstreamUrl ?? upstream.url;
  const dataDirs = Array.from({ length: processes }, (_, index) => join(folder, `data-${index}`));
  const start = (index: number, more: ControlOptions["env"] = {}) =>
    startWeir({
      env: keepDefined({
        UPSTREAM_BASE_URL: url,
        ANTHROPIC_BASE_URL: url,
        GEMINI_BASE_URL: url,
        MANAGEMENT_TOKEN: managementToken,
        TRUSTED_PROXIES: "127.0.0.1/32",
        AUTH_MODE: "token",
        DATA_DIR: dataDirs[index],
        ...store.env,
        ...env,
        ...more,
      }),
      ...(yaml === undefined ? {} : { files: { "weir.yaml": yaml } }),
    });
  const close = async (opened: readonly Weir[]) => {
    for (const weir of opened) await weir[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  };
  const started = await Promise.allSettled(dataDirs.map((_, index) => start(index)));
  const weirs = started.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  for (const each of started) {
    if (each.status === "fulfilled") continue;
    await close(weirs);
    throw each.reason;
  }
  const find = (index = 0) => {
    const weir = weirs[index];
    if (weir === undefined) throw new Error(`There is no process ${index}`);
    return weir;
  };

  const open: Control["open"] = ({ script = answerPlainly, process, ...options }) => {
    const name = `script-${scripts.size}`;
    scripts.set(name, script);
    const mine = () => seen.filter((one) => one.header(scriptHeader) === name);
    const call = openCall(find(process).port, writeCall(name, options));
    return {
      ...call,
      get seen() {
        return mine();
      },
      arrived: () => waitFor(() => mine()[0], "The request did not reach the upstream"),
    };
  };

  let wrong = 0;
  const manage: Manage = async (method, path, body, { process, url: base, authorization, headers = {} } = {}) => {
    const credential = authorization === undefined ? `Bearer ${managementToken}` : authorization;
    const weir = find(process);
    // A failure is from an address of its own, so that the slowing of wrong credentials doesn't touch the tests after it.
    const address: Readonly<Record<string, string>> =
      authorization === undefined ? {} : { "x-forwarded-for": `198.51.100.${(wrong += 1) % 250}` };
    const answer = await fetch(`${base ?? weir.url}${path}`, {
      method,
      redirect: "manual",
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(credential === null ? {} : { authorization: credential }),
        ...address,
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    }).catch(async (error: unknown) => {
      const code = await Promise.race([weir.exited, Bun.sleep(200)]);
      throw new Error(
        `No answer (the program ${code === undefined ? "runs" : `ended with ${code}`}): ${weir.output()}`,
        {
          cause: error,
        },
      );
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, json: parse(text) };
  };

  return {
    store,
    folder,
    weirs,
    dataDirs,
    seen,
    open,
    manage,
    call: async (options) => {
      const running = open(options);
      const answer = await running.answer;
      running.leave();
      return { answer, seen: running.seen };
    },
    restart: async (process = 0, more = {}) => {
      const former = find(process);
      const code = await former.stop();
      await former[Symbol.asyncDispose]();
      weirs[process] = await start(process, more);
      return code;
    },
    createProject: async (more = {}) => {
      const name = `project ${crypto.randomUUID()}`;
      return readProject(
        expectStatus(201, await manage("POST", "/manage/projects", { name, provider_keys: providerKeys, ...more })),
      );
    },
    createToken: async (id, more = {}) =>
      readMinted(
        expectStatus(201, await manage("POST", "/manage/tokens", { project_id: id, duration_minutes: 60, ...more })),
      ),
    findToken: async (id, process = 0) =>
      readToken(expectStatus(200, await manage("GET", `/manage/tokens/${id}`, undefined, { process }))),
    readRecords: (process = 0) => readJsonLines(join(dataDirs[process] ?? "", "exchanges.jsonl")),
    [Symbol.asyncDispose]: () => close(weirs),
  };
}

/** Opens it before the tests of a group and closes it behind them; gives a way to it. */
export function useControl(options: ControlOptions = {}): () => Control {
  const opened: Control[] = [];
  beforeAll(async () => {
    opened.push(await openControl(options));
  }, 60_000);
  afterAll(async () => {
    for (const control of opened) await control[Symbol.asyncDispose]();
  });
  return () => {
    const [control] = opened;
    if (control === undefined) throw new Error("It is not open");
    return control;
  };
}

/** A group of tests for each database; without a PostgreSQL its tests are skipped, and the name says why. */
export function onEachDatabase(suite: (kind: StoreKind) => void): void {
  describe("on sqlite", () => suite("sqlite"));
  if (findPostgres()) describe("on postgres", () => suite("postgres"));
  else needs(whatPostgresNeeds, false)("on postgres", () => {});
}

/** Gives the answer on if it has this status, and says what it is otherwise. */
export function expectStatus(status: number, answer: Managed): Managed {
  if (answer.status === status) return answer;
  throw new Error(`${answer.status} in place of ${status}: ${answer.text.slice(0, 500)}`);
}

/** The lines of a JSONL file, as far as they are whole. */
export async function readJsonLines(path: string): Promise<readonly JsonObject[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as JsonObject);
}

/** What a call looks like on the wire; its script's name is also its session. */
function writeCall(name: string, { token: bearer, family = "openai", headers = [], ...request }: CallOptions): Request {
  const { target, body } = families[family];
  return {
    method: "POST",
    target,
    ...(request.chunks === undefined ? { body } : {}),
    ...request,
    headers: [
      [scriptHeader, name],
      ["x-session-id", name],
      ["content-type", "application/json"],
      ...(bearer === undefined ? [] : [["authorization", `Bearer ${bearer}`] as Header]),
      ...headers,
    ],
  };
}

/** Names the script of a request; it passes like any header that nobody knows. */
const scriptHeader = "x-script";

/** What the upstream says that nobody wrote a script for. */
const answerPlainly: Script = async (request) => {
  await request.body;
  request.answer();
};

const anthropicTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
};

const geminiStatuses: Readonly<Record<number, string>> = {
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  429: "RESOURCE_EXHAUSTED",
};

function keepDefined(env: Readonly<Record<string, string | undefined>>): Env {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
