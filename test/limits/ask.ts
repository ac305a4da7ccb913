import { z } from "zod";
import type { Plan } from "./provider.ts";

/** The operator's credential of every gateway of these tests. */
export const managementToken = "management-0123456789-abcdefghijkl";

/** The three APIs. */
export const families = ["openai", "anthropic", "gemini"] as const;

/** One of them. */
export type Family = (typeof families)[number];

/** What a consumer asks; where nothing is said, a short question to OpenAI with room for one token of answer. */
export type Asked = {
  readonly family?: Family;
  readonly text?: string;
  readonly model?: string;
  readonly maxTokens?: number;
  readonly stream?: boolean;
  /** Goes in the body, where the API has a place for it. */
  readonly user?: string;
  /** Of Weir; goes where the API has its key. */
  readonly token?: string;
  /** Of the consumer's own. */
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly plan?: Plan;
  /** In place of the API's usual path. */
  readonly target?: string;
  /** In place of the usual body. */
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  readonly signal?: AbortSignal;
};

/** What came back. */
export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Status and our own code: `429 rate_limit_exceeded`. */
  readonly told: string;
  readonly limit: LimitTold;
};

/** The headers that tell of a limit; what is absent is undefined. */
export type LimitTold = {
  readonly retryAfter: number | undefined;
  readonly limit: number | undefined;
  readonly remaining: number | undefined;
  readonly reset: string | undefined;
  readonly scope: string | undefined;
  readonly metric: string | undefined;
  readonly window: string | undefined;
};

/** Asks the gateway at a URL. */
export async function ask(url: string, asked: Asked): Promise<Answer> {
  const { family = "openai", target = targetOf(asked), body = bodyOf(asked), plan = {}, signal } = asked;
  const credential = asked.token ?? asked.key;
  const answer = await fetch(`${url}${target}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-plan": JSON.stringify(plan),
      ...(credential === undefined
        ? {}
        : { [keyHeaders[family]]: family === "openai" ? `Bearer ${credential}` : credential }),
      ...asked.headers,
    },
    body,
    ...(signal === undefined ? {} : { signal }),
  });
  return readAnswer(answer);
}

async function readAnswer(answer: Response): Promise<Answer> {
  const { status, headers } = answer;
  const of = (name: string) => headers.get(name) ?? undefined;
  const number = (name: string) => (headers.has(name) ? Number(headers.get(name)) : undefined);
  return {
    status,
    headers,
    text: await answer.text(),
    told: `${status} ${of("x-weir-error") ?? ""}`.trim(),
    limit: {
      retryAfter: number("retry-after"),
      limit: number("x-ratelimit-limit"),
      remaining: number("x-ratelimit-remaining"),
      reset: of("x-ratelimit-reset"),
      scope: of("x-ratelimit-scope"),
      metric: of("x-ratelimit-metric"),
      window: of("x-ratelimit-window"),
    },
  };
}

const keyHeaders: Readonly<Record<Family, string>> = {
  openai: "authorization",
  anthropic: "x-api-key",
  gemini: "x-goog-api-key",
};

const usualModels: Readonly<Record<Family, string>> = {
  openai: "gpt-4o",
  anthropic: "claude-sonnet-4-5",
  gemini: "gemini-2.5-flash",
};

function targetOf({ family = "openai", model = usualModels[family], stream = false }: Asked): string {
  if (family === "openai") return "/v1/chat/completions";
  if (family === "anthropic") return "/v1/messages";
  return `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`;
}

function bodyOf(asked: Asked): string {
  const { family = "openai", text = "Hi", model = usualModels[family], maxTokens = 1, user, stream = false } = asked;
  if (family === "gemini")
    return JSON.stringify({
      contents: [{ role: "user", parts: [{ text }] }],
      generationConfig: { maxOutputTokens: maxTokens },
    });
  const named = family === "openai" ? { user } : { metadata: { user_id: user } };
  return JSON.stringify({
    model,
    max_tokens: maxTokens,
    messages: [{ role: "user", content: text }],
    ...(user === undefined ? {} : named),
    ...(stream ? { stream } : {}),
  });
}

/** The keys of a project that has one for each API. */
const providerKeys = {
  openai: "sk-up-openai-0123456789",
  anthropic: "sk-up-anthropic-0123456789",
  gemini: "sk-up-gemini-0123456789",
};

const named = z.looseObject({ id: z.string() });
const minted = z.looseObject({ id: z.string(), token: z.string() });

/** The management API. */
export type Manage = {
  /** Gives the answer's body; throws where it is no success. */
  readonly manage: (method: string, path: string, body?: object) => Promise<unknown>;
  readonly createProject: (more?: object) => Promise<{ readonly id: string }>;
  readonly createToken: (project: string, more?: object) => Promise<{ readonly id: string; readonly token: string }>;
  /** A token in a project of its own. */
  readonly mint: (more?: object, project?: object) => Promise<string>;
};

/** Opens the way to it. */
export function openManage(findUrl: () => string): Manage {
  const manage: Manage["manage"] = async (method, path, body) => {
    const answer = await fetch(`${findUrl()}${path}`, {
      method,
      headers: { authorization: `Bearer ${managementToken}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} is ${answer.status}: ${text.slice(0, 500)}`);
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  };
  const createProject: Manage["createProject"] = async (more = {}) =>
    named.parse(
      await manage("POST", "/manage/projects", {
        name: `project ${crypto.randomUUID()}`,
        provider_keys: providerKeys,
        ...more,
      }),
    );
  const createToken: Manage["createToken"] = async (project, more = {}) =>
    minted.parse(await manage("POST", "/manage/tokens", { project_id: project, never_expires: true, ...more }));
  return {
    manage,
    createProject,
    createToken,
    mint: async (more, project) => (await createToken((await createProject(project)).id, more)).token,
  };
}

/** So many of the same, one after the other; what each was told. */
export async function askInTurn(count: number, one: (index: number) => Promise<Answer>): Promise<readonly string[]> {
  const told: string[] = [];
  for (let index = 0; index < count; index += 1) told.push((await one(index)).told);
  return told;
}

/** So many of the same at once; what each was told, by how many. */
export async function askAtOnce(
  count: number,
  one: (index: number) => Promise<Answer>,
): Promise<Readonly<Record<string, number>>> {
  const answers = await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
  const counts: Record<string, number> = {};
  for (const { told } of answers) counts[told] = (counts[told] ?? 0) + 1;
  return counts;
}
