import { createHeldBytes } from "../lib/held-bytes.ts";
import { createJsonArraySplitter } from "../lib/json-array.ts";
import { createLineReader } from "../lib/lines.ts";
import { parseJson } from "../lib/parse-json.ts";
import { type Salvaged, salvageEnd, salvageJson } from "../lib/salvage.ts";
import { createSseReader } from "../lib/sse.ts";
import type { BodyForm } from "./body-form.ts";
import type { Answer, Dialect, RequestPlace } from "./dialect.ts";
import { present } from "./json.ts";

/** Reads one answer as its bytes come; may keep references to them until its end, and never throws. */
export type AnswerReader = {
  readonly push: (bytes: Uint8Array) => void;
  /** Says that so many bytes are missing here. */
  readonly skip: (count: number) => void;
  /** What was understood; callable once. */
  readonly end: () => Answer;
};

/** Whose answer is read, and of which media type. */
export type FormParts = { readonly dialect: Dialect; readonly place: RequestPlace; readonly type: string };

/** What is held of a body that is read at its end: its beginning, and what comes after a gap. Bytes each. */
const maxHeldBytes = 33_554_432;
/** A text answer is recorded up to this many characters. */
const maxTextChars = 262_144;

const utf8 = new TextDecoder();

/** Opens the reader of a body of each form; `array` is a stream of JSON values as one array. */
export const openForm: Readonly<Record<BodyForm | "array", (parts: FormParts) => AnswerReader>> = {
  json: openJson,
  array: openArray,
  events: (parts) => openStream(parts, createSseReader),
  // A line is to a stream of JSON lines what an event is to an event stream.
  lines: (parts) =>
    openStream(parts, ({ event, fragment }) => createLineReader({ line: (text) => event(undefined, text), fragment })),
  text: openText,
  form: openBinary,
  binary: openBinary,
};

function openJson({ dialect, place }: FormParts): AnswerReader {
  const head = createHeldBytes(maxHeldBytes);
  let tail: ReturnType<typeof createHeldBytes> | undefined;
  return {
    push: (bytes) => (tail ?? head).push(bytes),
    skip() {
      tail = createHeldBytes(maxHeldBytes);
    },
    end() {
      const bytes = head.bytes();
      const whole = tail ? undefined : parseJson(utf8.decode(bytes));
      const value = whole ?? salvageJson(decodeCut(bytes), tail && utf8.decode(tail.bytes()));
      if (value === undefined) return textAnswer(decodeCut(bytes));
      const builder = dialect.createAnswer(place);
      builder.whole(value);
      return builder.answer();
    },
  };
}

function openArray(parts: FormParts): AnswerReader {
  const builder = parts.dialect.createAnswer(parts.place);
  const splitter = createJsonArraySplitter({ element: (text) => builder.event(undefined, parseJson(text)) });
  let tail: ReturnType<typeof createHeldBytes> | undefined;
  return {
    push: (bytes) => (tail ?? splitter).push(bytes),
    // From the middle of an element it can't be told where the next one begins.
    skip() {
      tail = createHeldBytes(maxHeldBytes);
    },
    end() {
      const answer = builder.answer();
      return tail ? withoutEnding(withEnd(answer, salvageEnd(utf8.decode(tail.bytes())), parts)) : answer;
    },
  };
}

/** What a stream is cut into: its events, and the end of one that a gap cut. */
type StreamParts = {
  readonly event: (name: string | undefined, data: string) => void;
  readonly fragment: (text: string) => void;
};
type StreamReader = { readonly push: (bytes: Uint8Array) => void; readonly gap: () => void; readonly end: () => void };

function openStream(parts: FormParts, createReader: (parts: StreamParts) => StreamReader): AnswerReader {
  const builder = parts.dialect.createAnswer(parts.place);
  let salvaged: Salvaged | undefined;
  let endIsLost = false;
  const reader = createReader({
    event(name, data) {
      endIsLost = false;
      builder.event(name, parseJson(data) ?? data);
    },
    fragment(text) {
      const end = salvageEnd(text);
      if (builder.gap) builder.event(undefined, end);
      else salvaged = end;
    },
  });
  return {
    push: reader.push,
    skip() {
      endIsLost = true;
      builder.gap?.();
      reader.gap();
    },
    end() {
      reader.end();
      const answer = withEnd(builder.answer(), salvaged, parts);
      return endIsLost ? withoutEnding(answer) : answer;
    },
  };
}

function openText(): AnswerReader {
  const decoder = new TextDecoder();
  let text = "";
  let cut = false;
  return {
    push(bytes) {
      if (!cut && text.length < maxTextChars) text += decoder.decode(bytes, { stream: true });
    },
    skip() {
      cut = true;
    },
    end: () => textAnswer(cut ? text : text + decoder.decode()),
  };
}

function openBinary({ type }: FormParts): AnswerReader {
  let bytes = 0;
  return {
    push(chunk) {
      bytes += chunk.length;
    },
    skip(count) {
      bytes += count;
    },
    end: () => ({ output: { kind: "binary", type: type || "application/octet-stream", bytes } }),
  };
}

/**
 * Adds what the end of an event says that a gap cut into: Responses and Gemini tell the usage in their last event, however large that is.
 * Of two usages the larger is the later one.
 */
function withEnd(answer: Answer, salvaged: Salvaged | undefined, { dialect, place }: FormParts): Answer {
  if (!salvaged) return answer;
  const builder = dialect.createAnswer(place);
  builder.whole(salvaged);
  const { model, responseId, usage } = builder.answer();
  return {
    ...answer,
    ...present({
      model: answer.model ?? model,
      responseId: answer.responseId ?? responseId,
      usage: usage && usage.total > (answer.usage?.total ?? -1) ? usage : answer.usage,
    }),
  };
}

/** Whether a stream was whole can't be told where its last event wasn't kept. */
function withoutEnding({ complete, ...answer }: Answer): Answer {
  return complete ? { ...answer, complete } : answer;
}

function textAnswer(text: string): Answer {
  return text === "" ? {} : { output: { kind: "text", text: text.slice(0, maxTextChars) } };
}

/** Text whose last character may be cut: what is there of it is left out. */
function decodeCut(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes, { stream: true });
}
