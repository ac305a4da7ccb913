import type { MockContext } from "../dialect.ts";
import type { MockRequest } from "../mock-request.ts";
import type { HeadFacts } from "./anthropic-head.ts";

/** A request that has passed the door, and what answering it takes. */
export type AnthropicCall = {
  readonly request: MockRequest;
  readonly context: MockContext;
  readonly head: HeadFacts;
};
