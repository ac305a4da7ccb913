/** One turn of a conversation. */
export type Turn = { readonly role: "user" | "assistant"; readonly text: string };

/** What is asked of a model. */
export type Question = {
  readonly model: string;
  readonly turns: readonly Turn[];
  readonly system?: string | undefined;
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
};

/** What an event of an answer says. */
export type Piece = {
  readonly text?: string;
  /** Why the model stopped; the answer is whole then. */
  readonly finish?: string;
  /** The provider gave up in the midst of it. */
  readonly fault?: string;
};

/** How a vendor's API is talked to, as far as a conversation needs it. */
export type ChatDialect = {
  /** The path under the provider's prefix. */
  readonly path: (question: Question) => string;
  readonly headers: (token: string | undefined) => Readonly<Record<string, string>>;
  readonly body: (question: Question) => object;
  /** Reads the data of an event; nothing where it says nothing of these. */
  readonly read: (data: unknown) => Piece;
};
