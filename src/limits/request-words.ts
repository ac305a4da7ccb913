import { createWordTable, type WordTable } from "./word-table.ts";

/**
 * What a member's value is to a model.
 *
 * | reading | a string | a list | an object |
 * |---|---|---|---|
 * | `text` | is text | holds strings and contents | is a content |
 * | `json` | is text | and | an object are text as they stand: keys, strings, numbers |
 * | `either` | is text | holds strings and contents | is text as it stands |
 * | `settings` | is a value | – | holds values |
 * | `open` | is text | holds strings and contents | has strings that are text, whatever their keys |
 * | `value` | is looked at, and no text | – | – |
 */
export type Reading = "text" | "json" | "either" | "settings" | "open" | "value";

/** The members of an object that are looked at; all others are passed over, unless `others` says how they are read. */
export type Members = { readonly known: WordTable<Reading>; readonly others?: Reading };

/** Keys by how their values are read, with a space between them. */
type Names = Readonly<Partial<Record<Reading, string>>>;

function createMembers(names: Names, others?: Reading): Members {
  const pairs = readings.flatMap((reading) => split(names[reading]).map((name) => [name, reading] as const));
  return { known: createWordTable(pairs), ...(others && { others }) };
}

const readings: readonly Reading[] = ["text", "json", "either", "settings", "open", "value"];

function split(names = ""): readonly string[] {
  return names.split(/\s+/).filter((name) => name !== "");
}

/** A request's own members, in all dialects: what one doesn't know isn't said in it. */
export const requestMembers: Members = createMembers({
  text: `
    messages system systemInstruction system_instruction instructions input prompt suffix contents
    content requests instances generateContentRequest query documents
  `,
  json: "tools functions",
  settings: "metadata generationConfig generation_config",
  value: `
    model agent user safety_identifier max_tokens max_completion_tokens max_output_tokens
    max_tokens_to_sample n best_of
  `,
});

/** The members of messages, their parts, tool calls and results, and of whatever holds them. */
export const contentMembers: Members = createMembers({
  text: `
    text content contents parts message messages params source context title name system
    systemInstruction system_instruction instructions prompt query queries thinking reasoning
    reasoning_content summary refusal transcript documents results tool_calls function custom
    function_call functionCall function_response functionResponse toolCall toolResponse executableCode
    executable_code codeExecutionResult code_execution_result code output outputs logs
  `,
  json: "tools functions arguments args response parameters input_schema action",
  either: "input result",
  settings: "image_url video_url input_audio file inlineData inline_data fileData file_data",
  open: "variables",
  value: "type data url detail media_type mime_type",
});

/** The members of what holds no text: media, `generationConfig`, `metadata`. */
export const settingMembers: Members = createMembers({
  value: `
    url data file_data detail mimeType mime_type maxOutputTokens max_output_tokens candidateCount
    candidate_count user_id
  `,
});

/** The members of an object whose keys are the consumer's own. */
export const openMembers: Members = createMembers({}, "text");
