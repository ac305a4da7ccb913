import { expect, test } from "bun:test";
import fc from "fast-check";

import { genAiInput, genAiOutput } from "./genai-messages.ts";

const text = (content: string) => ({ type: "text", content });

test("an OpenAI conversation with a tool is read", () => {
  const tools = [{ type: "function", function: { name: "f" } }];
  const messages = [
    { role: "system", content: "be brief" },
    {
      role: "user",
      content: [
        { type: "text", text: "hi" },
        { type: "image_url", image_url: { url: "https://x" } },
      ],
    },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
    },
    { role: "tool", tool_call_id: "c1", content: "done" },
  ];

  expect(genAiInput({ messages, tools })).toEqual({
    messages: [
      { role: "system", parts: [text("be brief")] },
      { role: "user", parts: [text("hi"), { type: "image_url", image_url: { url: "https://x" } }] },
      { role: "assistant", parts: [{ type: "tool_call", id: "c1", name: "f", arguments: { a: 1 } }] },
      { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "done" }] },
    ],
    tools,
  });
});

test("an Anthropic conversation has its system apart", () => {
  const messages = [
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm" },
        { type: "tool_use", id: "t", name: "f", input: {} },
      ],
    },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "ok" }] },
  ];

  expect(genAiInput({ system: [{ type: "text", text: "be brief" }], messages })).toEqual({
    system: [text("be brief")],
    messages: [
      {
        role: "assistant",
        parts: [
          { type: "reasoning", content: "hm" },
          { type: "tool_call", id: "t", name: "f", arguments: {} },
        ],
      },
      { role: "user", parts: [{ type: "tool_call_response", id: "t", response: "ok" }] },
    ],
  });
});

test("a Gemini conversation has its roles renamed", () => {
  const contents = [
    { role: "user", parts: [{ text: "hi" }] },
    { role: "model", parts: [{ text: "hm", thought: true }, { functionCall: { name: "f", args: { a: 1 } } }] },
    { role: "user", parts: [{ functionResponse: { name: "f", response: { ok: true } } }] },
  ];

  expect(genAiInput({ systemInstruction: { parts: [{ text: "be brief" }] }, contents })).toMatchObject({
    system: [text("be brief")],
    messages: [
      { role: "user", parts: [text("hi")] },
      {
        role: "assistant",
        parts: [
          { type: "reasoning", content: "hm" },
          { type: "tool_call", name: "f", arguments: { a: 1 } },
        ],
      },
      { role: "user", parts: [{ type: "tool_call_response", id: "f", response: { ok: true } }] },
    ],
  });
});

test("an input of OpenAI's Responses API is read, as text and as items", () => {
  expect(genAiInput({ instructions: "be brief", input: "hi" })).toEqual({
    system: [text("be brief")],
    messages: [{ role: "user", parts: [text("hi")] }],
  });
  const items = [
    { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] },
    { type: "function_call", call_id: "c", name: "f", arguments: "not json" },
    { type: "function_call_output", call_id: "c", output: "ok" },
  ];
  expect(genAiInput({ input: items }).messages).toEqual([
    { role: "user", parts: [text("hi")] },
    { role: "assistant", parts: [{ type: "tool_call", id: "c", name: "f", arguments: "not json" }] },
    { role: "tool", parts: [{ type: "tool_call_response", id: "c", response: "ok" }] },
  ]);
});

test("whatever was recorded as an input is read, and every message has a role and parts", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      for (const input of [
        value,
        { messages: value, system: value },
        { contents: [value] },
        { input: [{ content: value }] },
      ]) {
        for (const message of genAiInput(input).messages) {
          expect(message.role).toBeString();
          expect(message.parts).toBeArray();
        }
      }
    }),
  );
});

test("each choice is a message with why it ended, or that it didn't", () => {
  const choices = [
    { index: 0, text: "A", reasoning: "because", finish_reason: "stop" },
    { index: 1, refusal: "No.", tool_calls: [{ id: "c", name: "f", arguments: "{}" }] },
  ];
  expect(genAiOutput({ kind: "choices", choices })).toEqual([
    { role: "assistant", parts: [{ type: "reasoning", content: "because" }, text("A")], finish_reason: "stop" },
    {
      role: "assistant",
      parts: [
        { type: "refusal", content: "No." },
        { type: "tool_call", id: "c", name: "f", arguments: {} },
      ],
      finish_reason: "error",
    },
  ]);
});

test("arguments that are nested too deeply to be written stay a text", () => {
  const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
  const messages = [{ role: "assistant", tool_calls: [{ id: "c", function: { name: "f", arguments: deep } }] }];
  expect(genAiInput({ messages }).messages).toEqual([
    { role: "assistant", parts: [{ type: "tool_call", id: "c", name: "f", arguments: deep }] },
  ]);
});
