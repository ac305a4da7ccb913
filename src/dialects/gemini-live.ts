import type { Usage } from "../domain/usage.ts";
import type { Answer, AnswerBuilder, Dialect, RequestFacts } from "./dialect.ts";
import { readGeminiError } from "./gemini-error.ts";
import { withoutPrefix } from "./gemini-model.ts";
import { createCandidate, readCitations } from "./gemini-parts.ts";
import { pick } from "./gemini-request.ts";
import { countSearches, readQueries } from "./gemini-searches.ts";
import { addUsages, readGeminiUsage } from "./gemini-usage.ts";
import { type JsonObject, object, objects, present, text } from "./json.ts";

/**
 * Gemini's Live API over WebSocket (`BidiGenerateContent`): each turn is a choice, and usage is that of all turns. Each turn
 * tells its own alone, so where some are missing the sum is less than what was used, and only an estimate of it.
 */
export const geminiLive: Dialect = {
  name: "gemini-live",
  family: "gemini",
  kindOf: () => "generation",
  readRequest,
  createAnswer,
  isMedia: (frame) =>
    frame.length > leastMedia && frame.includes('"inlineData"') && !telling.some((member) => frame.includes(member)),
};

/** A shorter frame costs little to keep. Bytes. */
const leastMedia = 2_048;
/** Members of a frame that tells of a turn, whatever sound is in it too. */
const telling = [
  '"usageMetadata"',
  '"turnComplete"',
  '"interrupted"',
  '"toolCall"',
  '"outputTranscription"',
  '"groundingMetadata"',
  '"text"',
  '"executableCode"',
  '"codeExecutionResult"',
  '"error"',
];

/** The first message sets the session up; what was said follows. */
function readRequest(body: unknown): RequestFacts {
  const messages = Array.isArray(body) ? objects(body) : objects([body]);
  const setup = messages.map((message) => object(message.setup)).find((found) => found !== undefined) ?? {};
  const { model, systemInstruction, tools, ...parameters } = setup;
  const turns = messages.flatMap(({ clientContent }) => objects(object(clientContent)?.turns));
  const spoken = messages.map(({ realtimeInput }) => object(realtimeInput)).filter((input) => input !== undefined);
  const hears = spoken.some(({ audio, mediaChunks }) => audio !== undefined || mediaChunks !== undefined);
  const sees = spoken.some(({ video }) => video !== undefined);
  const modalities = [...(hears ? ["audio"] : []), ...(sees ? ["vision"] : [])];
  const contents = turns.length === 0 ? undefined : turns;
  return present({
    model: withoutPrefix(text(model)),
    input: pick(present({ systemInstruction, tools, contents }), () => true),
    parameters: pick(parameters, () => true),
    modalities: modalities.length === 0 ? undefined : modalities,
  });
}

type Turn = {
  readonly parts: ReturnType<typeof createCandidate>;
  usage?: unknown;
  citations: readonly unknown[];
  readonly queries: string[];
  /** Why it is over; the next content begins another one. */
  finish?: string;
};

function createAnswer(): AnswerBuilder {
  const turns: Turn[] = [];
  let error: Answer["error"];
  let someAreMissing = false;
  let afterGap = false;

  function current(): Turn {
    const last = turns.at(-1);
    if (last !== undefined && !afterGap) return last;
    return begin();
  }

  function begin(): Turn {
    const turn: Turn = { parts: createCandidate(), citations: [], queries: [] };
    turns.push(turn);
    afterGap = false;
    return turn;
  }

  /** Content after the end of a turn belongs to the next one; usage may still be that of the last. */
  function speaking(): Turn {
    const turn = current();
    return turn.finish === undefined ? turn : begin();
  }

  function takeContent(content: JsonObject): void {
    const spoken = text(object(content.outputTranscription)?.text);
    if (content.modelTurn !== undefined) speaking().parts.add(content.modelTurn);
    if (spoken !== undefined) speaking().parts.add({ parts: [{ text: spoken }] });
    const citations = readCitations(content);
    if (citations.length > 0) current().citations = citations;
    const queries = readQueries(content);
    if (queries.length > 0) current().queries.push(...queries);
    if (content.interrupted === true) current().finish = "interrupted";
    if (content.turnComplete === true) current().finish ??= text(content.turnCompleteReason) ?? "turnComplete";
  }

  return {
    whole: take,
    event: (_name, data) => take(data),
    gap() {
      someAreMissing = true;
      afterGap = true;
    },
    answer() {
      const usages = turns
        // An answer doesn't say its model: each turn counts as those of the models of now do.
        .map(({ usage, queries }) => readGeminiUsage(usage, countSearches(undefined, queries)))
        .filter((usage): usage is Usage => usage !== undefined);
      const usage = addUsages(usages);
      const choices = turns.map(({ parts, citations, finish }, index) =>
        parts.choice(index, { citations, ...present({ finish }) }),
      );
      return present({
        output: choices.length === 0 ? undefined : { kind: "choices" as const, choices },
        usage: usage && someAreMissing ? { ...usage, source: "estimated" as const } : usage,
        error,
      });
    },
  };

  function take(value: unknown): void {
    const message = object(value) ?? {};
    const followsGap = afterGap;
    error = readGeminiError(message) ?? error;
    const calls = objects(object(message.toolCall)?.functionCalls);
    if (calls.length > 0) speaking().parts.add({ parts: calls.map((functionCall) => ({ functionCall })) });
    const content = object(message.serverContent);
    if (content !== undefined) takeContent(content);
    const usage = object(message.usageMetadata);
    if (usage === undefined) return;
    current().usage = usage;
    // The turn that it closes is missing: what follows is another one.
    if (followsGap && content === undefined && calls.length === 0) afterGap = true;
  }
}
