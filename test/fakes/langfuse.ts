import { parseArgs } from "node:util";

import { createFakeMediaStore, type FakeMediaMode, type FakeMedium, type FakeRequest } from "./langfuse-store.ts";
import { type DecodedSpan, OtlpFault } from "./otlp-decode.ts";
import { decompress, readExport } from "./langfuse-export.ts";

const modes = [
  /** Takes everything. */
  "ok",
  /** Takes requests and never answers. */
  "hang",
  "500",
  "502-html",
  /** A page that isn't Langfuse's API. */
  "200-html",
  "401",
  "403",
  /** Answers with `retryAfter`. */
  "429",
  /** Sends elsewhere. */
  "redirect",
  /** Takes all but the bad spans, and names those. */
  "207",
  /** The same, but says only how many, as OTLP does. */
  "partial",
  /** Refuse a whole export for one bad span. */
  "400-if-bad",
  "413-if-bad",
] as const;

/** How exports are answered; `hang`, `500`, `401` and `403` hold for the check of the keys too. */
export type FakeLangfuseMode = (typeof modes)[number];

/** A span that was taken, and how often it came. */
export type FakeLangfuseSpan = DecodedSpan & { readonly deliveries: number };

/** A request as it came; those to `/__…` are not among them. */
export type FakeLangfuseRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body as they were sent, and after decompression. */
  readonly sentBytes: number;
  readonly bytes: number;
  /** The spans of an export that could be read. */
  readonly spanIds: readonly string[];
  /** Absent while it hangs. */
  readonly status?: number;
};

/** A Langfuse v4 to test against, which takes spans by OTLP/JSON alone; what it took survives `stop` and `restart`. */
export type FakeLangfuse = {
  /** `http://127.0.0.1:<port>`, for `LANGFUSE_BASE_URL`. */
  readonly url: string;
  readonly port: number;
  readonly publicKey: string;
  readonly secretKey: string;
  mode: FakeLangfuseMode;
  mediaMode: FakeMediaMode;
  /** What `429` answers in `retry-after`; `undefined` sends none. */
  retryAfter: string | undefined;
  /** How long every answer waits. */
  slowMs: number;
  /** The spans that `207`, `partial` and `…-if-bad` take offence at; those with `reject-me` in their input, unless set. */
  isBad: (span: DecodedSpan) => boolean;
  /** The largest body that something in front of it lets through, as sent; `undefined` lets everything through. */
  maxBodyBytes: number | undefined;
  /** All spans that were taken, each once, in the order in which they first came. */
  readonly spans: () => readonly FakeLangfuseSpan[];
  readonly media: () => readonly FakeMedium[];
  readonly requests: () => readonly FakeLangfuseRequest[];
  /** What was wrong with exports, in words; a good client leaves it empty. */
  readonly faults: () => readonly string[];
  /** The spans, as soon as they are as wanted; throws with those that are there after `timeoutMs` (20,000). */
  readonly waitFor: (
    wanted: (spans: readonly FakeLangfuseSpan[]) => boolean,
    timeoutMs?: number,
  ) => Promise<readonly FakeLangfuseSpan[]>;
  /** Forgets spans, media, requests and faults. */
  readonly reset: () => void;
  /** Closes the port and every connection, so that connecting is refused. */
  readonly stop: () => Promise<void>;
  /** Opens the same port again. */
  readonly restart: () => void;
};

/** What a fake is started with; port 0 takes any that is free. */
export type FakeLangfuseOptions = {
  readonly port?: number;
  readonly publicKey?: string;
  readonly secretKey?: string;
};

/** Starts a fake on 127.0.0.1. */
export function startFakeLangfuse(options: FakeLangfuseOptions = {}): FakeLangfuse {
  const { port = 0, publicKey = "pk-lf-test", secretKey = "sk-lf-test" } = options;
  const authorization = `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString("base64")}`;
  const store = createFakeMediaStore();
  const spans = new Map<string, FakeLangfuseSpan>();
  const requests: FakeLangfuseRequest[] = [];
  const faults: string[] = [];
  let server = listen(port);

  const fake: FakeLangfuse = {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port ?? port,
    publicKey,
    secretKey,
    mode: "ok",
    get mediaMode() {
      return store.mode;
    },
    set mediaMode(mode) {
      store.mode = mode;
    },
    retryAfter: "1",
    slowMs: 0,
    maxBodyBytes: undefined,
    isBad: ({ attributes }) => String(attributes["langfuse.observation.input"]).includes("reject-me"),
    spans: () => [...spans.values()],
    media: store.all,
    requests: () => requests,
    faults: () => faults,
    waitFor: async (wanted, timeoutMs = 20_000) => {
      const until = Date.now() + timeoutMs;
      while (!wanted(fake.spans())) {
        if (Date.now() >= until) throw new Error(`After ${timeoutMs} ms Langfuse has ${describe(fake)}`);
        await Bun.sleep(5);
      }
      return fake.spans();
    },
    reset: () => {
      spans.clear();
      store.reset();
      requests.length = 0;
      faults.length = 0;
    },
    stop: () => server.stop(true),
    restart: () => {
      server = listen(fake.port);
    },
  };
  return fake;

  function listen(onPort: number) {
    return Bun.serve({ hostname: "127.0.0.1", port: onPort, idleTimeout: 0, fetch: serve });
  }

  async function serve(incoming: Request): Promise<Response> {
    const url = new URL(incoming.url);
    const body = new Uint8Array(await incoming.arrayBuffer());
    const request: FakeRequest = { method: incoming.method, url, headers: incoming.headers, body };
    if (url.pathname.startsWith("/__")) return control(fake, request);
    const plain = decompress(request);
    const entry = {
      method: request.method,
      path: url.pathname,
      headers: Object.fromEntries(request.headers),
      sentBytes: body.length,
      bytes: plain?.length ?? 0,
      spanIds: new Array<string>(),
    };
    const index = requests.push(entry) - 1;
    if (fake.slowMs > 0) await Bun.sleep(fake.slowMs);
    const response = answer(request, plain, entry.spanIds);
    if (response === "hang") return neverAnswer();
    requests[index] = { ...entry, status: response.status };
    return response;
  }

  function answer(request: FakeRequest, body: Uint8Array | undefined, spanIds: string[]): Response | "hang" {
    if (request.body.length > (fake.maxBodyBytes ?? Infinity)) return page("413 Request Entity Too Large", 413);
    const authorized = request.headers.get("authorization") === authorization;
    const media = store.answer(request, authorized);
    if (media !== undefined) return media;
    switch (`${request.method} ${request.url.pathname}`) {
      case "GET /api/public/health":
        return Response.json({ status: "OK", version: "4.0.0" });
      case "GET /api/public/projects":
        return byMode(authorized) ?? Response.json({ data: [{ id: "project-1", name: "Test" }] });
      case "POST /api/public/ingestion":
        return refuse("This Langfuse runs in events_only mode and takes traces by OpenTelemetry alone");
      case "POST /api/public/otel/v1/traces":
        return byMode(authorized) ?? takeExport(request, body, spanIds);
      default:
        return page("This page could not be found", 404);
    }
  }

  /** What the mode answers whatever is in a request. */
  function byMode(authorized: boolean): Response | "hang" | undefined {
    if (!authorized || fake.mode === "401") return unauthorized();
    const answers: Partial<Record<FakeLangfuseMode, () => Response | "hang">> = {
      hang: () => "hang",
      "403": () => Response.json({ error: "ForbiddenError", message: "Ingestion suspended" }, { status: 403 }),
      "429": () => tooMany(fake.retryAfter),
      "500": () => Response.json({ message: "Internal Server Error" }, { status: 500 }),
      "502-html": () => page("502 Bad Gateway", 502),
      "200-html": () => page("Welcome to nginx", 200),
      redirect: () => Response.redirect(`${fake.url}/elsewhere`, 308),
    };
    return answers[fake.mode]?.();
  }

  function takeExport({ headers }: FakeRequest, body: Uint8Array | undefined, spanIds: string[]): Response {
    try {
      const decoded = readExport(headers, body);
      spanIds.push(...decoded.map(({ spanId }) => spanId));
      return takeSpans(decoded);
    } catch (error) {
      if (!(error instanceof OtlpFault)) throw error;
      return refuse(error.message);
    }
  }

  function takeSpans(decoded: readonly DecodedSpan[]): Response {
    const bad = decoded.filter((span) => fake.isBad(span));
    const selective = ["207", "partial", "400-if-bad", "413-if-bad"].includes(fake.mode) && bad.length > 0;
    if (selective && fake.mode === "400-if-bad")
      return Response.json({ error: "Failed to parse OTel JSON Trace" }, { status: 400 });
    if (selective && fake.mode === "413-if-bad") return new Response("Payload Too Large", { status: 413 });
    const taken = selective ? decoded.filter((span) => !bad.includes(span)) : decoded;
    for (const span of taken) {
      spans.set(span.spanId, { ...span, deliveries: (spans.get(span.spanId)?.deliveries ?? 0) + 1 });
    }
    if (selective && fake.mode === "partial") {
      return Response.json({ partialSuccess: { rejectedSpans: String(bad.length), errorMessage: "Span is bad" } });
    }
    if (!selective) return Response.json({});
    const successes = taken.map(({ spanId }) => ({ id: spanId, status: 201 }));
    const errors = bad.map(({ spanId }) => ({
      id: spanId,
      status: 400,
      message: "Span is bad",
      error: "InvalidRequestError",
    }));
    return Response.json({ successes, errors }, { status: 207 });
  }

  function refuse(message: string): Response {
    faults.push(message);
    return Response.json({ error: message }, { status: 400 });
  }
}

function neverAnswer(): Promise<Response> {
  return Promise.withResolvers<Response>().promise;
}

function unauthorized(): Response {
  return Response.json(
    { message: "Invalid credentials. Confirm that you've configured the correct host." },
    { status: 401 },
  );
}

function tooMany(retryAfter: string | undefined): Response {
  const headers = retryAfter === undefined ? undefined : { "retry-after": retryAfter };
  return Response.json({ message: "Rate limit exceeded" }, { status: 429, headers });
}

function page(title: string, status: number): Response {
  const html = `<!DOCTYPE html><html><head><title>${title}</title></head></html>`;
  return new Response(html, { status, headers: { "content-type": "text/html" } });
}

function describe(fake: FakeLangfuse): string {
  const spans = fake.spans().map(({ name, spanId, deliveries }) => `${name} ${spanId} ×${deliveries}`);
  const statuses = fake.requests().map(({ method, path, status }) => `${method} ${path} ${status ?? "hangs"}`);
  return JSON.stringify({ spans, faults: fake.faults(), requests: statuses.slice(-20) });
}

/** For a fake that runs as a process of its own: `GET /__spans`, `/__media`, `/__requests`, `/__faults`; `POST /__mode`, `/__reset`. */
function control(fake: FakeLangfuse, { method, url, body }: FakeRequest): Response {
  switch (`${method} ${url.pathname}`) {
    case "GET /__spans":
      return Response.json(fake.spans());
    case "GET /__media":
      return Response.json(fake.media().map((medium) => ({ ...medium, bytes: medium.bytes?.length })));
    case "GET /__requests":
      return Response.json(fake.requests());
    case "GET /__faults":
      return Response.json(fake.faults());
    case "POST /__mode":
      return setMode(fake, new TextDecoder().decode(body));
    case "POST /__reset":
      fake.reset();
      return new Response(null, { status: 204 });
    default:
      return new Response(null, { status: 404 });
  }
}

/** Takes the name of a mode as it is, or as `{ "mode": …, "media": … }`. */
function setMode(fake: FakeLangfuse, text: string): Response {
  const given = text.startsWith("{") ? (JSON.parse(text) as { mode?: string; media?: FakeMediaMode }) : { mode: text };
  const mode = modes.find((each) => each === given.mode);
  if (mode === undefined && given.mode !== undefined) return new Response(`No mode ${given.mode}`, { status: 400 });
  fake.mode = mode ?? fake.mode;
  if ("media" in given && given.media !== undefined) fake.mediaMode = given.media;
  return new Response(null, { status: 204 });
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { port: { type: "string" }, "public-key": { type: "string" }, "secret-key": { type: "string" } },
  });
  const { url } = startFakeLangfuse({
    port: Number(values.port ?? 0),
    publicKey: values["public-key"],
    secretKey: values["secret-key"],
  });
  process.stdout.write(`${url}\n`);
}
