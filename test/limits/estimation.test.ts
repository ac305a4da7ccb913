import { describe, expect, test } from "bun:test";
import { type Asked, ask } from "./ask.ts";
import { useStage } from "./stage.ts";

/** What a window holds; the first call of each takes one of it. */
const window = 1000;

const yaml = `limits:
  tokens_per_minute: ${window}
  count: input
  estimation: { max_sample_bytes: 200000 }`;

type Shape = { readonly per: number; readonly slack?: number; readonly asked: (text: string) => Asked };

const responses = "/v1/responses";
const openai = (body: object, target?: string): Asked => ({
  ...(target === undefined ? {} : { target }),
  body: JSON.stringify({ model: "gpt-4o", ...body }),
});
const anthropic = (body: object): Asked => ({
  family: "anthropic",
  body: JSON.stringify({ model: "claude-sonnet-4-5", max_tokens: 5, ...body }),
});
const gemini = (body: object): Asked => ({ family: "gemini", body: JSON.stringify(body) });
const hi = [{ role: "user", content: "H" }];
const tool = (description: string) => ({
  name: "find",
  description,
  parameters: { type: "object", properties: { place: { type: "string", description: "where" } } },
});
/** What a tool's definition holds beside its long text, in characters. */
const toolSlack = 220;

/** What the text of a request is, in every form that an API documents, and its characters for an LLM token. */
const shapes: Readonly<Record<string, Shape>> = {
  "OpenAI chat, a string": { per: 5, asked: (text) => openai({ messages: [{ role: "user", content: text }] }) },
  "OpenAI chat, parts": {
    per: 5,
    asked: (text) => openai({ messages: [{ role: "user", content: [{ type: "text", text }] }] }),
  },
  "OpenAI chat, a system message and several turns": {
    per: 5,
    asked: (text) => {
      const third = Math.floor(text.length / 3);
      const turns = [text.slice(0, third), text.slice(third, 2 * third), text.slice(2 * third)];
      return openai({ messages: turns.map((content, at) => ({ role: ["system", "user", "assistant"][at], content })) });
    },
  },
  "OpenAI chat, tools": {
    per: 5,
    slack: toolSlack,
    asked: (text) => openai({ messages: hi, tools: [{ type: "function", function: tool(text) }] }),
  },
  "OpenAI chat, the messages last and spaces everywhere": {
    per: 5,
    asked: (text) => ({
      body: JSON.stringify({ model: "gpt-4o", stream: false, messages: [{ content: text, role: "user" }] }, null, 40),
    }),
  },
  "OpenAI Responses, a string": { per: 5, asked: (text) => openai({ input: text }, responses) },
  "OpenAI Responses, messages": {
    per: 5,
    asked: (text) => openai({ input: [{ role: "user", content: text }] }, responses),
  },
  "OpenAI Responses, parts": {
    per: 5,
    asked: (text) => openai({ input: [{ role: "user", content: [{ type: "input_text", text }] }] }, responses),
  },
  "OpenAI Responses, instructions": {
    per: 5,
    slack: 5,
    asked: (text) => openai({ instructions: text, input: "H" }, responses),
  },
  "OpenAI Responses, tools": {
    per: 5,
    slack: toolSlack,
    asked: (text) => openai({ input: "H", tools: [{ type: "function", ...tool(text) }] }, responses),
  },
  "OpenAI completions, a string": { per: 5, asked: (text) => openai({ prompt: text }, "/v1/completions") },
  "OpenAI completions, an array": {
    per: 5,
    asked: (text) => openai({ prompt: [text.slice(0, 9), text.slice(9)] }, "/v1/completions"),
  },
  "OpenAI embeddings, an array": {
    per: 5,
    asked: (text) => openai({ input: [text.slice(0, 9), text.slice(9)] }, "/v1/embeddings"),
  },
  "Anthropic, a string": { per: 3, asked: (text) => anthropic({ messages: [{ role: "user", content: text }] }) },
  "Anthropic, blocks": {
    per: 3,
    asked: (text) => anthropic({ messages: [{ role: "user", content: [{ type: "text", text }] }] }),
  },
  "Anthropic, system as a string": { per: 3, slack: 3, asked: (text) => anthropic({ system: text, messages: hi }) },
  "Anthropic, system as blocks": {
    per: 3,
    slack: 3,
    asked: (text) => anthropic({ system: [{ type: "text", text }], messages: hi }),
  },
  "Anthropic, tools": {
    per: 3,
    slack: toolSlack,
    asked: (text) =>
      anthropic({ messages: hi, tools: [{ name: "find", description: text, input_schema: { type: "object" } }] }),
  },
  "Anthropic, a tool's result": {
    per: 3,
    slack: 40,
    asked: (text) =>
      anthropic({ messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: text }] }] }),
  },
  "Gemini, parts": { per: 4, asked: (text) => gemini({ contents: [{ parts: [{ text }] }] }) },
  "Gemini, several parts": {
    per: 4,
    asked: (text) => gemini({ contents: [{ parts: [{ text: text.slice(0, 99) }, { text: text.slice(99) }] }] }),
  },
  "Gemini, systemInstruction": {
    per: 4,
    slack: 4,
    asked: (text) => gemini({ systemInstruction: { parts: [{ text }] }, contents: [{ parts: [{ text: "H" }] }] }),
  },
  "Gemini, system_instruction": {
    per: 4,
    slack: 4,
    asked: (text) => gemini({ system_instruction: { parts: [{ text }] }, contents: [{ parts: [{ text: "H" }] }] }),
  },
  "Gemini, tools": {
    per: 4,
    slack: toolSlack,
    asked: (text) =>
      gemini({ contents: [{ parts: [{ text: "H" }] }], tools: [{ functionDeclarations: [tool(text)] }] }),
  },
};

const find = useStage({ yaml });

/** Whether a call passes beside one that has taken one LLM token of its window. */
async function passes(asked: Asked): Promise<boolean> {
  const stage = find();
  stage.wait(120);
  const credential = { token: stage.token, plan: { input: 1, output: 0 } };
  const first = await ask(stage.url, { text: "H", ...credential });
  if (first.status !== 200) throw new Error(`The first call is ${first.told}`);
  const { told } = await ask(stage.url, { ...asked, ...credential });
  expect(["200", "429 rate_limit_exceeded"]).toContain(told);
  return told === "200";
}

async function findLargest(asked: (count: number) => Asked, upTo = 8 * window): Promise<number> {
  let [low, high] = [0, upTo];
  expect(await passes(asked(high))).toBe(false);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await passes(asked(middle))) low = middle;
    else high = middle;
  }
  return low;
}

describe("the text is estimated by characters", () => {
  for (const [name, { per, slack = 0, asked }] of Object.entries(shapes))
    test(`of ${name}`, async () => {
      const largest = await findLargest((count) => asked("x".repeat(count)));
      expect(largest).toBeGreaterThanOrEqual(per * (window - 1) - slack - per);
      expect(largest).toBeLessThan(per * window);
    }, 30_000);

  for (const [name, one] of Object.entries({ "emoji of four bytes": "😀", umlauts: "ä", "line ends": "\n" }))
    for (const family of ["openai", "anthropic", "gemini"] as const)
      test(`where they are ${name}, of ${family}`, async () => {
        const per = { openai: 5, anthropic: 3, gemini: 4 }[family];
        const largest = await findLargest((count) => ({ family, text: one.repeat(count) }));
        expect(largest).toBeGreaterThanOrEqual(per * (window - 1) - per);
        expect(largest).toBeLessThan(per * window);
      }, 30_000);

  test("where they are written as escapes", async () => {
    for (const one of ["\\u00e4", "\\ud83d\\ude00", "\\n"]) {
      const largest = await findLargest((count) => ({
        body: `{"model":"gpt-4o","messages":[{"role":"user","content":"${one.repeat(count)}"}]}`,
      }));
      expect([one, largest]).toEqual([one, expect.any(Number)]);
      expect(largest).toBeGreaterThanOrEqual(4990);
      expect(largest).toBeLessThan(5000);
    }
  }, 30_000);

  test("in a body that comes in chunks too", async () => {
    const largest = await findLargest((count) => ({
      body: inChunks(JSON.stringify({ model: "gpt-4o", input: "x".repeat(count) })),
      target: responses,
    }));
    expect(largest).toBeGreaterThanOrEqual(4990);
    expect(largest).toBeLessThan(5000);
  }, 30_000);
});

test("an image within the sampled bytes isn't counted as text", async () => {
  const data = "iVBORw0KGgo".repeat(1400);
  const images: readonly Asked[] = [
    openai({
      messages: [
        {
          role: "user",
          content: [{ type: "image_url", image_url: { url: `data:image/png;base64,${data}`, detail: "low" } }],
        },
      ],
    }),
    gemini({ contents: [{ parts: [{ inlineData: { mimeType: "image/png", data } }] }] }),
  ];
  for (const asked of images) expect(await passes(asked)).toBe(true);
});

/** A body without a length. */
function inChunks(text: string): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 1000) controller.enqueue(bytes.subarray(at, at + 1000));
      controller.close();
    },
  });
}
