import { createChaos } from "./chaos.ts";
import type { Answer, MockContext } from "./dialect.ts";
import { dialects } from "./dialects.ts";
import { listenHttp } from "./http-server.ts";
import type { HttpRequest } from "./http-server.ts";
import { createIds, createRandom } from "./ids.ts";
import { createLedger } from "./ledger.ts";
import type { MockStats } from "./ledger.ts";
import { readRequest } from "./mock-request.ts";
import type { MockRequest } from "./mock-request.ts";
import type { Reply } from "./reply.ts";
import { endingOf } from "./socket-events.ts";
import { toReply } from "./to-reply.ts";

/** How a mock behaves. */
export type MockOptions = {
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port?: number;
  /** How long every answer waits, in milliseconds, */
  readonly latencyMs?: number;
  /** and up to how much longer. */
  readonly jitterMs?: number;
  /** The same seed gives the same ids, jitter and chaos for the same requests. */
  readonly seed?: number;
  /** The share of requests that meet a fault, from 0 to 1. */
  readonly chaos?: number;
};

/** A mock provider that listens. */
export type MockProvider = {
  readonly url: string;
  readonly port: number;
  /** Closes the port and every connection. */
  readonly stop: () => void;
  readonly stats: () => MockStats;
};

const maxBodyBytes = 268_435_456;

/** Starts a mock of the providers' APIs; throws where it can't listen. */
export function startMock({
  host = "127.0.0.1",
  port = 0,
  latencyMs = 0,
  jitterMs = 0,
  seed = 1,
  chaos = 0,
}: MockOptions = {}): MockProvider {
  const random = createRandom(seed);
  const ledger = createLedger();
  const latency = (): number => latencyMs + (jitterMs > 0 ? random() * jitterMs : 0);
  const context: MockContext = {
    ids: createIds(seed),
    now: () => Math.floor(Date.now() / 1_000),
    read: createChaos(chaos, random),
    latency,
    note(served, ended) {
      ledger.begin();
      ledger.end(ended, { ...served, status: 200 });
    },
  };
  const known = dialects.map((create) => create(context));
  const server = listenHttp({ host, port, maxBodyBytes, handle });
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${server.port}`;
  return { url, port: server.port, stop: server.stop, stats: ledger.stats };

  function handle(raw: HttpRequest): Reply | Promise<Reply> {
    const request = readRequest(raw);
    const own = answerItself(request);
    if (own !== undefined) return own;
    ledger.begin();
    try {
      const answer = find(request);
      return answer instanceof Promise ? answer.catch(failed).then(finish) : finish(answer);
    } catch {
      return finish(failed());
    }
  }

  function find(request: MockRequest): Answer | Promise<Answer> {
    for (const dialect of known) {
      const answer = dialect.find(request);
      if (answer !== undefined) return answer;
    }
    return {
      status: 404,
      headers: [["content-type", "application/json"]],
      body: `{"error":{"message":"no such path"}}`,
    };
  }

  function finish(answer: Answer): Reply {
    const { served, body, directives } = answer;
    const streams = typeof body === "object" && "events" in body;
    const whole = streams && directives !== undefined ? endingOf(directives) : "complete";
    const reply = toReply(answer);
    return {
      ...reply,
      waitMs: (reply.waitMs ?? 0) + latency(),
      ended: (how) =>
        ledger.end(
          how === "complete" ? whole : how,
          served === undefined ? undefined : { ...served, status: answer.status },
        ),
    };
  }

  /** What no provider has: the truth about what was served, and whether the mock is up. */
  function answerItself({ method, path }: MockRequest): Reply | undefined {
    if (path === "/" && (method === "HEAD" || method === "GET")) {
      return { status: 200, headers: [["content-type", "text/plain"]], body: "mock\n" };
    }
    if (path === "/__mock/served") {
      return { status: 200, headers: [["content-type", "application/jsonl"]], body: ledger.lines() };
    }
    if (path === "/__mock/stats") {
      return { status: 200, headers: [["content-type", "application/json"]], body: JSON.stringify(ledger.stats()) };
    }
    return undefined;
  }
}

/** The answer where a request was too much for the mock, as JSON of a thousand levels is. */
function failed(): Answer {
  return {
    status: 500,
    headers: [["content-type", "application/json"]],
    body: `{"error":{"message":"The mock failed."}}`,
  };
}
