import { createRandom, hashOf } from "../ids.ts";
import { countOf } from "../json.ts";
import { promptTokens } from "../prompt-tokens.ts";
import { jsonAnswer, refuse, withModel } from "./call.ts";
import { missing } from "./fault.ts";

const mostInputs = 2_048;
const mostDimensions = 4_096;

/** `POST /embeddings`: the same vector for the same text, of length 1. */
export const createEmbeddings = withModel((call) => {
  const { body, directives } = call;
  const { input } = body;
  if (input === undefined) return refuse(call, missing("input"));
  const inputs = listInputs(input).slice(0, mostInputs);
  const size = Math.min(countOf(body["dimensions"]) ?? defaultSize(directives.model), mostDimensions);
  const encode = body["encoding_format"] === "base64" ? toBase64 : toList;
  const tokens = inputs.reduce<number>((sum, one) => sum + tokensOf(one), 0);
  const data = inputs.map((one, index) => ({ object: "embedding", index, embedding: encode(vectorOf(one, size)) }));
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return jsonAnswer(
    call,
    { object: "list", data, model: directives.model, usage },
    { directives, usage: { input: tokens } },
  );
});

/** A text, LLM tokens, or a list of either. */
function listInputs(input: unknown): readonly unknown[] {
  return Array.isArray(input) && typeof input[0] !== "number" ? input : [input];
}

function tokensOf(input: unknown): number {
  return Array.isArray(input) ? input.length : promptTokens(input);
}

function defaultSize(model: string): number {
  return model.includes("3-large") ? 3_072 : 1_536;
}

function vectorOf(input: unknown, size: number): Float32Array {
  const random = createRandom(hashOf(JSON.stringify(input)));
  const vector = Float32Array.from({ length: size }, () => random() * 2 - 1);
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

function toList(vector: Float32Array): readonly number[] {
  return [...vector];
}

/** Little-endian floats of four bytes each. */
function toBase64(vector: Float32Array): string {
  return Buffer.from(vector.buffer).toString("base64");
}
