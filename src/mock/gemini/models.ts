import type { Answer } from "../dialect.ts";
import { jsonAnswer } from "./gemini-head.ts";
import { withoutFolder } from "./member.ts";

const names = [
  "gemini-3-pro-preview",
  "gemini-3-flash-preview",
  "gemini-2.5-flash",
  "gemini-embedding-001",
  "mock-text",
];

/** `GET models` */
export function answerModels(): Answer {
  return jsonAnswer({ models: names.map(describe) });
}

/** `GET models/M`, whatever its name. */
export function answerModel(name: string): Answer {
  return jsonAnswer(describe(withoutFolder(name)));
}

function describe(name: string): object {
  const embeds = name.includes("embedding");
  return {
    name: `models/${name}`,
    version: "001",
    displayName: name,
    description: "What the mock answers as.",
    inputTokenLimit: 1_048_576,
    outputTokenLimit: embeds ? 1 : 65_536,
    supportedGenerationMethods: embeds
      ? ["embedContent", "countTextTokens", "countTokens"]
      : ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"],
  };
}
