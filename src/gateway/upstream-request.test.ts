import { expect, test } from "bun:test";
import { anthropic, openai } from "../providers/index.ts";
import type { Provider } from "../providers/provider.ts";
import { createUpstreamHead, removeQueryKey } from "./upstream-request.ts";
import { createRoutes } from "./route.ts";
import type { Grant } from "./credential.ts";

const everything: Grant["emptied"] = new Set([
  "authorization",
  "x-api-key",
  "x-goog-api-key",
  "api-key",
  "query",
  "x-weir-key",
  "subprotocol",
]);

function head(provider: Provider, headers: Record<string, string>, grant: Grant, search = "", traceparent?: string) {
  const route = createRoutes(
    [provider],
    provider.name,
  )({ method: "POST", path: `/${provider.name}/v1/x`, search, headers });
  if (!route) throw new Error("no route");
  return createUpstreamHead({ route, headers, search }, grant, { anthropicVersion: "2023-06-01", traceparent });
}

test("a granted key takes its place and every other credential is emptied", () => {
  const credentials = {
    authorization: "Bearer own",
    "x-api-key": "own",
    "x-goog-api-key": "own",
    "api-key": "own",
    "x-weir-key": "gate",
    "openai-organization": "org",
  };
  const { headers, url } = head(openai, credentials, { key: "sk-operator", emptied: everything }, "?a=1&key=own&b=%2F");
  expect(headers).toEqual({ authorization: "Bearer sk-operator", "openai-organization": "org" });
  expect(url.endsWith("/v1/x?a=1&b=%2F")).toBe(true);
  expect(head(anthropic, credentials, { key: "sk-a", emptied: everything }).headers).toMatchObject({
    "x-api-key": "sk-a",
    "anthropic-version": "2023-06-01",
  });
});

test("without a key everything goes as it came, a given version too", () => {
  const own = { authorization: "Bearer oauth", "anthropic-version": "2026-10-21" };
  const { headers, url } = head(anthropic, own, { emptied: new Set() }, "?beta=true&x=%20+");
  expect(headers).toEqual(own);
  expect(url.endsWith("?beta=true&x=%20+")).toBe(true);
});

test("a provider's own headers and query are added, a key in the query among them", () => {
  const azure: Provider = { ...openai, keyIn: "query", headers: { "X-Org": "1" }, query: { "api-version": "2024" } };
  const { headers, url } = head(azure, {}, { key: "a b", emptied: everything }, "?x=1");
  expect(headers).toEqual({ "x-org": "1" });
  expect(url.endsWith("?x=1&api-version=2024&key=a%20b")).toBe(true);
});

test("attribution goes to a provider that asked for it, and to no other", () => {
  const named = { "x-user-id": "u", "x-session-id": "s" };
  expect(head(openai, named, { emptied: new Set() }).headers).toEqual({});
  expect(head({ ...openai, forwardAttribution: true }, named, { emptied: new Set() }).headers).toEqual(named);
});

test("a traceparent is added only where there was none", () => {
  expect(head(openai, {}, { emptied: new Set() }, "", "ours").headers["traceparent"]).toBe("ours");
  expect(head(openai, { traceparent: "theirs" }, { emptied: new Set() }, "", "ours").headers["traceparent"]).toBe(
    "theirs",
  );
});

test("a key in a WebSocket subprotocol is taken out and the others stay", () => {
  const offered = { "sec-websocket-protocol": "realtime, openai-insecure-api-key.sk-own, openai-beta.realtime-v1" };
  expect(head(openai, offered, { key: "sk-operator", emptied: everything }).headers["sec-websocket-protocol"]).toBe(
    "realtime, openai-beta.realtime-v1",
  );
});

test("taking the key out of a query leaves the rest byte for byte", () => {
  expect(removeQueryKey("?key=a")).toBe("");
  expect(removeQueryKey("?key=a&key=b&monkey=1&x=%2B+")).toBe("?monkey=1&x=%2B+");
});
