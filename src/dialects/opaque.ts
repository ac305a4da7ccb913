import type { AnswerBuilder, Dialect } from "./dialect.ts";
import { object, present } from "./json.ts";
import { readOpenaiError } from "./openai-error.ts";

/** Of a stream that nobody knows, so many events are kept. */
const maxEvents = 1_000;

/** Whatever no dialect knows: JSON is recorded as it is, all else by type and size; an error is read where it has the common shape. */
export const opaque: Dialect = {
  name: "opaque",
  family: "openai",
  kindOf: () => "other",
  readRequest: (body) => present({ input: body }),
  createAnswer,
};

function createAnswer(): AnswerBuilder {
  const events: unknown[] = [];
  let whole: unknown;
  return {
    whole(value) {
      whole = value;
    },
    event(_name, data) {
      if (events.length < maxEvents) events.push(data);
    },
    answer() {
      const value = whole ?? (events.length > 0 ? events : undefined);
      const error = readOpenaiError(object(whole) ?? {});
      return present({ output: value === undefined ? undefined : ({ kind: "json", value } as const), error });
    },
  };
}
