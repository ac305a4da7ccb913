import type { MockContext } from "../dialect.ts";
import type { MockRequest } from "../mock-request.ts";

/** A request that has passed the door, and what answering it takes. */
export type GeminiCall = {
  readonly request: MockRequest;
  readonly context: MockContext;
  /** As the answer's head tells it, and where there is one, its body. */
  readonly requestId: string;
  /** The contents that were cached, by their name. */
  readonly cachedTokens: (name: string) => number | undefined;
};
