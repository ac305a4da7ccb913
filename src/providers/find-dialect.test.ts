import { expect, test } from "bun:test";
import { opaque } from "../dialects/opaque.ts";
import { findDialect } from "./find-dialect.ts";
import { anthropic, gemini, openai } from "./index.ts";
import { findDialectNamed } from "./named-dialects.ts";

const providers = [openai, anthropic, gemini];

const paths: Readonly<Record<string, readonly (readonly [method: string, path: string, dialect: string])[]>> = {
  openai: [
    ["POST", "/v1/chat/completions", "openai-chat"],
    ["POST", "/v1/chat/completions/", "openai-chat"],
    ["POST", "/v1/completions", "openai-chat"],
    ["GET", "/v1/chat/completions/chatcmpl_1", "openai-other"],
    ["POST", "/v1/responses", "openai-responses"],
    ["POST", "/v1/responses/compact", "openai-responses"],
    ["POST", "/v1/responses/input_tokens", "openai-responses"],
    ["GET", "/v1/responses/resp_1", "openai-responses"],
    ["POST", "/v1/responses/resp_1/cancel", "openai-responses"],
    ["GET", "/v1/realtime", "openai-responses"],
    ["POST", "/v1/realtime/client_secrets", "openai-other"],
    ["POST", "/v1/embeddings", "openai-embeddings"],
    ["POST", "/v1/images/generations", "openai-media"],
    ["POST", "/v1/audio/transcriptions", "openai-media"],
    ["POST", "/v1/audio/speech", "openai-media"],
    ["GET", "/v1/models", "openai-other"],
    ["POST", "/v1/threads/t/runs", "openai-other"],
    ["POST", "/chat/completions", "openai-chat"],
    ["POST", "/api/v1/chat/completions", "openai-chat"],
    ["POST", "/openai/deployments/x/chat/completions", "openai-chat"],
    ["POST", "/openai/deployments/x/embeddings", "openai-embeddings"],
    ["POST", "/openai/responses", "openai-responses"],
    ["HEAD", "/", "openai-other"],
  ],
  anthropic: [
    ["POST", "/v1/messages", "anthropic-messages"],
    ["POST", "/v1/messages/count_tokens", "anthropic-messages"],
    ["POST", "/v1/complete", "anthropic-messages"],
    ["GET", "/v1/models", "anthropic-messages"],
    ["POST", "/v1/chat/completions", "openai-chat"],
    ["HEAD", "/api/hello", "anthropic-messages"],
  ],
  gemini: [
    ["POST", "/v1beta/models/gemini-2.5-pro:generateContent", "gemini-generate"],
    ["POST", "/v1/models/gemini-2.5-pro:streamGenerateContent", "gemini-generate"],
    ["POST", "/v1beta/models/gemini-2.5-pro:countTokens", "gemini-generate"],
    ["POST", "/v1beta/models/gemini-embedding-2:embedContent", "gemini-embeddings"],
    ["POST", "/v1beta/models/gemini-embedding-2:batchEmbedContents", "gemini-embeddings"],
    ["POST", "/v1beta/models/gemini-embedding-2:asyncBatchEmbedContent", "gemini-generate"],
    ["POST", "/v1beta/interactions", "gemini-interactions"],
    ["GET", "/v1beta/interactions/v1_1", "gemini-interactions"],
    ["GET", "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", "gemini-live"],
    ["POST", "/v1beta/openai/chat/completions", "openai-chat"],
    ["POST", "/v1beta/openai/embeddings", "openai-embeddings"],
    ["GET", "/v1beta/openai/models", "openai-other"],
    ["POST", "/v1beta/cachedContents", "gemini-generate"],
    ["POST", "/upload/v1beta/files", "gemini-generate"],
  ],
};

for (const provider of providers)
  test(`the paths of ${provider.name} speak their dialects`, () => {
    const rows = paths[provider.name] ?? [];
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.map(([method, path]) => [method, path, findDialect(provider, method, path).name])).toEqual(
      rows.map((row) => [...row]),
    );
  });

test("each row of a table can be asked for", () => {
  for (const provider of providers)
    for (const { path } of provider.dialects) expect(path.global || path.sticky).toBe(false);
});

test("a path's errors are those of its dialect's family", () => {
  expect(findDialect(anthropic, "POST", "/v1/chat/completions").family).toBe("openai");
  expect(findDialect(anthropic, "GET", "/v1/whatever").family).toBe("anthropic");
  expect(findDialect(gemini, "POST", "/v1beta/openai/whatever").family).toBe("openai");
  expect(findDialect(gemini, "GET", "/v1beta/whatever").family).toBe("gemini");
  expect(findDialect(openai, "GET", "/v1/whatever").family).toBe("openai");
});

test("a row may hold for one method only, and what no row knows is opaque", () => {
  const dialects = [{ method: "POST", path: /\/chat$/, dialect: anthropic.dialects[1]?.dialect ?? opaque }];
  expect(findDialect({ dialects }, "POST", "/chat").name).toBe("anthropic-messages");
  expect(findDialect({ dialects }, "GET", "/chat")).toBe(opaque);
  expect(findDialect({ dialects }, "POST", "/other")).toBe(opaque);
});

test("every dialect of every provider is found by its name", () => {
  for (const provider of providers)
    for (const { dialect } of provider.dialects) expect(findDialectNamed(dialect.name)).toBe(dialect);
  expect(findDialectNamed("opaque")).toBe(opaque);
  expect(findDialectNamed("toString")).toBeUndefined();
});
