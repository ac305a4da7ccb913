/** One small call, as a consumer makes it. */
export type Call = {
  readonly streaming: boolean;
  readonly path: string;
  readonly headers: (key: string) => Readonly<Record<string, string>>;
  readonly body: object;
  /** What the model said, read from the answer's body. */
  readonly read: (answer: string) => string;
};

/** A provider, and the environment variable with a key for it. */
export type LiveProvider = { readonly name: string; readonly keyName: string; readonly calls: readonly Call[] };

const question = "Answer with the one word: hello";
const messages = [{ role: "user", content: question }];
/** Enough for the answer, even where a model thinks a little first. */
const mostTokens = 256;

/** Each is called twice, with a cheap model: for an answer as a whole, and for a stream. */
export const providers: readonly LiveProvider[] = [
  {
    name: "openai",
    keyName: "OPENAI_API_KEY",
    calls: inBothWays((streaming) => ({
      path: "/v1/chat/completions",
      headers: (key) => ({ authorization: `Bearer ${key}` }),
      // No stream_options: it is the gateway that asks for the usage of a stream.
      body: {
        model: "gpt-6-luna",
        reasoning_effort: "none",
        max_completion_tokens: mostTokens,
        messages,
        stream: streaming,
      },
      textMember: "content",
    })),
  },
  {
    name: "anthropic",
    keyName: "ANTHROPIC_API_KEY",
    calls: inBothWays((streaming) => ({
      path: "/v1/messages",
      headers: (key) => ({ "x-api-key": key, "anthropic-version": "2023-06-01" }),
      body: { model: "claude-haiku-4-5", max_tokens: mostTokens, messages, stream: streaming },
      textMember: "text",
    })),
  },
  {
    name: "gemini",
    keyName: "GEMINI_API_KEY",
    calls: inBothWays((streaming) => ({
      path: `/v1beta/models/gemini-3.5-flash-lite:${streaming ? "streamGenerateContent?alt=sse" : "generateContent"}`,
      headers: (key) => ({ "x-goog-api-key": key }),
      body: {
        contents: [{ role: "user", parts: [{ text: question }] }],
        generationConfig: { maxOutputTokens: mostTokens },
      },
      textMember: "text",
    })),
  },
];

/** A call whose answer says its text in every string of this name. */
type CallForm = Omit<Call, "streaming" | "read"> & { readonly textMember: string };

function inBothWays(make: (streaming: boolean) => CallForm): readonly Call[] {
  return [false, true].map((streaming) => {
    const { textMember, ...call } = make(streaming);
    const read: Call["read"] = (answer) => {
      const documents = streaming ? readEvents(answer) : [answer];
      return documents.map((json) => collectText(json, textMember)).join("");
    };
    return { ...call, streaming, read };
  });
}

/** The JSON of each event; OpenAI's last one has none. */
function readEvents(stream: string): readonly string[] {
  return Array.from(stream.matchAll(/^data: ?(\{.*\})\s*$/gm), ([, json = ""]) => json);
}

function collectText(json: string, member: string): string {
  const found: string[] = [];
  JSON.parse(json, (name, value: unknown) => {
    if (name === member && typeof value === "string") found.push(value);
    return value;
  });
  return found.join("");
}
