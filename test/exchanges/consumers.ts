import { lastWords, makeQuestion, type Question } from "./book-provider.ts";
import type { Api } from "./price-list.ts";

/** A credential, and whose it is. */
export type Identity = { readonly project: string; readonly tokenId: string; readonly token: string };

/** A call that was made. */
export type Made = Question & {
  readonly identity: Identity;
  readonly user: string | null;
  /** What its consumer got; absent where its last byte never came. */
  readonly got?: {
    readonly status: number;
    readonly exchange: string;
    /** Milliseconds of this process's clock. */
    readonly at: number;
  };
};

/** Consumers that call, one call after the other each, whatever happens to the gateway. */
export type Consumers = {
  /** Ends them, once their last calls have ended; gives all calls that were made. */
  readonly stop: () => Promise<readonly Made[]>;
};

/** What consumers call with. */
export type Calling = {
  readonly url: string;
  readonly identities: readonly Identity[];
  /** Numbers of calls, each given once. */
  readonly numbers: Iterator<number, never>;
  readonly atOnce?: number;
  /** Characters of each question. */
  readonly size?: number;
  /** In whose name, in turn. */
  readonly users?: readonly (string | null)[];
};

/** Between two calls of a consumer, and after one that failed. Milliseconds. */
const pauseMs = 2;
const restMs = 20;

const usualUsers = ["ada", "grace", null, "edsger", "barbara"] as const;

/** Numbers of calls, each once. */
export function* countCalls(): Generator<number, never> {
  for (let number = 0; ; number += 1) yield number;
}

/** Starts some. */
export function startConsumers({ atOnce = 8, ...calling }: Calling): Consumers {
  const made: Made[] = [];
  let stopped = false;
  const working = Array.from({ length: atOnce }, async () => {
    while (!stopped) {
      const one = await call(calling);
      made.push(one);
      await Bun.sleep(one.got === undefined ? restMs : pauseMs);
    }
  });
  return {
    async stop() {
      stopped = true;
      await Promise.all(working);
      return made;
    },
  };
}

/** Makes so many calls, a few at once. */
export async function callSome(count: number, calling: Calling): Promise<readonly Made[]> {
  const made: Made[] = [];
  let left = count;
  const work = async () => {
    while ((left -= 1) >= 0) made.push(await call(calling));
  };
  await Promise.all(Array.from({ length: calling.atOnce ?? 8 }, work));
  return made;
}

async function call({
  url,
  identities,
  numbers,
  size = 30,
  users = usualUsers,
}: Omit<Calling, "atOnce">): Promise<Made> {
  const number = numbers.next().value;
  const question = makeQuestion(number);
  const identity = identities[Math.floor(number / 5) % identities.length];
  if (identity === undefined) throw new Error("There is nobody to call as");
  const user = users[number % users.length] ?? null;
  const one = { ...question, identity, user };
  const answer = await fetch(`${url}${targetOf(question)}`, {
    method: "POST",
    // A connection that is used again would be tried again, too: the call would be made twice.
    keepalive: false,
    signal: AbortSignal.timeout(20_000),
    headers: {
      ...keyHeader(question.api, identity.token),
      "content-type": "application/json",
      "x-call": question.call,
      "x-session-id": question.call,
      ...(user === null ? {} : { "x-user-id": user }),
    },
    body: JSON.stringify(bodyOf(question, textOf(size))),
  })
    .then(async (response) => ({ response, text: await response.text() }))
    .catch(() => undefined);
  if (answer === undefined) return one;
  const { response, text } = answer;
  if (!text.includes(lastWords(question.call)))
    throw new Error(`${question.call} was cut and looks whole: ${response.status} ${text.slice(-300)}`);
  const exchange = response.headers.get("x-weir-exchange-id") ?? "";
  return { ...one, got: { status: response.status, exchange, at: performance.now() } };
}

/** No compression makes it smaller. */
function textOf(size: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(Math.ceil((size * 3) / 4)))).toString("base64");
}

function targetOf({ api, model, streaming }: Question): string {
  if (api === "openai") return "/v1/chat/completions";
  if (api === "anthropic") return "/v1/messages";
  return `/v1beta/models/${model}:${streaming ? "streamGenerateContent?alt=sse" : "generateContent"}`;
}

function bodyOf({ api, model, streaming: stream }: Question, text: string): object {
  if (api === "gemini") return { contents: [{ role: "user", parts: [{ text }] }] };
  return { model, max_tokens: 900, stream, messages: [{ role: "user", content: text }] };
}

function keyHeader(api: Api, token: string): Readonly<Record<string, string>> {
  if (api === "openai") return { authorization: `Bearer ${token}` };
  return api === "anthropic" ? { "x-api-key": token } : { "x-goog-api-key": token };
}
