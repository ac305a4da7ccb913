import type { Choice, Output, ToolCall } from "../domain/output.ts";

/** An output as Langfuse shows it best: an assistant message as OpenAI writes it, or a list of them where the model gave several. */
export function langfuseOutput(output: Output): unknown {
  if (output.kind === "json") return output.value;
  if (output.kind === "text") return output.text;
  if (output.kind === "vectors") return { vectors: output.count, dimensions: output.dimensions };
  if (output.kind === "binary") return { type: output.type, bytes: output.bytes };
  const messages = output.choices.map(message);
  return messages.length === 1 ? messages[0] : messages;
}

/** Why the model stopped, for each choice that says so. */
export function finishReasons(output: Output | undefined): readonly string[] {
  if (output?.kind !== "choices") return [];
  return output.choices.flatMap(({ finish_reason }) => finish_reason ?? []);
}

function message(choice: Choice): object {
  const { text, reasoning, refusal, tool_calls, media, citations } = choice;
  return {
    role: "assistant",
    content: text ?? "",
    ...(reasoning === undefined ? {} : { thinking: [{ type: "thinking", content: reasoning }] }),
    ...(refusal === undefined ? {} : { refusal }),
    ...(tool_calls === undefined ? {} : { tool_calls: tool_calls.map(toolCall) }),
    ...(media === undefined ? {} : { media }),
    ...(citations === undefined ? {} : { citations }),
  };
}

/** Langfuse shows a call only where its id is there and its arguments are text. */
function toolCall({ id = "", name, arguments: given, server }: ToolCall): object {
  const text = typeof given === "string" ? given : JSON.stringify(given ?? {});
  return { id, type: "function", function: { name, arguments: text }, ...(server === undefined ? {} : { server }) };
}
