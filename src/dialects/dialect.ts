import type { ExchangeKind } from "../domain/exchange.ts";
import type { Output } from "../domain/output.ts";
import type { Usage } from "../domain/usage.ts";

/** The wire formats of one vendor's API. */
export type Family = "openai" | "anthropic" | "gemini";

/** What a request says, as far as it could be read. */
export type RequestFacts = {
  readonly model?: string;
  /** Messages, system, tools, prompt: what the model is given. */
  readonly input?: unknown;
  /** All other top-level members but the model. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** `vision`, `audio`, `document`, `embedding`, each once. */
  readonly modalities?: readonly string[];
  readonly user?: string;
  readonly session?: string;
};

/** What an answer says, the same for the same content whether it came whole or as a stream. */
export type Answer = {
  readonly model?: string;
  readonly responseId?: string;
  readonly output?: Output;
  readonly usage?: Usage;
  readonly error?: { readonly message: string; readonly type?: string; readonly code?: string };
  /** A stream that said by its own means that it is whole (`[DONE]`, `message_stop`, `response.completed`), `false` for one that ended without; absent for other bodies. */
  readonly complete?: boolean;
};

/** Where a body was sent, for what stands in no body (Gemini's model). */
export type RequestPlace = { readonly method: string; readonly path: string };

/** Puts one answer together, from the whole JSON value or event by event; takes anything and never throws. */
export type AnswerBuilder = {
  /** The whole body, parsed. */
  readonly whole: (value: unknown) => void;
  /** One event of a stream: its SSE name, if any, and its data, parsed; `[DONE]` comes as that text. */
  readonly event: (name: string | undefined, data: unknown) => void;
  /** Says that events are missing here; the next one may be the end of one that was cut. Absent where the last one tells all that is used. */
  readonly gap?: () => void;
  /** What was understood so far; callable once, at the end. */
  readonly answer: () => Answer;
};

/** A wire format: how to read requests, answers and their streams. Pure; takes any input and never throws. */
export type Dialect = {
  readonly name: string;
  readonly family: Family;
  /** What a call of this path is, by its method and path (`count_tokens` is no generation). */
  readonly kindOf: (place: RequestPlace) => ExchangeKind;
  /** Reads a request's parsed JSON body, or its form as `{ fields, files }`; `undefined` where there was none to read. */
  readonly readRequest: (body: unknown, place: RequestPlace) => RequestFacts;
  readonly createAnswer: (place: RequestPlace) => AnswerBuilder;
  /** Whether a frame of a socket is media alone, of which a session has more than is kept; absent where there are none such. */
  readonly isMedia?: (frame: Buffer) => boolean;
};
