import { openCall } from "../wire/client.ts";
import { openConsumer } from "../wire/sockets.ts";
import { type Dialect, dialects, textOf } from "./dialects.ts";
import { answers, type Behaviour, behaviourHeader } from "./provider.ts";

/** What a program of consumers did, as it writes it at its end. */
export type Summary = {
  /** Calls that were made, by their kind. */
  readonly made: Readonly<Record<string, number>>;
  /** Those that did not come to what they should have. */
  readonly wrong: number;
  /** Some of those, in words. */
  readonly complaints: readonly string[];
};

/** How many exchanges a call of the kind `socket` is. */
export const answersPerSocket = 2;

/** Makes a call and judges what came of it; says what is wrong, if anything is. */
type Kind = {
  readonly name: string;
  readonly everyMs: number;
  readonly call: (url: URL) => Promise<string | undefined>;
};

/** Nothing that is asked here takes nearly as long. */
const patienceMs = 20_000;

const prompts = Array.from({ length: 64 }, (_, index) => textOf(4_000, index));
const hugePrompt = textOf(1_000_000, 99).repeat(10);

/** Every dialect has its turn. */
function createTurns<T>(all: readonly [T, ...T[]]): () => T {
  let turn = 0;
  return () => all[turn++ % all.length] ?? all[0];
}

const nextDialect = createTurns(dialects);
const nextPrompt = createTurns([prompts[0] ?? "", ...prompts.slice(1)]);

type Asked = { readonly streamed?: boolean; readonly prompt?: string; readonly signal?: AbortSignal };

function ask(url: URL, dialect: Dialect, behaviour: Behaviour, asked: Asked = {}): Promise<Response> {
  const { streamed = false, prompt = nextPrompt(), signal = AbortSignal.timeout(patienceMs) } = asked;
  return fetch(new URL(dialect.target(streamed), url), {
    method: "POST",
    headers: { authorization: "Bearer sk-consumer", "content-type": "application/json", [behaviourHeader]: behaviour },
    body: dialect.body(streamed, prompt),
    signal,
  });
}

async function expectAnswer(url: URL, behaviour: keyof typeof answers, asked: Asked = {}): Promise<string | undefined> {
  const dialect = nextDialect();
  const got = await ask(url, dialect, behaviour, asked);
  const text = await got.text();
  if (got.status !== 200) return `${dialect.name} answered ${got.status}: ${text.slice(0, 200)}`;
  return text === answers[behaviour](dialect) ? undefined : `${dialect.name} answered other bytes, ${text.length}`;
}

async function expectStatus(url: URL, behaviour: Behaviour, status: number): Promise<string | undefined> {
  const got = await ask(url, nextDialect(), behaviour);
  await got.text();
  return got.status === status ? undefined : `${got.status} in place of ${status}`;
}

/** The connection breaks, behind the head or, where both came in one moment, before it. */
async function expectBreak(url: URL, behaviour: Behaviour): Promise<string | undefined> {
  const signal = AbortSignal.timeout(patienceMs);
  const got = await ask(url, nextDialect(), behaviour, { streamed: true, signal }).catch(() => undefined);
  if (!got) return signal.aborted ? "it went on for ever" : undefined;
  const end = await got.text().then(
    () => "ended as if it were whole",
    () => (signal.aborted ? "went on for ever" : "broke"),
  );
  return end === "broke" && got.status === 200 ? undefined : `${got.status}, and it ${end}`;
}

/** Leaves whatever has become of the call by then. */
async function leaveAtOnce(url: URL): Promise<undefined> {
  const signal = AbortSignal.timeout(50);
  await ask(url, nextDialect(), "hang", { streamed: true, signal })
    .then((got) => got.text())
    .catch(() => {});
}

/** Leaves once the first part of the answer is there. */
async function leaveInBetween(url: URL): Promise<undefined> {
  const controller = new AbortController();
  const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(patienceMs)]);
  const got = await ask(url, nextDialect(), "stream", { streamed: true, signal });
  await got.body?.getReader().read();
  controller.abort();
}

/** Reads what the system hands over at once, and then pauses. */
async function readSlowly(url: URL): Promise<string | undefined> {
  const dialect = nextDialect();
  const headers = [
    ["content-type", "application/json"],
    [behaviourHeader, "flood"],
  ] as const;
  const target = dialect.target(true);
  const body = dialect.body(true, nextPrompt());
  const call = openCall(Number(url.port), { method: "POST", target, headers, body }, patienceMs);
  call.socket.on("data", () => call.socket.pause());
  const timer = setInterval(() => call.socket.resume(), 20);
  const { end, text } = await call.answer.finally(() => clearInterval(timer));
  call.leave();
  return end === "clean" && text === answers.flood(dialect) ? undefined : `${end} after ${text.length} characters`;
}

/** Asks for answers on one socket, each of which is an exchange. */
async function talk(url: URL): Promise<string | undefined> {
  const { socket, received, until, closed } = await openConsumer(
    `ws://${url.host}/sockets/v1/realtime?model=gpt-realtime&script=realtime`,
  );
  for (let answer = 1; answer <= answersPerSocket; answer += 1) {
    socket.send(JSON.stringify({ type: "response.create", response: { instructions: nextPrompt() } }));
    await until(3 * answer);
  }
  socket.close();
  await closed;
  const last = String(received.at(-1));
  return last.includes("response.done") ? undefined : `the socket ended with ${last.slice(0, 200)}`;
}

const kinds: readonly Kind[] = [
  { name: "whole", everyMs: 20, call: (url) => expectAnswer(url, "whole") },
  { name: "stream", everyMs: 40, call: (url) => expectAnswer(url, "stream", { streamed: true }) },
  { name: "slow reader", everyMs: 700, call: readSlowly },
  { name: "leaves at once", everyMs: 400, call: leaveAtOnce },
  { name: "leaves in between", everyMs: 200, call: leaveInBetween },
  { name: "hanging provider", everyMs: 500, call: (url) => expectStatus(url, "hang", 504) },
  { name: "stalling provider", everyMs: 900, call: (url) => expectBreak(url, "stall") },
  { name: "resetting provider", everyMs: 300, call: (url) => expectStatus(url, "reset", 502) },
  { name: "cutting provider", everyMs: 400, call: (url) => expectBreak(url, "cut") },
  { name: "large request", everyMs: 3_000, call: (url) => expectAnswer(url, "whole", { prompt: hugePrompt }) },
  { name: "large answer", everyMs: 3_000, call: (url) => expectAnswer(url, "large") },
  { name: "socket", everyMs: 500, call: talk },
];

/** More of a kind than this are never under way. */
const mostAtOnce = 64;
const mostComplaints = 20;

async function consume(url: URL, forMs: number): Promise<Summary> {
  const made: Record<string, number> = {};
  const complaints: string[] = [];
  let wrong = 0;
  const until = performance.now() + forMs;

  const judge = async ({ name, call }: Kind): Promise<void> => {
    made[name] = (made[name] ?? 0) + 1;
    const complaint = await call(url).catch((error: unknown) => String(error));
    if (complaint === undefined) return;
    wrong += 1;
    if (complaints.length < mostComplaints) complaints.push(`${name}: ${complaint}`);
  };
  const repeat = async (kind: Kind): Promise<void> => {
    const underWay = new Set<Promise<void>>();
    for (; performance.now() < until; await Bun.sleep(kind.everyMs)) {
      if (underWay.size >= mostAtOnce) continue;
      const one = judge(kind).finally(() => underWay.delete(one));
      underWay.add(one);
    }
    await Promise.all(underWay);
  };
  await Promise.all(kinds.map(repeat));
  return { made, wrong, complaints };
}

if (import.meta.main) {
  const [url = "", seconds = ""] = process.argv.slice(2);
  process.stdout.write(`${JSON.stringify(await consume(new URL(url), Number(seconds) * 1000))}\n`);
  // Connections that are kept for another call would keep it from ending.
  process.exit(0);
}
