import type { Answer } from "../dialect.ts";
import { createRandom, hashOf } from "../ids.ts";
import { countOf, listOf, objectOf } from "../json.ts";
import type { Json } from "../json.ts";
import { promptTokens } from "../prompt-tokens.ts";
import type { GeminiCall } from "./gemini-call.ts";
import { failure, faultMessage, jsonAnswer } from "./gemini-head.ts";
import { member, memberObject } from "./member.ts";
import { textTokens } from "./usage-metadata.ts";

const dimensions = 768;
const mostDimensions = 3_072;

/** `models/M:embedContent` */
export function answerEmbed(call: GeminiCall, name: string): Answer {
  const body = call.request.json() ?? {};
  return embed(call, name, { requests: [body], body: ([embedding], usageMetadata) => ({ embedding, usageMetadata }) });
}

/** `models/M:batchEmbedContents` */
export function answerBatchEmbed(call: GeminiCall, name: string): Answer {
  const requests = listOf(call.request.json()?.["requests"]).map(objectOf);
  return embed(call, name, { requests, body: (embeddings, usageMetadata) => ({ embeddings, usageMetadata }) });
}

function embed(
  { request, context, requestId }: GeminiCall,
  name: string,
  {
    requests,
    body,
  }: { readonly requests: readonly Json[]; readonly body: (embeddings: readonly object[], usage: object) => object },
): Answer {
  if (requests.length === 0 || requests.some((one) => !("content" in one))) {
    return failure(400, "* EmbedContentRequest.content: content is not specified");
  }
  const directives = context.read(name);
  const { model, status, html } = directives;
  const served = { requestId, path: request.path, model };
  if (status !== undefined) return { ...failure(status, faultMessage(status), { html }), directives, served };
  const tokens = promptTokens(requests.map((one) => objectOf(one["content"])["parts"]));
  const embeddings = requests.map((one) => ({ values: vectorOf(one) }));
  const usage = { promptTokenCount: tokens, promptTokenDetails: textTokens(tokens) };
  return {
    ...jsonAnswer(body(embeddings, usage)),
    directives,
    served: { ...served, usage: { input: tokens } },
  };
}

/** A vector of length 1 that is the same for the same content. */
function vectorOf(request: Json): readonly number[] {
  const config = memberObject(request, "embedContentConfig");
  const wanted =
    countOf(member(request, "outputDimensionality") ?? member(config, "outputDimensionality")) ?? dimensions;
  const random = createRandom(hashOf(JSON.stringify(request["content"])));
  const values = Array.from({ length: Math.min(wanted, mostDimensions) }, () => random() - 0.5);
  const norm = Math.hypot(...values);
  return values.map((value) => Number((value / norm).toFixed(9)));
}
