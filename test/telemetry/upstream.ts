/** A request as a provider got it. */
export type UpstreamRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
};

/** How a provider answers. */
export type Script = (request: UpstreamRequest) => Response | Promise<Response>;

/** A provider that answers as a test wants it to. */
export type Upstream = {
  readonly url: string;
  /** Answers every request from now on. */
  answer: Script;
  /** Requests that came so far. */
  readonly requests: () => readonly UpstreamRequest[];
  readonly stop: () => Promise<void>;
};

/** Starts one on 127.0.0.1. */
export function startUpstream(first: Script = () => Response.json({})): Upstream {
  const requests: UpstreamRequest[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    maxRequestBodySize: 1_073_741_824,
    async fetch(incoming) {
      const { pathname, search } = new URL(incoming.url);
      const { method, headers } = incoming;
      const request = { method, path: pathname + search, headers, body: await incoming.bytes() };
      requests.push(request);
      return upstream.answer(request);
    },
  });
  const upstream: Upstream = {
    url: `http://127.0.0.1:${server.port}`,
    answer: first,
    requests: () => requests,
    stop: () => server.stop(true),
  };
  return upstream;
}

/** An answer that comes in pieces, each a write of its own, with so many milliseconds before each. */
export function piecewise(type: string, pieces: Iterable<string | Uint8Array>, pauseMs = 0): Response {
  const encoder = new TextEncoder();
  const waiting = pieces[Symbol.iterator]();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = waiting.next();
        if (done === true) return controller.close();
        if (pauseMs > 0) await Bun.sleep(pauseMs);
        controller.enqueue(typeof value === "string" ? encoder.encode(value) : value);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": type } });
}

/** An event stream, each event a write of its own. */
export function events(pieces: Iterable<string | Uint8Array>, pauseMs = 0): Response {
  return piecewise("text/event-stream", pieces, pauseMs);
}

/** An event as OpenAI and Gemini write it. */
export function dataEvent(data: unknown): string {
  return `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
}

/** An event as Anthropic and the Responses API write it: named as its data's `type`. */
export function namedEvent(data: { readonly type: string }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A text's bytes cut every so many bytes, also inside a character. */
export function* cutEvery(size: number, text: string): Generator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}
