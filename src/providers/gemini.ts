import { geminiEmbeddings } from "../dialects/gemini-embeddings.ts";
import { geminiGenerate } from "../dialects/gemini-generate.ts";
import { geminiInteractions } from "../dialects/gemini-interactions.ts";
import { geminiLive } from "../dialects/gemini-live.ts";
import { openai } from "./openai.ts";
import type { DialectTable, ProviderDefinition } from "./provider.ts";

/** Google's Gemini API, with its endpoints for programs that speak OpenAI's dialects. */
export const gemini: ProviderDefinition = {
  name: "gemini",
  family: "gemini",
  baseUrl: "https://generativelanguage.googleapis.com",
  keyIn: "x-goog-api-key",
  streamUsage: "inject",
  forwardAttribution: false,
  dialects: [
    ...under(/^\/v\d\w*\/openai(?=\/)/, openai.dialects),
    { path: /:(?:embedContent|batchEmbedContents)\/?$/, dialect: geminiEmbeddings },
    { path: /\/interactions(?:\/|$)/, dialect: geminiInteractions },
    { path: /\.BidiGenerateContent\w*\/?$/, dialect: geminiLive },
    { path: /\//, dialect: geminiGenerate },
  ],
};

/** A table whose paths, none of which says how a path begins, stand under a prefix. */
function under(prefix: RegExp, table: DialectTable): DialectTable {
  return table.map((row) => ({ ...row, path: new RegExp(`${prefix.source}.*${row.path.source}`) }));
}
