import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OlderAnthropic from "anthropic-sdk-0";
import { gated, gateKey, openSides, textOf } from "./sides.ts";
import type { Sides } from "./sides.ts";

const hello = { role: "user" as const, content: "Hello" };
const ask = { model: "claude-opus-4-6", max_tokens: 2_000, messages: [hello] };
const weather = {
  name: "weather",
  description: "Tells the weather.",
  input_schema: { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] },
};

describe.each([
  ["1.x", Anthropic],
  ["0.x", OlderAnthropic],
] as const)("@anthropic-ai/sdk %s", (_version, Sdk) => {
  // Both versions have the same methods here, but TypeScript can't call a union of their overloads.
  const connect = (baseURL: string, apiKey: string) => new Sdk({ baseURL, apiKey, maxRetries: 0 }) as Anthropic;

  let sides: Sides<Anthropic>;
  beforeAll(async () => {
    sides = await openSides({ connect });
  });
  afterAll(() => sides[Symbol.asyncDispose]());

  test("a message is the same, with its request id", async () => {
    const { result, exchanges } = await sides.compare((client) => client.messages.create(ask));
    expect(result._request_id).toStartWith("req_");
    expect(exchanges[0]).toMatchObject({ provider: "anthropic", dialect: "anthropic-messages", streaming: false });
    expect(result.content).toMatchObject([{ type: "text", text: textOf(exchanges[0]) }]);
  });

  test("a stream is the same, by its events and by the SDK's helper", async () => {
    const { result, exchanges } = await sides.compare(async (client) =>
      Array.fromAsync(await client.messages.create({ ...ask, stream: true })),
    );
    expect(result.map(({ type }) => type).slice(-2)).toEqual(["message_delta", "message_stop"]);
    const helped = await sides.compare(async (client) => {
      const texts: string[] = [];
      const stream = client.messages.stream(ask).on("text", (delta) => texts.push(delta));
      return { message: await stream.finalMessage(), texts, id: stream.request_id };
    });
    expect(helped.result.texts.length).toBeGreaterThan(3);
    for (const exchange of [...exchanges, ...helped.exchanges]) {
      expect(exchange).toMatchObject({ streaming: true });
      expect(textOf(exchange)).toBe(helped.result.texts.join(""));
    }
  });

  test("a tool that is called is the same, and so is the answer to its result", async () => {
    const asked = { ...ask, tools: [weather] };
    const { result, exchanges } = await sides.compare((client) => client.messages.create(asked));
    expect(result.content).toMatchObject([{ type: "tool_use", name: "weather", input: { city: "mock" } }]);
    const streamed = await sides.compare((client) => client.messages.stream(asked).finalMessage());
    for (const { output } of [...exchanges, ...streamed.exchanges]) {
      expect(output).toMatchObject({
        choices: [{ tool_calls: [{ name: "weather", arguments: { city: "mock" } }], finish_reason: "tool_use" }],
      });
    }
    const used = { type: "tool_use" as const, id: "toolu_1", name: "weather", input: {} };
    const rain = { type: "tool_result" as const, tool_use_id: "toolu_1", content: "Rain" };
    const messages = [
      hello,
      { role: "assistant" as const, content: [used] },
      { role: "user" as const, content: [rain] },
    ];
    const after = await sides.compare((client) => client.messages.create({ ...asked, messages }));
    expect(after.result.stop_reason).toBe("end_turn");
  });

  test("thinking is the same, whole and streamed", async () => {
    const asked = { ...ask, thinking: { type: "adaptive" as const } };
    const { result, exchanges } = await sides.compare((client) => client.messages.create(asked));
    expect(result.content.map(({ type }) => type)).toEqual(["thinking", "text"]);
    const streamed = await sides.compare((client) => client.messages.stream(asked).finalMessage());
    for (const { output, usage } of [...exchanges, ...streamed.exchanges]) {
      expect(output).toMatchObject({ choices: [{ reasoning: expect.stringContaining("Hello") }] });
      expect(usage.output_reasoning).toBeGreaterThan(0);
    }
  });

  test("what is written to a cache and read from it is the same, and counted apart", async () => {
    const long = { type: "text" as const, text: "x".repeat(8_000), cache_control: { type: "ephemeral" as const } };
    const first = await sides.compare((client) => client.messages.create({ ...ask, system: [long] }));
    expect(first.exchanges[0]?.usage.input_cache_write_5m).toBeGreaterThan(1_000);
    const messages = [hello, { role: "assistant" as const, content: "Yes" }, hello];
    const later = await sides.compare((client) =>
      client.messages.stream({ ...ask, system: [long], messages }).finalMessage(),
    );
    expect(later.exchanges[0]?.usage.input_cached).toBeGreaterThan(1_000);
  });

  test("a count of tokens is the same, and isn't billed", async () => {
    const { result, exchanges } = await sides.compare((client) =>
      client.messages.countTokens({ model: ask.model, messages: [hello] }),
    );
    expect(result.input_tokens).toBeGreaterThan(0);
    expect(exchanges[0]).toMatchObject({ kind: "other", usage: { source: "none", total: 0 } });
  });

  test("batches are the same: made, got, listed, and their results", async () => {
    const requests = [
      { custom_id: "good", params: ask },
      { custom_id: "bad", params: { ...ask, messages: [] } },
    ];
    const { result } = await sides.compare((client) => client.messages.batches.create({ requests }));
    await sides.compare((client) => client.messages.batches.retrieve(result.id));
    const listed = await sides.compare(async (client) => Array.fromAsync(client.messages.batches.list()));
    expect(listed.result.map(({ id }) => id)).toEqual([result.id]);
    // The batch says where its results are, and that is where the SDK gets them.
    const read = async (client: Anthropic) => Array.fromAsync(await client.messages.batches.results(result.id));
    const results = await sides.compare(read, { past: { path: /results$/, requests: 1 } });
    expect(results.result.map((one) => one.result.type)).toEqual(["succeeded", "errored"]);
  });

  test("files are the same: uploaded, listed, looked at and deleted", async () => {
    const file = () => new File(["a,b\n"], "data.csv", { type: "text/csv" });
    const { result } = await sides.compare((client) => client.beta.files.upload({ file: file() }));
    expect(result).toMatchObject({ filename: "data.csv", size_bytes: 4 });
    const listed = await sides.compare(async (client) => Array.fromAsync(client.beta.files.list()));
    expect(listed.result.map(({ id }) => id)).toEqual([result.id]);
    await sides.compare((client) => client.beta.files.retrieveMetadata(result.id));
    await sides.compare((client) => client.beta.files.delete(result.id));
  });

  test("models are the same", async () => {
    const { result } = await sides.compare(async (client) => Array.fromAsync(client.models.list()));
    expect(result.map(({ id }) => id)).toContain("claude-opus-4-6");
    await sides.compare((client) => client.models.retrieve("claude-x"));
  });

  test("errors have the same class, and say the same", async () => {
    const models = ["mock-401", "mock-429", "mock-500", "mock-529"];
    const { result, exchanges } = await sides.compare((client) =>
      Array.fromAsync(models, (model) => client.messages.create({ ...ask, model }).catch((error: unknown) => error)),
    );
    expect(result[0]).toBeInstanceOf(Sdk.AuthenticationError);
    expect(result[1]).toBeInstanceOf(Sdk.RateLimitError);
    expect(result[2]).toBeInstanceOf(Sdk.InternalServerError);
    expect(result[3]).toBeInstanceOf(Sdk.InternalServerError);
    expect(exchanges.map(({ status }) => status)).toEqual([401, 429, 500, 529]);
  });

  test("a stream that ends with an error fails in the same way", async () => {
    const { exchanges } = await sides.compareFailure((client) =>
      client.messages.stream({ ...ask, model: "mock-error-event-4" }).finalMessage(),
    );
    expect(exchanges[0]).toMatchObject({ outcome: "answered", error: { type: "overloaded_error" } });
  });

  test("behind a gate the gate key takes the place of the provider's", async () => {
    await using gate = await openSides({ connect, env: gated, apiKey: gateKey });
    await gate.compare(async ({ messages, models }) => [
      await messages.create(ask),
      await messages.stream(ask).finalMessage(),
      await messages.countTokens({ model: ask.model, messages: [hello] }),
      await Array.fromAsync(models.list()),
    ]);
    const refused = await gate
      .connectWith("another")
      .messages.create(ask)
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Sdk.AuthenticationError);
    expect(refused).toMatchObject({ status: 401, error: { error: { type: "authentication_error" } } });
  });
});
