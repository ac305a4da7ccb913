import { expect, test } from "bun:test";
import { anthropic, gemini, openai } from "../providers/index.ts";
import type { Provider } from "../providers/provider.ts";
import { createRoutes, joinUrl, type RouteRequest } from "./route.ts";

const custom: Provider = { ...openai, name: "deepseek", baseUrl: "https://api.deepseek.com" };
const findRoute = createRoutes([openai, anthropic, gemini, custom], "openai");

function route(line: string, headers: RouteRequest["headers"] = {}): string | undefined {
  const [method = "", target = ""] = line.split(" ");
  const at = target.indexOf("?");
  const found = findRoute({
    method,
    path: at === -1 ? target : target.slice(0, at),
    search: at === -1 ? "" : target.slice(at),
    headers,
  });
  return found && `${found.provider.name} ${found.dialect.name} ${found.url.replace(/^https:\/\/[^/]+/, "")}`;
}

const rows: [line: string, headers: Record<string, string>, found: string | undefined][] = [
  ["POST /v1/chat/completions", {}, "openai openai-chat /v1/chat/completions"],
  ["POST /v1/responses", {}, "openai openai-responses /v1/responses"],
  ["GET /v1/anything/new", {}, "openai openai-other /v1/anything/new"],
  ["POST /v1/messages", {}, "anthropic anthropic-messages /v1/messages"],
  ["POST /v1/messages/count_tokens", {}, "anthropic anthropic-messages /v1/messages/count_tokens"],
  ["POST /v1/complete", {}, "anthropic anthropic-messages /v1/complete"],
  ["GET /v1/models", { "anthropic-version": "2023-06-01" }, "anthropic anthropic-messages /v1/models"],
  ["GET /v1/models", { "x-goog-api-key": "k" }, "gemini gemini-generate /v1/models"],
  ["GET /v1/models?key=k", {}, "gemini gemini-generate /v1/models"],
  ["GET /v1/models", {}, "openai openai-other /v1/models"],
  [
    "POST /v1/models/gemini-2.5-pro:generateContent",
    {},
    "gemini gemini-generate /v1/models/gemini-2.5-pro:generateContent",
  ],
  ["GET /v1/models/ft:gpt-4o:org:name:id", {}, "openai openai-other /v1/models/ft:gpt-4o:org:name:id"],
  ["DELETE /v1/models/ft:gpt-4o:org:name:id", {}, "openai openai-other /v1/models/ft:gpt-4o:org:name:id"],
  ["POST /v1beta/models/m:streamGenerateContent", {}, "gemini gemini-generate /v1beta/models/m:streamGenerateContent"],
  ["POST /upload/v1beta/files", {}, "gemini gemini-generate /upload/v1beta/files"],
  ["POST /v1beta/openai/chat/completions", {}, "gemini openai-chat /v1beta/openai/chat/completions"],
  ["POST /v1/v1/chat/completions", {}, "openai openai-chat /v1/chat/completions"],
  ["POST /v1beta/v1beta/models/m:generateContent", {}, "gemini gemini-generate /v1beta/models/m:generateContent"],
  ["POST /anthropic/v1/messages", {}, "anthropic anthropic-messages /v1/messages"],
  ["POST /anthropic/v1/chat/completions", {}, "anthropic openai-chat /v1/chat/completions"],
  ["POST /deepseek/chat/completions", {}, "deepseek openai-chat /chat/completions"],
  ["HEAD /", {}, "anthropic anthropic-messages /"],
  ["HEAD /api/hello", {}, "anthropic anthropic-messages /api/hello"],
  ["HEAD /anthropic", {}, "anthropic anthropic-messages /"],
  ["GET /", {}, undefined],
  ["POST /nope", {}, undefined],
  ["GET /v1", {}, undefined],
];

test.each(rows)("%s goes where it belongs", (line, headers, found) => {
  expect(route(line, headers)).toBe(found);
  // A second time from memory.
  expect(route(line, headers)).toBe(found);
});

test("a base URL with a path, and one that ends with the version, join to one version", () => {
  expect(joinUrl("https://openrouter.ai/api/v1", "/v1/chat/completions")).toBe(
    "https://openrouter.ai/api/v1/chat/completions",
  );
  expect(joinUrl("https://api.openai.com", "/v1/models")).toBe("https://api.openai.com/v1/models");
  expect(joinUrl("https://h/v1beta", "/v1/models")).toBe("https://h/v1beta/v1/models");
});

test("many different paths push nothing out that is still needed", () => {
  for (let id = 0; id < 5_000; id += 1)
    expect(route(`GET /v1/files/${id}`)).toBe(`openai openai-other /v1/files/${id}`);
  expect(route("POST /v1/messages")).toBe("anthropic anthropic-messages /v1/messages");
});

test("a path that is written in an unusual way means what its usual form means, and goes up as it came", () => {
  const written: readonly (readonly [path: string, usual: string])[] = [
    ["/v1/chat/%63ompletions", "/v1/chat/completions"],
    ["/v1/%72esponses", "/v1/responses"],
    ["/deepseek/v1/chat/completions//", "/v1/chat/completions/"],
    ["/deepseek//v1//chat/completions", "/v1/chat/completions"],
    ["/deepseek/v1/chat/completions;x:y", "/v1/chat/completions"],
    ["/v1beta/models/m;x:generateContent", "/v1beta/models/m:generateContent"],
    ["/v1beta/models/m%3AgenerateContent", "/v1beta/models/m:generateContent"],
  ];
  for (const [path, usual] of written) {
    const found = findRoute({ method: "POST", path, search: "", headers: {} });
    expect([path, found?.path]).toEqual([path, usual]);
    expect([path, found?.dialect.kindOf({ method: "POST", path: found.path })]).toEqual([path, "generation"]);
    expect(found?.url).toEndWith(path.replace(/^\/deepseek/, ""));
  }
  const kept = findRoute({ method: "GET", path: "/v1/files/a%2Fb%3Fc%20d%25", search: "", headers: {} });
  expect(kept?.path).toBe("/v1/files/a%2Fb%3Fc%20d%25");
});
