import type { MockContext } from "../dialect.ts";
import type { MockRequest } from "../mock-request.ts";

/** A request that has passed the door, and what answering it takes. */
export type GeminiCall = {
  readonly request: MockRequest;
  readonly context: MockContext;
  /** The contents that were cached, by their name. */
  readonly cachedTokens: (name: string) => number | undefined;
};
