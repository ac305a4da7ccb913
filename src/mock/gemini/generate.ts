import type { UsageBuckets } from "../../domain/usage.ts";
import type { Answer } from "../dialect.ts";
import { countOf, objectOf, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { composeTurn } from "../turn.ts";
import type { Turn } from "../turn.ts";
import { contentBody } from "./content-body.ts";
import { arrayStream, eventStream } from "./content-stream.ts";
import type { GeminiCall } from "./gemini-call.ts";
import { failure, faultMessage, headersOf, jsonAnswer } from "./gemini-head.ts";
import type { FailureForm } from "./gemini-head.ts";
import { member, memberObject } from "./member.ts";
import { faultOf, inputTokens, readGenerateRequest, wantsThoughts } from "./read-generate-request.ts";
import { textTokens } from "./usage-metadata.ts";

const mostCandidates = 8;

/** `models/M:generateContent` */
export function answerGenerate(call: GeminiCall, name: string): Answer {
  return generate(call, name, { kind: "whole" });
}

/** `models/M:streamGenerateContent`: events with `alt=sse`, else an array. */
export function answerStream(call: GeminiCall, name: string): Answer {
  return generate(call, name, { kind: call.request.query.get("alt") === "sse" ? "events" : "array" });
}

function generate(call: GeminiCall, name: string, form: { readonly kind: "whole" | "events" | "array" }): Answer {
  const { request, context, requestId, cachedTokens } = call;
  const shape: FailureForm = { inArray: form.kind === "array" };
  const body = request.json();
  if (body === undefined) return failure(400, "Invalid JSON payload received.", shape);
  const fault = faultOf(body);
  if (fault !== undefined) return failure(400, fault, shape);

  const directives = context.read(name);
  const { model, wishes, status, html } = directives;
  const served = { requestId, path: request.path, model };
  if (status !== undefined) return { ...failure(status, faultMessage(status), { ...shape, html }), directives, served };

  const cachedName = textOf(member(body, "cachedContent"));
  const cached = cachedName === undefined ? undefined : cachedTokens(cachedName);
  if (cachedName !== undefined && cached === undefined)
    return failure(403, "CachedContent not found (or permission denied)", shape);
  const prompt = readGenerateRequest(body, model, cached);
  const turns = Array.from({ length: candidateCount(body) }, (_, choice) => composeTurn(prompt, wishes, choice));
  const usage = sumOutputs(turns);
  const facts = {
    turns,
    usage,
    model,
    responseId: requestId,
    ids: context.ids,
    tellsThoughts: wantsThoughts(body) || wishes.think,
  };
  const told = { directives, served: { ...served, usage } };
  switch (form.kind) {
    case "whole":
      return { ...jsonAnswer(contentBody(facts)), ...told };
    case "events":
      return { status: 200, headers: headersOf("text/event-stream"), body: eventStream(facts), ...told };
    case "array":
      return {
        status: 200,
        headers: headersOf("application/json; charset=UTF-8"),
        body: arrayStream(facts),
        ...told,
      };
  }
}

/** `models/M:countTokens`, of contents or of a whole request for content. */
export function answerCount({ request, context }: GeminiCall, name: string): Answer {
  const body = request.json() ?? {};
  const whole = memberObject(body, "generateContentRequest");
  const counted = "contents" in whole ? whole : body;
  const fault = faultOf(counted);
  if (fault !== undefined) return failure(400, fault);
  const directives = context.read(name);
  const { status, html } = directives;
  if (status !== undefined) return { ...failure(status, faultMessage(status), { html }), directives };
  const totalTokens = inputTokens(counted);
  return { ...jsonAnswer({ totalTokens, promptTokensDetails: textTokens(totalTokens) }), directives };
}

function candidateCount(body: Json): number {
  const wanted = countOf(member(memberObject(objectOf(body), "generationConfig"), "candidateCount")) ?? 1;
  return Math.min(wanted, mostCandidates);
}

/** The input is billed once, every candidate's output for itself. */
function sumOutputs(turns: readonly Turn[]): UsageBuckets {
  const sum = (bucket: "output" | "output_reasoning"): number =>
    turns.reduce((total, { usage }) => total + (usage[bucket] ?? 0), 0);
  return { ...turns[0]?.usage, output: sum("output"), output_reasoning: sum("output_reasoning") };
}
