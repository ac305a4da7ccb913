import { Refusal } from "../domain/refusal.ts";
import { maskQuery, maskSecrets } from "../lib/mask-secrets.ts";
import { type Arrival, type Clock, readArrival, writeTraceparent } from "./arrival.ts";
import type { Caching, Visit } from "./caching.ts";
import { type CallBody, type CallLimits, ConsumerLeft, readCall } from "./call.ts";
import { checkHead } from "./check-head.ts";
import type { Cors } from "./cors.ts";
import type { Admission, Grant } from "./credential.ts";
import type { Forward } from "./forward.ts";
import { checkPolicyHead, findRules } from "./policy.ts";
import { checkPolicyBody, createTooLargeToHold } from "./policy-body.ts";
import type { Recorder } from "./recorder.ts";
import { createRefusalResponse } from "./refuse.ts";
import type { Respond } from "./respond.ts";
import type { Route, RouteRequest } from "./route.ts";
import type { TokenBook } from "./token-book.ts";
import type { Ticket } from "./ticket.ts";
import type { Toll } from "./toll.ts";
import type { UnderWay } from "./under-way.ts";
import { isUnreached } from "./upstream-failure.ts";
import { createUpstreamHead } from "./upstream-request.ts";
import type { Validation } from "./validation.ts";

/** Answers every request that is for an upstream; never rejects. */
export type Gateway = (request: Request) => Response | Promise<Response>;

/** What a log may tell of an exchange that begins: its path tells no credential. */
export type Beginning = {
  readonly method: string;
  readonly path: string;
  readonly exchange_id: string;
  readonly trace_id: string;
};

/** What the gateway is made of. */
export type GatewayParts = {
  readonly clock: Clock;
  readonly cors: Cors;
  readonly findRoute: (request: RouteRequest) => Route | undefined;
  readonly admit: Admission;
  readonly tokens: Pick<TokenBook, "use" | "giveBack">;
  readonly limits: CallLimits;
  readonly validate: Validation;
  readonly toll: Toll;
  readonly forward: Forward;
  readonly respond: Respond;
  /** Absent where no answer is kept. */
  readonly caching?: Caching | undefined;
  readonly recorder: Recorder;
  readonly anthropicVersion: string;
  readonly propagateTrace: boolean;
  readonly underWay: Pick<UnderWay, "begin">;
  /** Gets each exchange as it begins, for the log and who follows them. */
  readonly onBegin: (beginning: Beginning) => void;
  /** Whether anybody wants to hear of it. */
  readonly tellsBeginnings: () => boolean;
  /** Gets each call that was not let in, for the audit. */
  readonly onDenied: (arrival: Arrival, refusal: Refusal) => void;
  /** Gets what nobody expected, with its cause, for the log. */
  readonly onFault: (error: unknown, exchangeId: string) => void;
};

/** Creates the request path. */
export function createGateway(parts: GatewayParts): Gateway {
  const { clock, cors, findRoute, admit, toll, tokens, limits, forward, respond, recorder, onBegin } = parts;

  return (request) => {
    const preflight = request.method === "OPTIONS" && cors.preflight(request.headers);
    if (preflight) return preflight;
    const arrival = readArrival(request, parts.underWay.begin(request), clock);
    if (parts.tellsBeginnings()) onBegin(describe(arrival));
    const origin = arrival.headers["origin"];
    return origin === undefined ? carry(arrival) : carry(arrival).then((answer) => allow(answer, origin));
  };

  function allow(answer: Response, origin: string): Response {
    cors.apply(origin, answer.headers);
    return answer;
  }

  async function carry(arrival: Arrival): Promise<Response> {
    const seen: Seen = {};
    try {
      const route = (seen.route = findRoute(arrival));
      if (!route) throw new Refusal("not_found");
      checkHead(arrival.headers);
      const admitted = admit(route, arrival.headers, arrival.search);
      const grant = (seen.grant = admitted instanceof Promise ? await admitted : admitted);
      const rules = findRules(route, grant);
      if (rules) checkPolicyHead(rules, arrival, route.written);
      const tooLargeToHold = rules?.needBody ? () => createTooLargeToHold(rules, limits.maxInspectBytes) : undefined;
      const read = await readCall(arrival, { route, grant }, limits, {
        tooLargeToHold,
        guesses: toll.concerns(grant.pass),
      });
      seen.body = read.body;
      if (rules) checkPolicyBody(rules, read, limits.maxInspectBytes);
      parts.validate(read);
      const visit = (seen.visit = parts.caching?.(read));
      const kept = visit && (await visit.find());
      if (kept) return kept;
      const taken = toll.take(read);
      const ticket = (seen.ticket = taken instanceof Promise ? await taken : taken);
      const call = ticket ? { ...read, ticket } : read;
      const counted = grant.pass && tokens.use(grant.pass);
      if (counted) await counted;
      const head = createUpstreamHead(call, grant, {
        anthropicVersion: parts.anthropicVersion,
        traceparent: parts.propagateTrace ? writeTraceparent(arrival) : undefined,
      });
      seen.sentAt = clock.elapsed();
      return await (visit ? visit.send(call, head) : respond(call, await forward(call, head)));
    } catch (error) {
      if (!(error instanceof Refusal) && !(error instanceof ConsumerLeft)) parts.onFault(error, arrival.id);
      if (seen.sentAt !== undefined && seen.grant?.pass && isUnreached(error)) await tokens.giveBack(seen.grant.pass);
      if (error instanceof Refusal && (error.status === 401 || error.status === 403)) parts.onDenied(arrival, error);
      const standIn = seen.visit?.fail(error);
      if (standIn) return await standIn;
      await recorder.refused(arrival, { error, ...seen });
      return createRefusalResponse(error, arrival, seen.route);
    }
  }
}

/** What is known of an exchange so far. */
type Seen = {
  route?: Route;
  grant?: Grant;
  body?: CallBody;
  ticket?: Ticket | undefined;
  visit?: Visit | undefined;
  sentAt?: number;
};

function describe({ method, path, search, id, traceId }: Arrival): Beginning {
  return { method, path: maskSecrets(path) + maskQuery(search), exchange_id: id, trace_id: traceId };
}
