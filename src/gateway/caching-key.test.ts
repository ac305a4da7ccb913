import { expect, test } from "bun:test";
import { openai } from "../providers/index.ts";
import type { HeaderValues } from "./arrival.ts";
import { createKey } from "./caching-key.ts";
import { createRoutes } from "./route.ts";

/** The key of an answer that all share. */
function keyOf(headers: HeaderValues, { method = "POST", forwardAttribution = false } = {}): string {
  const request = { method, path: "/openai/v1/embeddings", search: "", headers };
  const route = createRoutes([{ ...openai, forwardAttribution }], "openai")(request);
  if (!route) throw new Error("There is no route to test with");
  const bytes = new TextEncoder().encode("{}");
  const call = { ...request, route, grant: { key: "operator", emptied: new Set<never>() } };
  return createKey({ ...call, body: { kind: "whole", bytes, sent: bytes } }, method, undefined).hash;
}

test("everything by which a provider may shape an answer is in the key", () => {
  for (const name of [
    "anthropic-beta",
    "anthropic-version",
    "azureml-model-deployment",
    "content-type",
    "cf-aig-metadata",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "accept",
    "accept-language",
    "extra-parameters",
    "groq-beta",
    "prefer",
    "x-amzn-bedrock-guardrailidentifier",
    "x-goog-fieldmask",
    "x-goog-request-params",
    "x-goog-user-project",
    "x-openrouter-categories",
    "x-some-token",
  ]) {
    const keys = ["one", "other", "one"].map((value) => keyOf({ [name]: value }));
    expect([name, keys[0] === keys[1], keys[0] === keys[2]]).toEqual([name, false, true]);
  }
});

test("nothing is in it that only tells who asks, and with what", () => {
  for (const name of [
    "accept-encoding",
    "authorization",
    "cache-control",
    "idempotency-key",
    "user-agent",
    "x-body-hash",
    "x-goog-api-client",
    "x-stainless-os",
    "x-user-id",
    "x-weir-anything",
  ])
    expect([name, keyOf({ [name]: "one" })]).toEqual([name, keyOf({})]);
});

test("a user or a session is in it where the provider is told", () => {
  const keys = ["one", "other"].flatMap((name) =>
    ["x-user-id", "x-session-id"].map((header) => keyOf({ [header]: name }, { forwardAttribution: true })),
  );
  expect(new Set(keys).size).toBe(4);
});

test("a GET varies by what its answer names beside that", () => {
  expect(keyOf({ "accept-language": "de" }, { method: "GET" })).toBe(keyOf({}, { method: "GET" }));
  expect(keyOf({ "openai-beta": "a" }, { method: "GET" })).not.toBe(keyOf({}, { method: "GET" }));
});
