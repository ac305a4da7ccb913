/** What the provider does with one call. */
export type Plan = {
  /** The usage that it tells; where neither is there it tells none. LLM tokens. */
  readonly input?: number;
  readonly output?: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers only when this is released; a stream then has begun already. */
  readonly hold?: string;
};

/** A call as the provider got it. */
export type Reached = {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
  /** When its connection broke before its answer's end. */
  readonly left: Promise<void>;
};

/** A provider of all three APIs: a call's `x-plan` says what it answers. */
export type Provider = AsyncDisposable & {
  readonly url: string;
  /** Everything that came. */
  readonly reached: Reached[];
  /** Lets go of every call that is held under this name, now and later. */
  readonly release: (name: string) => void;
};

/** Starts it on a free port. */
export function openProvider(): Provider {
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const reached: Reached[] = [];
  const gateOf = (name: string) => {
    const gate = gates.get(name) ?? Promise.withResolvers<void>();
    gates.set(name, gate);
    return gate;
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const left = Promise.withResolvers<void>();
      request.signal.addEventListener("abort", () => left.resolve());
      const body = await request.text();
      reached.push({ path: pathname + search, headers: request.headers, body, left: left.promise });
      // Written by the test itself.
      const plan = JSON.parse(request.headers.get("x-plan") ?? "{}") as Plan;
      const released = plan.hold === undefined ? undefined : gateOf(plan.hold).promise;
      const { status = 200, headers = {} } = plan;
      if (status >= 400) {
        await released;
        return Response.json({ error: { message: "planned", type: "planned" } }, { status, headers });
      }
      const model = readModel(body, pathname);
      if (/"stream": ?true/.test(body) || pathname.includes(":stream"))
        return new Response(writeStream(streamOf(pathname, model, plan), released), {
          headers: { "content-type": "text/event-stream", ...headers },
        });
      await released;
      return Response.json(answerOf(pathname, model, plan), { headers });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    reached,
    release: (name) => gateOf(name).resolve(),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function readModel(body: string, path: string): string {
  return /"model": ?"([^"]*)"/.exec(body)?.[1] ?? /models\/([^:]*):/.exec(path)?.[1] ?? "none";
}

function answerOf(path: string, model: string, { input, output = 0 }: Plan): object {
  const tells = (usage: (input: number) => object) => (input === undefined ? {} : usage(input));
  if (path.includes("/messages"))
    return {
      id: "msg_1",
      type: "message",
      role: "assistant",
      model,
      stop_reason: "end_turn",
      content: [{ type: "text", text: "ok" }],
      ...tells((read) => ({ usage: { input_tokens: read, output_tokens: output } })),
    };
  if (path.includes(":generateContent"))
    return geminiAnswer(model, { ...(input === undefined ? {} : { input }), output });
  if (path.endsWith("/responses"))
    return {
      id: "resp_1",
      object: "response",
      model,
      status: "completed",
      output: [],
      ...tells((read) => ({ usage: { input_tokens: read, output_tokens: output, total_tokens: read + output } })),
    };
  const usage = (read: number) => ({
    usage: { prompt_tokens: read, completion_tokens: output, total_tokens: read + output },
  });
  if (path.endsWith("/embeddings"))
    return {
      object: "list",
      model,
      data: [],
      ...tells((read) => ({ usage: { prompt_tokens: read, total_tokens: read } })),
    };
  const choice = path.endsWith("/chat/completions")
    ? { index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }
    : { index: 0, text: "ok", finish_reason: "stop" };
  return { id: "cmpl_1", object: "chat.completion", model, choices: [choice], ...tells(usage) };
}

function geminiAnswer(model: string, { input, output = 0 }: Plan): object {
  return {
    candidates: [{ content: { role: "model", parts: [{ text: "ok" }] }, finishReason: "STOP", index: 0 }],
    modelVersion: model,
    ...(input === undefined
      ? {}
      : {
          usageMetadata: {
            promptTokenCount: input,
            candidatesTokenCount: output,
            totalTokenCount: input + output,
          },
        }),
  };
}

/** The events of a stream: those at once, and those at its end. */
function streamOf(path: string, model: string, plan: Plan): readonly [first: string, last: string] {
  const { input, output = 0 } = plan;
  const event = (data: object, name?: string) =>
    `${name === undefined ? "" : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`;
  if (path.includes("/messages")) {
    const usage = input === undefined ? {} : { usage: { input_tokens: input, output_tokens: 1 } };
    const message = { id: "msg_1", type: "message", role: "assistant", model, content: [], ...usage };
    return [
      event({ type: "message_start", message }, "message_start"),
      event(
        {
          type: "message_delta",
          delta: { stop_reason: "end_turn" },
          ...(input === undefined ? {} : { usage: { output_tokens: output } }),
        },
        "message_delta",
      ) + event({ type: "message_stop" }, "message_stop"),
    ];
  }
  if (path.includes(":stream")) return [event(geminiAnswer(model, {})), event(geminiAnswer(model, plan))];
  const head = { id: "chatcmpl_1", object: "chat.completion.chunk", model };
  const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: (input ?? 0) + output };
  return [
    event({ ...head, choices: [{ index: 0, delta: { role: "assistant", content: "ok" } }] }),
    [
      event({ ...head, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
      input === undefined ? "" : event({ ...head, choices: [], usage }),
      "data: [DONE]\n\n",
    ].join(""),
  ];
}

function writeStream([first, last]: readonly [string, string], released: Promise<void> | undefined): ReadableStream {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async start(controller) {
      controller.enqueue(encoder.encode(first));
      await released;
      try {
        controller.enqueue(encoder.encode(last));
        controller.close();
      } catch {
        // The gateway has left meanwhile.
      }
    },
  });
}
