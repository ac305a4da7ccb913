import { expect, test } from "bun:test";
import fc from "fast-check";
import { type RequestNote, readRequestNote } from "./read-request.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function read(dialect: string, body: unknown, path = "/", maxSampleBytes = 20_000): RequestNote {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return readRequestNote(dialect, bytesOf(text), path, maxSampleBytes);
}

/** What a body of that shape says, `characters` and `tokens` apart from its length. */
function countText(dialect: string, body: unknown) {
  const { characters, tokens = 0 } = read(dialect, body, "/", 1e9);
  return { characters, tokens };
}

const image = "iVBORw0KGgo".repeat(40);
const dataUrl = `data:image/png;base64,${image}`;

/** Bodies as the vendors document them; every text is a word of that many letters. */
const shapes: readonly (readonly [
  what: string,
  dialect: string,
  body: unknown,
  characters: number,
  tokens?: number,
])[] = [
  [
    "a chat of strings",
    "openai-chat",
    {
      messages: [
        { role: "system", content: "four" },
        { role: "user", content: "three" },
      ],
    },
    9,
  ],
  [
    "a chat of parts",
    "openai-chat",
    {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "four" },
            { type: "text", text: "six so" },
          ],
        },
      ],
    },
    10,
  ],
  ["a chat without content", "openai-chat", { messages: [{ role: "assistant", content: null, refusal: "no" }] }, 2],
  [
    "a chat's tool calls and results",
    "openai-chat",
    {
      messages: [
        {
          role: "assistant",
          tool_calls: [{ id: "call_1", type: "function", function: { name: "go", arguments: '{"to":"x"}' } }],
        },
        { role: "tool", tool_call_id: "call_1", content: "done" },
      ],
    },
    2 + 10 + 4,
  ],
  [
    "a chat's tools, with all of their words",
    "openai-chat",
    {
      messages: [],
      tools: [{ type: "function", function: { name: "go", parameters: { type: "object", maxItems: 12 } } }],
    },
    "type".length +
      "function".length * 2 +
      "name".length +
      "go".length +
      "parameters".length +
      "type".length +
      "object".length +
      "maxItems".length +
      2,
  ],
  [
    "old functions and their calls",
    "openai-chat",
    { messages: [{ role: "assistant", function_call: { name: "go", arguments: "{}" } }], functions: [{ name: "go" }] },
    4 + 6,
  ],
  [
    "an image in high detail",
    "openai-chat",
    {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "see" },
            { type: "image_url", image_url: { url: dataUrl } },
          ],
        },
      ],
    },
    3,
    765,
  ],
  [
    "an image in low detail",
    "openai-chat",
    {
      messages: [
        { role: "user", content: [{ type: "image_url", image_url: { url: "https://a.test/b.png", detail: "low" } }] },
      ],
    },
    0,
    85,
  ],
  [
    "a second of sound",
    "openai-chat",
    {
      messages: [
        {
          role: "user",
          content: [{ type: "input_audio", input_audio: { data: "A".repeat((16_000 * 4) / 3), format: "mp3" } }],
        },
      ],
    },
    0,
    10,
  ],
  [
    "a file",
    "openai-chat",
    {
      messages: [
        {
          role: "user",
          content: [{ type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" } }],
        },
      ],
    },
    0,
    765,
  ],
  ["a prompt", "openai-chat", { prompt: "four", suffix: "six so" }, 10],
  ["several prompts", "openai-chat", { prompt: ["four", "six so"] }, 10],
  ["a prompt of token ids", "openai-chat", { prompt: [1212, 318, 257] }, 0, 3],
  ["several prompts of token ids", "openai-chat", { prompt: [[1212, 318], [257]] }, 0, 3],
  ["an input of a string", "openai-responses", { input: "four", instructions: "six so" }, 10],
  ["an input of messages", "openai-responses", { input: [{ role: "user", content: "four" }] }, 4],
  [
    "an input of items with parts",
    "openai-responses",
    {
      input: [
        {
          type: "message",
          role: "user",
          content: [
            { type: "input_text", text: "four" },
            { type: "input_image", image_url: dataUrl, detail: "low" },
          ],
        },
      ],
    },
    4,
    85,
  ],
  [
    "an input of calls and their outputs",
    "openai-responses",
    {
      input: [
        { type: "function_call", call_id: "c", name: "go", arguments: "{}" },
        { type: "function_call_output", call_id: "c", output: "done" },
        { type: "function_call_output", call_id: "c", output: [{ type: "input_text", text: "more" }] },
        { type: "computer_call_output", call_id: "d", output: { type: "computer_screenshot", image_url: dataUrl } },
        { type: "custom_tool_call", name: "go", input: "free" },
        { type: "reasoning", summary: [{ type: "summary_text", text: "so" }], encrypted_content: "gAAAA" },
        { type: "item_reference", id: "msg_1" },
      ],
    },
    4 + 4 + 4 + 6 + 2,
    765,
  ],
  [
    "a stored prompt's variables",
    "openai-responses",
    { prompt: { id: "pmpt_1", variables: { city: "Bonn", photo: { type: "input_image", image_url: dataUrl } } } },
    4,
    765,
  ],
  ["an embedding's input", "openai-embeddings", { input: "four" }, 4],
  ["an embedding's inputs", "openai-embeddings", { input: ["four", "six so"] }, 10],
  ["an embedding's token ids", "openai-embeddings", { input: [[1, 2], [3]] }, 0, 3],
  ["speech", "openai-media", { input: "four", instructions: "six so", voice: "alloy" }, 10],
  ["a search among documents", "opaque", { query: "four", documents: ["six so", { text: "two" }] }, 13],
  ["a message of a string", "anthropic-messages", { messages: [{ role: "user", content: "Hello!" }] }, 6],
  [
    "a message of blocks, and a system of a string",
    "anthropic-messages",
    {
      system: "four",
      messages: [
        { role: "user", content: [{ type: "text", text: "six so", cache_control: { type: "ephemeral", ttl: "5m" } }] },
      ],
    },
    10,
  ],
  ["a system of blocks", "anthropic-messages", { system: [{ type: "text", text: "four" }], messages: [] }, 4],
  [
    "tool use, results, and thoughts",
    "anthropic-messages",
    {
      messages: [
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "EqQBCg" },
            { type: "tool_use", id: "toolu_1", name: "go", input: { to: "x", n: 12, far: true } },
          ],
        },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "toolu_1",
              content: [
                { type: "text", text: "done" },
                { type: "image", source: { type: "base64", media_type: "image/png", data: image } },
              ],
            },
          ],
        },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "done" }] },
      ],
    },
    2 + 2 + (2 + 1 + 1 + 2 + 3 + 4) + 4 + 4,
    1_600,
  ],
  [
    "tools",
    "anthropic-messages",
    { messages: [], tools: [{ name: "go", input_schema: { type: "object" } }] },
    4 + 2 + 12 + 4 + 6,
  ],
  [
    "an image by its URL",
    "anthropic-messages",
    {
      messages: [{ role: "user", content: [{ source: { url: "https://a.test/b.png", type: "url" }, type: "image" }] }],
    },
    0,
    1_600,
  ],
  [
    "a PDF",
    "anthropic-messages",
    {
      messages: [
        {
          role: "user",
          content: [
            {
              type: "document",
              title: "four",
              source: { type: "base64", media_type: "application/pdf", data: "A".repeat(80_000 / 60) },
            },
          ],
        },
      ],
    },
    4,
    4_600,
  ],
  [
    "a document that is text",
    "anthropic-messages",
    {
      messages: [
        {
          role: "user",
          content: [{ type: "document", source: { data: "six\nso", media_type: "text/plain", type: "text" } }],
        },
      ],
    },
    6,
  ],
  [
    "a document of contents",
    "anthropic-messages",
    {
      messages: [
        {
          role: "user",
          content: [{ type: "document", source: { type: "content", content: [{ type: "text", text: "four" }] } }],
        },
      ],
    },
    4,
  ],
  ["old completions", "anthropic-messages", { prompt: "four" }, 4],
  [
    "a batch",
    "anthropic-messages",
    { requests: [{ custom_id: "a", params: { model: "m", messages: [{ role: "user", content: "four" }] } }] },
    4,
  ],
  [
    "contents",
    "gemini-generate",
    { systemInstruction: { parts: [{ text: "four" }] }, contents: [{ role: "user", parts: [{ text: "six so" }] }] },
    10,
  ],
  [
    "an instruction in snake case",
    "gemini-generate",
    { system_instruction: { parts: { text: "four" } }, contents: { parts: { text: "so" } } },
    6,
  ],
  [
    "inline data",
    "gemini-generate",
    {
      contents: [
        {
          parts: [
            { inlineData: { mimeType: "image/png", data: image } },
            { inline_data: { data: "A".repeat(64_000 / 3), mime_type: "audio/mp3" } },
          ],
        },
      ],
    },
    0,
    258 + 32,
  ],
  [
    "files",
    "gemini-generate",
    { contents: [{ parts: [{ fileData: { mimeType: "application/pdf", fileUri: "gs://a/b.pdf" } }, { text: "so" }] }] },
    2,
    258,
  ],
  [
    "function calls, responses, and code",
    "gemini-generate",
    {
      contents: [
        { role: "model", parts: [{ functionCall: { name: "go", args: { to: "x" } }, thoughtSignature: "EqQB" }] },
        { role: "user", parts: [{ functionResponse: { name: "go", response: { text: "done" } } }] },
        {
          role: "model",
          parts: [
            { executableCode: { language: "PYTHON", code: "four" } },
            { codeExecutionResult: { outcome: "OUTCOME_OK", output: "so" } },
          ],
        },
      ],
      tools: [{ functionDeclarations: [{ name: "go" }] }],
    },
    2 + 3 + 2 + 8 + 4 + 2 + 20 + 4 + 2,
  ],
  ["an embedding", "gemini-embeddings", { content: { parts: [{ text: "four" }] } }, 4],
  [
    "several embeddings",
    "gemini-embeddings",
    {
      requests: [
        { model: "models/e", content: { parts: [{ text: "four" }] } },
        { content: { parts: [{ text: "so" }] } },
      ],
    },
    6,
  ],
  [
    "a request to be counted",
    "gemini-generate",
    { generateContentRequest: { contents: [{ parts: [{ text: "four" }] }] } },
    4,
  ],
  ["instances", "gemini-generate", { instances: [{ prompt: "four" }] }, 4],
  ["an interaction", "gemini-interactions", { input: "four", system_instruction: "so" }, 6],
  [
    "an interaction's contents",
    "gemini-interactions",
    {
      input: [
        { type: "text", text: "four" },
        { type: "image", mime_type: "image/png", data: image },
      ],
    },
    4,
    258,
  ],
  [
    "an interaction's steps",
    "gemini-interactions",
    {
      input: [
        { type: "user_input", content: [{ type: "text", text: "four" }] },
        { type: "function_result", call_id: "c", result: { ok: true } },
      ],
    },
    4 + 6,
  ],
];

test.each(shapes)("the text of %s is counted (%s)", (_what, dialect, body, characters, tokens = 0) => {
  expect(countText(dialect, body)).toEqual({ characters, tokens });
});

test("characters are code points, however they are written", () => {
  const written = [
    "😀",
    "\\uD83D\\uDE00",
    "\\ud83d\\ude00",
    "ü",
    "\\u00fc",
    "\\n",
    "\\\\",
    '\\"',
    "漢",
    "\\ud83d",
    "\\udE00",
  ];
  for (const character of written) {
    for (const [before, count] of [
      ["", 1],
      ["a", 2],
      ["a".repeat(40), 41],
    ] as const)
      expect(countText("openai-chat", `{"prompt":"${before}${character}"}`).characters).toBe(count);
  }
  expect(countText("openai-chat", '{"prompt":"\\ud83d\\ud83d\\ude00\\ude00"}').characters).toBe(3);
  expect(countText("openai-chat", '{"prompt":"\\ud83d-\\ude00"}').characters).toBe(3);
});

test("characters are counted however far their escapes stand apart", () => {
  const escapes = ["\\n", '\\"', "\\\\", "\\u00fc", "\\ud83d\\ude00", "\\ud83d", "\\ude00"];
  for (const rest of ["", "a", "ü"]) {
    for (let gap = 0; gap < 50; gap += 1) {
      const text = escapes.map((each) => "a".repeat(gap) + each).join("") + rest;
      const { characters } = countText("openai-chat", `{"prompt":"${text}","model":"m"}`);
      expect(characters).toBe(Array.from(String(JSON.parse(`"${text}"`))).length);
    }
  }
});

test("the model is in the body, or in the path where the dialect has it there", () => {
  const cases: readonly (readonly [string, unknown, string, string | undefined])[] = [
    ["openai-chat", { model: "gpt-4o" }, "/v1/chat/completions", "gpt-4o"],
    ["openai-chat", {}, "/openai/deployments/my%20own/chat/completions", "my own"],
    ["openai-chat", { model: "" }, "/openai/deployments/50%/chat/completions", "50%"],
    ["openai-chat", { model: 4 }, "/v1/models/gpt-4o", undefined],
    ["openai-chat", '{"\\u006dodel":"gpt\\u002d4o"}', "/", "gpt-4o"],
    ["openai-chat", '{"model":"a","model":"b"}', "/", "b"],
    ["openai-chat", '{"model":"a","mod\\u0065l":7}', "/", undefined],
    ["openai-chat", { metadata: { model: "a" } }, "/", undefined],
    ["openai-chat", { model: "m".repeat(2_000) }, "/", undefined],
    ["anthropic-messages", { model: "claude-sonnet-4" }, "/v1/messages", "claude-sonnet-4"],
    ["gemini-generate", { model: "other" }, "/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"],
    ["gemini-generate", {}, "/v1beta/tunedModels/my-own:generateContent", "tunedModels/my-own"],
    ["gemini-interactions", { model: "models/gemini-2.5-pro" }, "/v1beta/interactions", "gemini-2.5-pro"],
    ["gemini-interactions", { agent: "deep-research" }, "/v1beta/interactions", "deep-research"],
  ];
  for (const [dialect, body, path, model] of cases) expect(read(dialect, body, path).model).toBe(model);
  const path = "/v1beta/models/gemini-2.5-pro:countTokens";
  expect(readRequestNote("gemini-generate", undefined, path, 20_000)).toEqual({ model: "gemini-2.5-pro" });
});

test("the user is where the dialect has it", () => {
  expect(read("openai-chat", { safety_identifier: "b", user: "a" }).user).toBe("a");
  expect(read("openai-chat", { user: "", safety_identifier: "b" }).user).toBe("b");
  expect(read("openai-chat", { metadata: { user_id: "c" } }).user).toBeUndefined();
  expect(read("anthropic-messages", { user: "a", metadata: { user_id: "c" } }).user).toBe("c");
  expect(read("anthropic-messages", '{"metadata":{"user_id":"c"},"metadata":"x"}').user).toBeUndefined();
  expect(read("gemini-generate", { user: "a", metadata: { user_id: "c" } }).user).toBeUndefined();
});

test("the most that an answer may have is where the dialect has it, and the largest figure counts", () => {
  const cases: readonly (readonly [string, unknown, number | undefined, number | undefined])[] = [
    ["openai-chat", { max_tokens: 10, n: 3 }, 10, 3],
    ["openai-chat", { max_tokens: 10, max_completion_tokens: 20, best_of: 4, n: 2 }, 20, 4],
    ["openai-responses", { max_output_tokens: 1e3 }, 1_000, undefined],
    ["openai-chat", { max_tokens: "10", n: 0 }, undefined, undefined],
    ["openai-chat", { max_tokens: -1, n: null }, undefined, undefined],
    ["openai-chat", { max_tokens: 0 }, 0, undefined],
    ["openai-chat", '{"max_tokens":9,"max_tokens":1E2 }', 100, undefined],
    ["openai-chat", '{"max_tokens":1e400}', undefined, undefined],
    ["openai-chat", { generationConfig: { maxOutputTokens: 5 } }, undefined, undefined],
    ["anthropic-messages", { max_tokens: 10, n: 3 }, 10, undefined],
    ["anthropic-messages", { max_tokens_to_sample: 10 }, 10, undefined],
    ["gemini-generate", { generationConfig: { maxOutputTokens: 10, candidateCount: 2 } }, 10, 2],
    ["gemini-generate", { generation_config: { max_output_tokens: 10, candidate_count: 2 } }, 10, 2],
    ["gemini-generate", { max_tokens: 10 }, undefined, undefined],
  ];
  for (const [dialect, body, maxOutput, choices] of cases) {
    const note = read(dialect, body);
    expect([note.maxOutput, note.choices]).toEqual([maxOutput, choices]);
  }
});

test("of equal keys the last one counts, deep down too", () => {
  expect(countText("openai-chat", '{"messages":[{"content":"aaa"}],"messages":[{"content":"bb"}]}').characters).toBe(2);
  expect(countText("openai-chat", '{"messages":[{"content":"aaa","content":"bb"}]}').characters).toBe(2);
  expect(countText("openai-chat", '{"messages":[{"content":"aaa","c\\u006fntent":[{"text":"b"}]}]}').characters).toBe(
    1,
  );
  const part = '"type":"text","type":"image_url","image_url":{"detail":"high","detail":"low"}';
  expect(countText("openai-chat", `{"messages":[{"content":[{${part}}]}]}`).tokens).toBe(85);
});

test("of a body that is too large its names and its media are found, and its text is not counted", () => {
  const body = {
    messages: [
      { role: "user", content: [{ type: "image_url", image_url: { url: dataUrl } }, { text: "a".repeat(99) }] },
    ],
    model: "gpt-4o",
    user: "ada",
    max_tokens: 10,
  };
  const bytes = JSON.stringify(body).length;
  const said = { model: "gpt-4o", user: "ada", maxOutput: 10, bytes };
  const media = { tokens: 765, mediaBytes: dataUrl.length };
  expect(read("openai-chat", body, "/", bytes - 1)).toEqual({ ...said, ...media });
  expect(read("openai-chat", body, "/", bytes)).toEqual({ ...said, ...media, characters: 99 });
});

test("of a body with more contents than are held only its names are found", () => {
  const body = `{"messages":[${'{"content":"a"},'.repeat(30_000)}{}],"model":"gpt-4o"}`;
  expect(read("openai-chat", body, "/", 1e9)).toEqual({ model: "gpt-4o", bytes: body.length });
});

test("a hostile body takes no longer for its length than a plain one does, within an order of magnitude", () => {
  const pairs = (count: number) => Array.from({ length: count }, (_, at) => `"${at}":"a"`).join(",");
  const hostile: readonly ((count: number) => string)[] = [
    (count) => `{"prompt":{"variables":{${pairs(count)}}}}`,
    (count) => `{${'"mod\\u0065l":"m",'.repeat(count)}"n":1}`,
    (count) => `{"messages":[${'{"text":"a","text":[[{}]]},'.repeat(count)}{}]}`,
    (count) => `{"prompt":"${'\\\\\"'.repeat(count)}"}`,
    (count) => `{"prompt":"${`${" ".repeat(40)}\\n`.repeat(count)}"}`,
    (count) => `{"tools":${"[".repeat(count)}${"]".repeat(count)}}`,
  ];
  const time = (bytes: Uint8Array) => {
    const times = Array.from({ length: 5 }, () => {
      const began = performance.now();
      readRequestNote("openai-chat", bytes, "/", 1e9);
      return performance.now() - began;
    });
    return Math.min(...times);
  };
  for (const shape of hostile) {
    const [few, many] = [shape(1_000), shape(16_000)].map(bytesOf).map(time);
    // Quadratic would be 256 times as long.
    expect((many ?? 0) / (few ?? 1)).toBeLessThan(100);
  }
});

test("what is no whole JSON object says nothing", () => {
  const texts = [
    "",
    " ",
    "[]",
    "[{}]",
    '"a"',
    "1",
    "{",
    '{"model":"a"',
    '{"model":"a",}',
    '{"model" "a"}',
    "{model:1}",
    '{"a":}',
  ];
  for (const text of [
    ...texts,
    '{"messages":[{"content":"a"}',
    '{"messages":["a" "b"]}',
    '{"messages":[,]}',
    '{"model":"a]}',
  ])
    expect(read("openai-chat", text)).toEqual({});
  expect(readRequestNote("openai-chat", undefined, "/", 20_000)).toEqual({});
});

test("a JSON body without contents has no characters, a BOM is no obstacle, and a part of a buffer is read as such", () => {
  expect(read("openai-other", '\uFEFF {"model":"m", "training_file":"file-1"} ')).toMatchObject({ model: "m" });
  expect(read("openai-other", { training_file: "file-1" }).characters).toBeUndefined();
  const whole = bytesOf('xx{"model":"m"}xx');
  expect(readRequestNote("openai-chat", whole.subarray(2, -2), "/", 20_000).model).toBe("m");
});

test("deep nesting ends, and what lies deeper counts as it stands", () => {
  const deep = (depth: number, core: string) => `{"messages":${"[".repeat(depth)}${core}${"]".repeat(depth)}}`;
  expect(countText("openai-chat", deep(20, '"four"')).characters).toBe(4);
  expect(countText("openai-chat", deep(200, '{"id":"four"}')).characters).toBe(6);
  expect(read("openai-chat", deep(100_000, "1")).bytes).toBe(200_014);
  expect(read("openai-chat", `{"messages":${'{"content":'.repeat(50_000)}1${"}".repeat(50_000)}}`).bytes).toBe(600_014);
  expect(read("openai-chat", `{"messages":${"[".repeat(100_000)}`)).toEqual({});
});

test("any bytes are read, and a body that was cut says nothing", () => {
  const dialect = fc.constantFrom("openai-chat", "anthropic-messages", "gemini-generate", "opaque");
  fc.assert(
    fc.property(
      dialect,
      fc.uint8Array(),
      fc.string(),
      (name, bytes, path) => void readRequestNote(name, bytes, path, 20_000),
    ),
  );
  const body = fc.record({ messages: fc.jsonValue(), contents: fc.jsonValue(), metadata: fc.jsonValue() });
  fc.assert(
    fc.property(dialect, body, fc.nat(), (name, value, cut) => {
      const bytes = bytesOf(JSON.stringify(value));
      expect(readRequestNote(name, bytes.subarray(0, cut % bytes.length), "/", 20_000)).toEqual({});
    }),
  );
});
