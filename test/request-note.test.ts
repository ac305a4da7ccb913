import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Dialect } from "../src/dialects/dialect.ts";
import { readRequestNote } from "../src/limits/read-request.ts";
import { findDialect } from "../src/providers/find-dialect.ts";
import { anthropic, gemini, openai } from "../src/providers/index.ts";

const paths = [
  [openai, "/v1/chat/completions"],
  [openai, "/v1/responses"],
  [openai, "/v1/embeddings"],
  [openai, "/v1/images/generations"],
  [openai, "/v1/batches"],
  [openai, "/openai/deployments/my%20own/chat/completions"],
  [anthropic, "/v1/messages"],
  [anthropic, "/v1/messages/count_tokens"],
  [gemini, "/v1beta/models/gemini-2.5-pro:generateContent"],
  [gemini, "/v1beta/models/gemini%2D2.5:streamGenerateContent"],
  [gemini, "/v1beta/tunedModels/mine:generateContent"],
  [gemini, "/v1beta/models/text-embedding:embedContent"],
  [gemini, "/v1beta/openai/chat/completions"],
  [gemini, "/v1beta/interactions"],
  [gemini, "/v1beta/files"],
] as const;

const name = fc.oneof(
  fc.constantFrom("gpt-4o", "models/gemini-2.5-pro", "", "claude\n\u00fc😀"),
  fc.string(),
  fc.jsonValue(),
);
const bodies = fc.record(
  {
    model: name,
    user: name,
    safety_identifier: name,
    metadata: fc.oneof(fc.record({ user_id: name }), fc.jsonValue()),
    agent: name,
    messages: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

test("limits and records read the same model and user of a request", () => {
  fc.assert(
    fc.property(fc.constantFrom(...paths), bodies, fc.constantFrom(undefined, 2), ([provider, path], body, indent) => {
      const dialect: Dialect = findDialect(provider, "POST", path);
      const bytes = new TextEncoder().encode(JSON.stringify(body, undefined, indent));
      const facts = dialect.readRequest(body, { method: "POST", path });
      const note = readRequestNote(dialect.name, bytes, path, 0);
      expect([note.model, note.user]).toEqual([facts.model, facts.user]);
    }),
    { numRuns: 1_000 },
  );
});
