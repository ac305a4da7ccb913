/** A function or tool that the model asked for, its arguments put together again. */
export type ToolCall = {
  readonly id?: string;
  readonly name: string;
  /** As the model wrote them: the text of a JSON object for OpenAI, the object itself elsewhere. */
  readonly arguments: unknown;
  /** A tool that the provider ran itself (web search, code execution), and what kind. */
  readonly server?: string;
  /** What a server tool gave back, as the provider wrote it. */
  readonly result?: unknown;
};

/** An image, sound or file in an answer: its type and size, and where it can be had; never its bytes. */
export type MediaReference = {
  readonly type: string;
  readonly bytes?: number;
  readonly url?: string;
  readonly id?: string;
};

/** One of the answers that a model gave (`n` > 1 gives several). */
export type Choice = {
  readonly index: number;
  readonly text?: string;
  readonly reasoning?: string;
  readonly refusal?: string;
  readonly tool_calls?: readonly ToolCall[];
  readonly media?: readonly MediaReference[];
  /** Sources that the model cites, as the provider wrote them. */
  readonly citations?: readonly unknown[];
  /** In the provider's own words (`stop`, `end_turn`, `MAX_TOKENS`). */
  readonly finish_reason?: string;
};

/** What came back, by what it is. */
export type Output =
  | { readonly kind: "choices"; readonly choices: readonly Choice[] }
  | { readonly kind: "vectors"; readonly count: number; readonly dimensions: number }
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "binary"; readonly type: string; readonly bytes: number };
