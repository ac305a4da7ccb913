import type { UsageBuckets } from "../domain/usage.ts";
import type { Directives } from "./directives.ts";
import type { Header } from "./http1.ts";
import type { Ids } from "./ids.ts";
import type { MockRequest } from "./mock-request.ts";
import type { Ending, Upgraded, UpgradedHandlers } from "./reply.ts";

/** One vendor's API: a factory of this type is one line in `dialects.ts`. */
export type CreateDialect = (context: MockContext) => MockDialect;

/** Answers what belongs to a vendor; `undefined` where a request isn't this vendor's. Must not throw. */
export type MockDialect = { readonly find: (request: MockRequest) => Answer | Promise<Answer> | undefined };

/** What a dialect is given. */
export type MockContext = {
  readonly ids: Ids;
  /** Seconds since 1970, as ids and answers tell them. */
  readonly now: () => number;
  /** What a model's name asks for, and with `--chaos` now and then a fault on top; to be read once a request. */
  readonly read: (model: string) => Directives;
  /** How long one answer inside a WebSocket waits, in milliseconds; heads wait by themselves. */
  readonly latency: () => number;
  /** Notes what one answer inside a WebSocket served; HTTP answers are noted by themselves. */
  readonly note: (served: Served, ended: Ending) => void;
};

/** What goes back, before the model's name has its way with it: waiting, breaking, encoding are no dialect's work. */
export type Answer = {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: string | Uint8Array | EventBody;
  readonly directives?: Directives;
  readonly served?: Served;
  /** Takes the connection over, as of `acceptWebSocket`. */
  readonly upgrade?: (connection: Upgraded) => UpgradedHandlers;
};

/** A streamed body. */
export type EventBody = {
  /** Made one after another, as room for them comes. */
  readonly events: Iterable<MockEvent>;
  /** What goes out, as it stands on the wire, where the vendor breaks a stream off with an error. */
  readonly error: string;
};

/** One event as it stands on the wire, with line feeds as line ends; in a WebSocket, one message. */
export type MockEvent = {
  readonly text: string;
  /** `content` waits for its pace; `end` is what an unterminated stream lacks. */
  readonly kind?: "content" | "end";
};

/** What an answer was, for the list of served truth. */
export type Served = {
  /** As the answer's head tells it; inside a WebSocket, the id of the answer itself. */
  readonly requestId: string;
  readonly path: string;
  readonly model?: string;
  /** What the answer says it is billed as. */
  readonly usage?: UsageBuckets;
};
