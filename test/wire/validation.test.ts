import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { codings, hash } from "./bytes.ts";
import { anthropic, families, gemini, openai } from "./chat.ts";
import type { Request } from "./client.ts";
import type { Header } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

const maxInspectBytes = 20_000;
const gateKey = "canary-gate-5Rw8bN";
const prompt = "canary-prompt-1Ty6cM";

/** It checks. */
let checking: Wire;
/** It checks, as its file says, whom it lets in. */
let gated: Wire;
/** Nobody told it to. */
let unchecking: Wire;
beforeAll(async () => {
  [checking, gated, unchecking] = await Promise.all([
    openWire({
      env: { VALIDATE_REQUESTS: "true", MAX_INSPECT_BYTES: String(maxInspectBytes) },
      yaml: ({ other }) => `
        providers:
          kimi: { base_url: "${other}/anthropic", dialect: anthropic }
          deepseek: { base_url: "${other}", dialect: openai }`,
    }),
    openWire({ env: { PROXY_API_KEY: gateKey }, yaml: () => "gateway: { validate_requests: true }" }),
    openWire(),
  ]);
});
afterAll(async () => {
  for (const wire of [checking, gated, unchecking]) await wire[Symbol.asyncDispose]();
});

const json: Header = ["content-type", "application/json"];

/** A valid message, with other members in place of its own. */
function message(members: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    model: "claude-sonnet-4-5",
    max_tokens: 9,
    messages: [{ role: "user", content: prompt }],
    ...members,
  });
}

/** A message whose second one is this. */
function second(said: unknown): string {
  return message({ messages: [{ role: "user", content: prompt }, said] });
}

function post(body: Request["body"], target = "/v1/messages"): Request {
  return { method: "POST", target, headers: [json], body: body ?? "" };
}

/** What is refused, and the words that name its fault. */
const faults: readonly (readonly [body: string, named: string])[] = [
  ["", "the body must be"],
  ["[]", "the body must be a JSON object"],
  ["null", "the body must be a JSON object"],
  ['"text"', "the body must be a JSON object"],
  [message().slice(0, -1), "the body must be JSON"],
  [`${message()}}`, "the body must be JSON"],
  ["model=claude", "the body must be JSON"],
  [message({ model: undefined }), "model must be"],
  [message({ model: "" }), "model must be"],
  [message({ model: 4 }), "model must be"],
  [message({ max_tokens: undefined }), "max_tokens must be"],
  [message({ max_tokens: -1 }), "max_tokens must be"],
  [message({ max_tokens: 1.5 }), "max_tokens must be"],
  [message({ max_tokens: "9" }), "max_tokens must be"],
  [message({ system: 4 }), "system must be"],
  [message({ system: { type: "text", text: "a" } }), "system must be"],
  [message({ messages: undefined }), "messages must be"],
  [message({ messages: [] }), "messages must be"],
  [message({ messages: {} }), "messages must be"],
  [message({ messages: "Hi" }), "messages must be"],
  [second("Hi"), "messages[1] must be"],
  [second(null), "messages[1] must be"],
  [second({ content: "Hi" }), "messages[1].role must be"],
  [second({ role: prompt, content: "Hi" }), "messages[1].role must be"],
  [second({ role: "user" }), "messages[1].content must be"],
  [second({ role: "user", content: null }), "messages[1].content must be"],
  [second({ role: "user", content: { type: "text" } }), "messages[1].content must be"],
  [second({ role: "user", content: [{ type: "text", text: "a" }, "b"] }), "messages[1].content[1] must be"],
  [second({ role: "user", content: [{ text: "a" }] }), "messages[1].content[0] must be"],
];

describe("with VALIDATE_REQUESTS=true a message is refused with 400 body_invalid, and what is wrong with it is named", () => {
  for (const [body, named] of faults) {
    test.concurrent(`${named}: ${body.replaceAll(prompt, "Hi")}`, async () => {
      const { answer, seen } = await checking.exchange(post(body));
      expect([answer.status, answer.header("x-weir-error"), answer.end]).toEqual([400, "body_invalid", "clean"]);
      expect(answer.json()).toEqual({
        type: "error",
        error: { type: "invalid_request_error", message: expect.stringContaining(named) },
        request_id: answer.header("x-weir-exchange-id"),
      });
      expect(answer.text).not.toContain(prompt);
      expect(seen).toEqual([]);
      const record = await checking.recordOf(answer);
      expect(record).toMatchObject({ outcome: "refused", cause: "body_invalid", status: 400 });
      expect(checking.weir.output()).not.toContain(prompt);
    });
  }
});

describe("a message is checked wherever it is sent to, and however it comes", () => {
  const faulty = message({ messages: [] });
  const requests: Readonly<Record<string, Request>> = {
    "with a slash at its end": post(faulty, "/v1/messages/"),
    "with a query": post(faulty, "/v1/messages?beta=true"),
    "under the provider's name": post(faulty, "/anthropic/v1/messages"),
    "to a provider of that dialect": post(faulty, "/kimi/v1/messages"),
    "with its version twice": post(faulty, "/anthropic/v1/v1/messages"),
    "in chunks": {
      method: "POST",
      target: "/v1/messages",
      headers: [json],
      chunks: [faulty.slice(0, 9), faulty.slice(9)],
    },
    "as another JSON type": { ...post(faulty), headers: [["content-type", "application/vnd.api+json; charset=utf-8"]] },
    "as no JSON": { ...post(message()), headers: [["content-type", "text/plain"]] },
    "of no type": { ...post(message()), headers: [] },
  };
  for (const [how, request] of Object.entries(requests)) {
    test.concurrent(how, async () => {
      const { answer, seen } = await checking.exchange(request);
      expect([answer.status, answer.header("x-weir-error")]).toEqual([400, "body_invalid"]);
      expect(answer.json()).toMatchObject({ type: "error", error: { type: "invalid_request_error" } });
      expect(seen).toEqual([]);
    });
  }
});

describe("what is valid goes up byte for byte", () => {
  const block = { type: "a_block_of_tomorrow", of: { what: ["nobody", "knows"] } };
  const bodies: Readonly<Record<string, string>> = {
    "a stream": String(anthropic.call.body),
    "a system prompt as text": message({ system: "Be brief" }),
    "a system prompt as blocks": message({ system: [{ type: "text", text: "Be brief" }] }),
    "every role": message({
      messages: ["user", "assistant", "system"].map((role) => ({ role, content: [{ type: "text", text: "a" }] })),
    }),
    "content without blocks": second({ role: "assistant", content: [] }),
    "blocks and fields that nobody knows": message({
      messages: [{ role: "user", content: [block], cache: 1 }],
      thinking: null,
      a_field_of_tomorrow: [block],
    }),
    "odd spacing, large numbers and members that stand twice":
      ' {\r\n"max_tokens" : 1e3,"model":"x","model":"c",\t"seed":12345678901234567890.10,"messages":[{"role":"user","content":"\\u0041é"}]} \n',
  };
  for (const [what, body] of Object.entries(bodies)) {
    test.concurrent(what, async () => {
      const { answer, seen } = await checking.exchange(post(body));
      expect([answer.status, (await seen[0]?.body)?.toString()]).toEqual([200, body]);
    });
  }

  test.concurrent("a message in gzip", async () => {
    const body = codings["gzip"]?.(Buffer.from(message())) ?? "";
    const request = { ...post(body), headers: [json, ["content-encoding", "gzip"]] } as const;
    const { answer, seen } = await checking.exchange(request);
    expect([answer.status, hash((await seen[0]?.body) ?? "")]).toEqual([200, hash(body)]);
  });

  test.concurrent("a message that is larger than MAX_INSPECT_BYTES is not said to be no JSON object", async () => {
    const large = message({ system: "x".repeat(maxInspectBytes) });
    const { answer } = await checking.exchange(post(large));
    expect(answer.text).not.toContain("must be a JSON object");
  });
});

describe("what is no message is not checked", () => {
  const nonsense = '{"messages":4';
  const others: Readonly<Record<string, Request>> = {
    "a count of tokens": post(nonsense, "/v1/messages/count_tokens"),
    "a batch": post(nonsense, "/v1/messages/batches"),
    "a completion": post(nonsense, "/v1/complete"),
    "a chat of OpenAI's": post(nonsense, openai.call.target),
    "a chat of another provider's": post(nonsense, "/deepseek/v1/chat/completions"),
    "what another provider has at the same path": post(nonsense, "/deepseek/v1/messages"),
    "a call of Gemini's": post(nonsense, gemini.call.target),
    "an upload": { ...post(nonsense, "/v1/files"), headers: [["content-type", "application/octet-stream"]] },
    "a GET of the same path": { target: "/v1/messages" },
  };
  for (const [what, request] of Object.entries(others)) {
    test.concurrent(what, async () => {
      const { answer, seen } = await checking.exchange(request);
      expect([answer.status, (await seen[0]?.body)?.toString()]).toEqual([200, String(request.body ?? "")]);
    });
  }
});

test.concurrent("nobody learns what is wrong with a message without a credential that is taken", async () => {
  const faulty = post(message({ model: 4 }));
  const codeFor = async (key: string) => {
    const { answer, seen } = await gated.exchange({
      ...faulty,
      headers: [json, ["x-weir-key", key], ["x-api-key", "own"]],
    });
    return `${answer.status} ${answer.header("x-weir-error")} ${seen.length}`;
  };
  expect([await codeFor("wrong"), await codeFor(gateKey)]).toEqual(["401 invalid_api_key 0", "400 body_invalid 0"]);
});

test.concurrent("an error of the provider's own passes as it is", async () => {
  const error = '{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: too large"}}';
  const { answer } = await checking.exchange(post(message()), (seen) =>
    seen.answer({ status: "400 Bad Request", body: error }),
  );
  expect([answer.status, answer.text, answer.header("x-weir-error")]).toEqual([400, error, undefined]);
});

describe("where nobody switched it on, everything passes", () => {
  for (const [body, named] of faults) {
    test.concurrent(`${named}: ${body.replaceAll(prompt, "Hi")}`, async () => {
      for (const { call } of families) {
        const { answer, seen } = await unchecking.exchange({ ...call, body });
        expect([answer.status, (await seen[0]?.body)?.toString()]).toEqual([200, body]);
      }
    });
  }
});
