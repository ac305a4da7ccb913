import type { Server, WebSocketHandler } from "bun";
import { text } from "../dialects/json.ts";
import type { Hand } from "../domain/capture.ts";
import { Refusal } from "../domain/refusal.ts";
import { removeAddedQuery } from "./added-query.ts";
import { type Arrival, readArrival, writeTraceparent } from "./arrival.ts";
import { checkHead, checkUpgrade } from "./check-head.ts";
import { type ConnectWatchParts, watchConnect } from "./connect-watch.ts";
import type { Cors } from "./cors.ts";
import type { Leave } from "./call.ts";
import type { Admission, Grant } from "./credential.ts";
import { dial } from "./dial.ts";
import { readDownstreamHeaders } from "./headers.ts";
import { keptNothing } from "./kept.ts";
import { checkPolicyHead, findRules } from "./policy.ts";
import { checkPolicyMessage, checkPolicyUpgrade } from "./policy-body.ts";
import { readArrivalFacts, type Recorder } from "./recorder.ts";
import { createRefusalResponse } from "./refuse.ts";
import { addIds } from "./respond.ts";
import type { Route, RouteRequest } from "./route.ts";
import { createResponseExchanges, createWholeExchange, type SocketExchangesParts } from "./socket-exchanges.ts";
import { createSocketGate } from "./socket-gate.ts";
import { createSocketRelay, type SocketRelay } from "./socket-relay.ts";
import type { TokenBook } from "./token-book.ts";
import type { Ticket } from "./ticket.ts";
import type { Toll } from "./toll.ts";
import type { UnderWay } from "./under-way.ts";
import { createConnectRefusal, isUnreached } from "./upstream-failure.ts";
import { createUpstreamHead } from "./upstream-request.ts";

/** The WebSocket side of the data plane. */
export type Realtime = {
  /** Relays an upgrade; gives the answer where it was refused, by us or by the upstream. */
  readonly upgrade: (request: Request, server: Server<SocketRelay>) => Promise<Response | undefined>;
  readonly handlers: WebSocketHandler<SocketRelay>;
};

/** What it is made of; bytes and milliseconds. */
export type RealtimeParts = ConnectWatchParts & {
  readonly cors: Cors;
  readonly findRoute: (request: RouteRequest) => Route | undefined;
  readonly admit: Admission;
  readonly tokens: Pick<TokenBook, "use" | "giveBack" | "renew">;
  readonly toll: Toll;
  readonly recorder: Recorder;
  readonly onDenied: (arrival: Arrival, refusal: Refusal) => void;
  readonly hand: Hand;
  readonly underWay: UnderWay;
  /** Those that are open; `leave` lets one go with 1001 as soon as it is between answers. */
  readonly relays: Set<SocketRelay>;
  readonly keepBytes: number;
  readonly meterBytes: number;
  readonly anthropicVersion: string;
  readonly propagateTrace: boolean;
  readonly maxWsMessageBytes: number;
  readonly proxyTimeoutMs: number;
};

/** Creates the relay of WebSockets. */
export function createRealtime(parts: RealtimeParts): Realtime {
  const { clock, cors, findRoute, admit, tokens, recorder, underWay, relays } = parts;

  return {
    async upgrade(request, server) {
      const arrival = readArrival(request, underWay.begin(request), clock);
      const seen: { route?: Route; grant?: Grant; ticket?: Ticket | undefined; sentAt?: number } = {};
      try {
        const route = (seen.route = findRoute(arrival));
        if (!route) throw new Refusal("upgrade_required", { message: noSocketHere });
        checkHead(arrival.headers);
        checkUpgrade(arrival.headers);
        const grant = (seen.grant = await admit(route, arrival.headers, arrival.search));
        const leave = { route, grant };
        const rules = findRules(route, grant);
        const target = { route, method: arrival.method, search: arrival.search };
        if (rules) {
          checkPolicyHead(rules, arrival, route.written);
          checkPolicyUpgrade(rules, target);
        }
        const paying = { ...arrival, ...leave, body: { kind: "none" as const } };
        if (isOneRequest(route)) {
          seen.ticket = await parts.toll.take(paying);
          if (grant.pass) await tokens.use(grant.pass);
        }
        seen.sentAt = clock.elapsed();
        const head = createUpstreamHead({ route, headers: arrival.headers, search: arrival.search }, grant, {
          anthropicVersion: parts.anthropicVersion,
          traceparent: parts.propagateTrace ? writeTraceparent(arrival) : undefined,
        });
        const { name, baseUrl, timeoutMs = parts.proxyTimeoutMs } = route.provider;
        const dialled = await dial(head, {
          maxMessageBytes: parts.maxWsMessageBytes,
          timeoutMs,
          signal: request.signal,
          watchConnect: (giveUp) => watchConnect(baseUrl, parts, () => giveUp(createConnectRefusal(name))),
        });
        if (dialled.kind === "answered") return passRefusal(arrival, leave, dialled.response, seen.ticket);
        const { socket } = dialled;
        const headers = readHandshakeHeaders(dialled.headers, leave);
        if (socket.protocol) headers.set("sec-websocket-protocol", socket.protocol);
        addIds(headers, arrival);
        allow(headers, arrival);
        const relay = createSocketRelay({
          upstream: socket,
          exchanges: follow(arrival, leave, seen.ticket),
          family: route.dialect.family,
          gate: createSocketGate({
            pass: grant.pass,
            tokens,
            checkFrame: rules?.needBody ? (frame) => checkPolicyMessage(rules, target, frame) : undefined,
            tolled: !isOneRequest(route) && parts.toll.concerns(grant.pass),
            toll: (pass, bytes) => {
              if (isOneRequest(route)) return undefined;
              const asking = { ...paying, id: Bun.randomUUIDv7(), grant: pass ? { ...grant, pass } : grant };
              const body = bytes ? { kind: "whole" as const, bytes, sent: bytes } : paying.body;
              return parts.toll.take({ ...asking, method: "POST", body });
            },
          }),
          onEnd: () => forget(relay),
        });
        relays.add(relay);
        arrival.watch.onOver = relay.stop;
        const forget = (gone: SocketRelay) => {
          underWay.end(arrival.watch);
          relays.delete(gone);
        };
        if (!server.upgrade(request, { headers, data: relay })) relay.consumerClosed(1006, "");
        return undefined;
      } catch (error) {
        const { grant: { pass } = {}, sentAt } = seen;
        if (pass && sentAt !== undefined && isOneRequest(seen.route) && isUnreached(error)) await tokens.giveBack(pass);
        if (error instanceof Refusal && (error.status === 401 || error.status === 403)) parts.onDenied(arrival, error);
        await recorder.refused(arrival, { error, ...seen });
        const answer = createRefusalResponse(error, arrival, seen.route);
        allow(answer.headers, arrival);
        return answer;
      }
    },
    handlers: {
      maxPayloadLength: parts.maxWsMessageBytes,
      // Nothing is dropped: the upstream is paused long before this.
      backpressureLimit: parts.maxWsMessageBytes * 2,
      idleTimeout: 0,
      perMessageDeflate: false,
      open: (socket) => socket.data.start(socket),
      message: (socket, frame) => socket.data.fromConsumer(frame),
      drain: (socket) => socket.data.drained(),
      close: (socket, code, reason) => socket.data.consumerClosed(code, reason),
    },
  };

  function allow(answer: Headers, { headers: { origin } }: Arrival): void {
    if (origin !== undefined) cors.apply(origin, answer);
  }

  function follow(arrival: Arrival, leave: Leave, ticket: Ticket | undefined) {
    const { id, spanId: _, startedAt: __, ...facts } = readArrivalFacts(arrival, leave);
    const socket: SocketExchangesParts = {
      id,
      facts: { ...facts, transport: "websocket", status: 101 },
      hand: parts.hand,
      clock,
      keepBytes: parts.keepBytes,
      meterBytes: parts.meterBytes,
      model: text(new URLSearchParams(arrival.search).get("model")),
      isMedia: leave.route.dialect.isMedia,
    };
    return leave.route.dialect.name === "openai-responses"
      ? createResponseExchanges(socket)
      : createWholeExchange(socket, ticket);
  }

  /** Codex repeats an upgrade for seconds on a 404, and turns to plain HTTP at once on a 426. */
  function passRefusal(arrival: Arrival, leave: Leave, response: Response, ticket: Ticket | undefined): Response {
    if (response.status === 404)
      throw new Refusal("upgrade_required", { message: "The provider has no WebSocket at this path. Use plain HTTP." });
    const { status } = response;
    const headers = readDownstreamHeaders(response.headers, false);
    const isEmptied = removeAddedQuery(headers, leave.route.provider, leave.grant) && status >= 300 && status < 400;
    addIds(headers, arrival);
    allow(headers, arrival);
    void recorder.ended(
      { ...arrival, ...leave, body: { kind: "none" }, spliced: false, ...(ticket && { ticket }) },
      { status, headers: response.headers, body: { kind: "none" }, sentAt: arrival.started, headAt: clock.elapsed() },
      { end: { kind: "complete" }, kept: keptNothing },
    );
    return new Response(isEmptied ? null : response.body, { status, headers });
  }
}

const noSocketHere =
  "No provider has a WebSocket at this path. Open one at a provider's own path, such as /v1/realtime or /v1/responses.";

/** The headers of an upstream's 101 that go down: what belongs to its own handshake doesn't. */
function readHandshakeHeaders(upstream: Headers, { route, grant }: Leave): Headers {
  const headers = readDownstreamHeaders(upstream, false);
  const names = [...headers.keys()];
  for (const name of names) if (name.startsWith("sec-websocket-")) headers.delete(name);
  removeAddedQuery(headers, route.provider, grant);
  return headers;
}

/** On a socket of OpenAI's responses each `response.create` is a request of its own; any other is one as a whole. */
function isOneRequest(route: Route | undefined): boolean {
  return route?.dialect.name !== "openai-responses";
}
