import { type Api, apiOf, type Bucket, type Counts, modelNames } from "./price-list.ts";

/** A call as its consumer makes it; everything follows from its number. */
export type Question = {
  /** Goes up in `x-call`, and is the call's session in the log. */
  readonly call: string;
  readonly model: string;
  readonly api: Api;
  readonly streaming: boolean;
};

/** What the provider served for one call. */
export type Served = Question & {
  readonly status: number;
  readonly counts: Counts;
  /** Whether its last byte went out. */
  finished: boolean;
};

/** A provider of three APIs that keeps a book of what it served. */
export type BookProvider = AsyncDisposable & {
  readonly url: string;
  /** By the call's name. */
  readonly book: ReadonlyMap<string, Served>;
  /** Calls that came more than once. */
  readonly repeated: readonly string[];
};

/** Every so many calls are refused by the provider. */
const refusedEvery = 23;

/** The call of a number: every model, streamed and not. */
export function makeQuestion(number: number): Question {
  const model = modelNames[number % modelNames.length] ?? "";
  const streaming = Math.floor(number / modelNames.length) % 2 === 1;
  return { call: `call-${number}`, model, api: apiOf(model), streaming };
}

/** Starts one on a free port; under `/langfuse` it takes nothing. */
export function openBookProvider(): BookProvider {
  const book = new Map<string, Served>();
  const repeated: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      await request.bytes();
      if (pathname.startsWith("/langfuse")) return new Response("not now", { status: 503 });
      const number = Number(request.headers.get("x-call")?.replace("call-", ""));
      const question = makeQuestion(number);
      if (book.has(question.call)) repeated.push(question.call);
      const isRefused = number % refusedEvery === refusedEvery - 1;
      const served: Served = {
        ...question,
        status: isRefused ? 429 : 200,
        counts: isRefused ? {} : countsOf(number, question.api),
        finished: false,
      };
      book.set(question.call, served);
      const pieces = piecesOf(served, number);
      const type = served.streaming && !isRefused ? "text/event-stream" : "application/json";
      return new Response(write(pieces, served), { status: served.status, headers: { "content-type": type } });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    book,
    repeated,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** The text with which each answer ends that was read whole. */
export function lastWords(call: string): string {
  return `${call} is answered`;
}

/** Usage that differs from call to call, with the buckets that the API can tell. */
function countsOf(number: number, api: Api): Counts {
  const some = (bucket: Bucket, most: number, every = 1): Counts =>
    number % every === 0 ? { [bucket]: 1 + (Bun.hash.crc32(`${bucket} ${number}`) % most) } : {};
  const counts = { ...some("input", 4000), ...some("input_cached", 2000, 2), ...some("output", 900) };
  switch (api) {
    case "openai":
      return { ...counts, ...some("output_reasoning", 700, 3) };
    case "anthropic":
      return { ...counts, ...some("input_cache_write_5m", 1500, 3), ...some("input_cache_write_1h", 1500, 5) };
    case "gemini":
      return { ...counts, ...some("output_reasoning", 700, 3), ...some("input_audio", 500, 4) };
  }
}

/** Slowly enough that a kill falls into many answers. */
function write(pieces: readonly string[], served: Served): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const left = pieces.values();
  return new ReadableStream(
    {
      async pull(controller) {
        await Bun.sleep(Bun.hash.crc32(served.call) % 5);
        const { value, done } = left.next();
        if (done !== true) return controller.enqueue(encoder.encode(value));
        served.finished = true;
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

function piecesOf(served: Served, number: number): readonly string[] {
  const { api, status, streaming, call } = served;
  if (status !== 200) return [JSON.stringify({ error: { message: lastWords(call), type: "planned", code: 429 } })];
  const text = `${"word ".repeat(number % 300)}${lastWords(call)}`;
  const events = streaming ? streams[api](served, text) : undefined;
  return (
    events?.map(([name, data]) => `${name === "" ? "" : `event: ${name}\n`}data: ${data}\n\n`) ?? [
      JSON.stringify(answers[api](served, text)),
    ]
  );
}

const answers: Readonly<Record<Api, (served: Served, text: string) => object>> = {
  openai: ({ model, counts }, content) => ({
    id: "chatcmpl-1",
    object: "chat.completion",
    model,
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: openaiUsage(counts),
  }),
  anthropic: ({ model, counts }, text) => ({
    ...anthropicMessage,
    model,
    stop_reason: "end_turn",
    content: [{ type: "text", text }],
    usage: { ...anthropicInput(counts), output_tokens: counts.output },
  }),
  gemini: (served, text) => geminiChunk(served, text),
};

type Event = readonly [name: string, data: string];

const streams: Readonly<Record<Api, (served: Served, text: string) => readonly Event[]>> = {
  openai: ({ model, counts }, content) => {
    const head = { id: "chatcmpl-1", object: "chat.completion.chunk", model };
    const chunk = (delta: object, end = {}) => ({ ...head, choices: [{ index: 0, delta, ...end }] });
    return [
      ["", JSON.stringify(chunk({ role: "assistant" }))],
      ["", JSON.stringify(chunk({ content }))],
      ["", JSON.stringify(chunk({}, { finish_reason: "stop" }))],
      ["", JSON.stringify({ ...head, choices: [], usage: openaiUsage(counts) })],
      ["", "[DONE]"],
    ];
  },
  anthropic: ({ model, counts }, text) =>
    [
      {
        type: "message_start",
        message: { ...anthropicMessage, model, content: [], usage: { ...anthropicInput(counts), output_tokens: 1 } },
      },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: counts.output } },
      { type: "message_stop" },
    ].map((event) => [event.type, JSON.stringify(event)]),
  gemini: (served, text) => [
    ["", JSON.stringify(geminiChunk({ ...served, counts: { ...served.counts, output: 1 } }, "At first "))],
    ["", JSON.stringify(geminiChunk(served, text))],
  ],
};

function openaiUsage({ input = 0, input_cached: cached = 0, output = 0, output_reasoning: reasoning = 0 }: Counts) {
  const [prompt, completion] = [input + cached, output + reasoning];
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

const anthropicMessage = { id: "msg_1", type: "message", role: "assistant" };

function anthropicInput(counts: Counts) {
  const {
    input = 0,
    input_cached: cached = 0,
    input_cache_write_5m: short = 0,
    input_cache_write_1h: long = 0,
  } = counts;
  return {
    input_tokens: input,
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: short + long,
    cache_creation: { ephemeral_5m_input_tokens: short, ephemeral_1h_input_tokens: long },
  };
}

function geminiChunk({ model, counts }: Served, text: string): object {
  const {
    input = 0,
    input_cached: cached = 0,
    input_audio: audio = 0,
    output = 0,
    output_reasoning: thoughts = 0,
  } = counts;
  const prompt = input + cached + audio;
  return {
    candidates: [{ content: { role: "model", parts: [{ text }] }, finishReason: "STOP", index: 0 }],
    modelVersion: model,
    usageMetadata: {
      promptTokenCount: prompt,
      promptTokensDetails: [
        { modality: "TEXT", tokenCount: input + cached },
        { modality: "AUDIO", tokenCount: audio },
      ],
      cachedContentTokenCount: cached,
      candidatesTokenCount: output,
      thoughtsTokenCount: thoughts,
      totalTokenCount: prompt + output + thoughts,
    },
  };
}
