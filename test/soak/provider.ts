import { frame, openUpstream, type Script, type Upstream } from "../wire/upstream.ts";
import { openSocketUpstream } from "../wire/sockets.ts";
import { type Dialect, dialectOf, textOf } from "./dialects.ts";

/** How a provider behaves towards one call, as the call itself says in the header `x-soak`. */
export type Behaviour = keyof typeof behaviours;

/** Names the behaviour; it passes like any header that nobody knows. */
export const behaviourHeader = "x-soak";

const texts = Array.from({ length: 10 }, (_, index) => textOf(60, index));
const floodTexts = Array.from({ length: 40 }, (_, index) => textOf(50_000, index));
const answerText = textOf(1_000, 1);
const largeText = "All is well. ".repeat(800_000);

/** What arrives of the answers that arrive whole. */
export const answers = {
  whole: (dialect: Dialect) => dialect.whole(answerText),
  stream: (dialect: Dialect) => dialect.events(texts).join(""),
  flood: (dialect: Dialect) => dialect.events(floodTexts).join(""),
  large: (dialect: Dialect) => dialect.whole(largeText),
};

const behaviours = {
  whole: async (seen) => {
    await seen.body;
    seen.answer({ body: answers.whole(dialectOf(seen.target)) });
  },
  /** In pieces, with a moment between them. */
  stream: async (seen) => {
    await seen.body;
    seen.begin();
    for (const event of dialectOf(seen.target).events(texts)) {
      if (!seen.socket.writable) return;
      seen.chunk(event);
      await Bun.sleep(5);
    }
    seen.end();
  },
  /** Megabytes, as fast as they are read. */
  flood: async (seen) => {
    await seen.body;
    seen.begin();
    for (const event of dialectOf(seen.target).events(floodTexts)) {
      if (!seen.socket.writable) return;
      await seen.push(frame(event));
    }
    seen.end();
  },
  large: async (seen) => {
    await seen.body;
    seen.answer({ body: answers.large(dialectOf(seen.target)) });
  },
  /** Never answers. */
  hang: () => {},
  /** Answers in part, and says nothing more. */
  stall: (seen) => {
    seen.begin();
    seen.chunk(dialectOf(seen.target).events(texts)[0] ?? "");
  },
  /** Breaks before it has answered. */
  reset: async (seen) => {
    await seen.body;
    seen.reset();
  },
  /** Breaks in the middle of its answer. */
  cut: async (seen) => {
    await seen.body;
    seen.begin();
    for (const event of dialectOf(seen.target).events(texts).slice(0, 4)) seen.chunk(event);
    await Bun.sleep(10);
    seen.reset();
  },
} satisfies Readonly<Record<string, Script>>;

/** What one answer on a socket is. */
function realtimeEvents(id: string): readonly string[] {
  const usage = { total_tokens: 17, input_tokens: 12, output_tokens: 5 };
  const response = { id, model: "gpt-realtime", status: "in_progress" };
  return [
    JSON.stringify({ type: "response.created", response }),
    JSON.stringify({ type: "response.output_text.delta", response_id: id, output_index: 0, delta: answerText }),
    JSON.stringify({ type: "response.done", response: { ...response, status: "completed", usage } }),
  ];
}

/** A provider of all dialects, and one of sockets. */
export type Provider = AsyncDisposable & { readonly url: string; readonly socketUrl: string };

/** Opens both. */
export async function openProvider(): Promise<Provider> {
  const scripts: ReadonlyMap<string | undefined, Script> = new Map(Object.entries(behaviours));
  const upstream: Upstream = await openUpstream("soak", (seen) =>
    (scripts.get(seen.header(behaviourHeader)) ?? behaviours.whole)(seen),
  );
  const sockets = openSocketUpstream();
  sockets.scripts.set("realtime", {
    message: (socket) => {
      for (const event of realtimeEvents(crypto.randomUUID())) socket.send(event);
    },
  });
  return {
    url: upstream.url,
    socketUrl: sockets.url,
    async [Symbol.asyncDispose]() {
      await upstream[Symbol.asyncDispose]();
      await sockets.stop();
    },
  };
}
