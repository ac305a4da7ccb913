import { countOf, listOf, objectOf, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { promptLength } from "../prompt-tokens.ts";
import { tokensIn } from "../text.ts";
import type { Prompt, Tool } from "../turn.ts";
import { member, memberObject } from "./member.ts";

/** What is wrong with a request for content; `undefined` where nothing is. */
export function faultOf(request: Json): string | undefined {
  return listOf(request["contents"]).length === 0
    ? "* GenerateContentRequest.contents: contents is not specified"
    : undefined;
}

/** The tokens of a request's input, as `countTokens` and an answer's usage tell them. */
export function inputTokens(request: Json): number {
  const parts = [request["contents"], member(request, "systemInstruction"), request["tools"]];
  return Math.max(1, tokensIn(promptLength(parts)));
}

/** Reads a request for content; `cached` are the tokens of the cached content that it names. */
export function readGenerateRequest(request: Json, model: string, cached?: number): Prompt {
  const config = memberObject(request, "generationConfig");
  const last = objectOf(listOf(request["contents"]).at(-1));
  const parts = listOf(last["parts"]).map(objectOf);
  return {
    model,
    inputTokens: inputTokens(request) + (cached ?? 0),
    question: parts.map((part) => textOf(part["text"]) ?? "").join("\n"),
    asked: last["role"] !== "model" && !parts.some((part) => member(part, "functionResponse") !== undefined),
    tools: readTools(request["tools"]),
    toolChoice: readChoice(memberObject(memberObject(request, "toolConfig"), "functionCallingConfig")),
    thinks: thinks(memberObject(config, "thinkingConfig")),
    ...readSchema(config),
    ...(cached === undefined ? {} : { cache: { input_cached: cached } }),
    maxTokens: countOf(member(config, "maxOutputTokens")),
  };
}

/** Whether the answer is to tell thoughts, not only to have them. */
export function wantsThoughts(request: Json): boolean {
  return member(memberObject(memberObject(request, "generationConfig"), "thinkingConfig"), "includeThoughts") === true;
}

/** The functions that may be called; Google's own tools aren't. */
export function readTools(tools: unknown): readonly Tool[] {
  const declared = listOf(tools).flatMap((tool) => listOf(member(objectOf(tool), "functionDeclarations")));
  return declared.map(objectOf).flatMap((declaration) => {
    const name = textOf(declaration["name"]);
    const schema = member(declaration, "parametersJsonSchema") ?? declaration["parameters"] ?? {};
    return name === undefined ? [] : [{ name, schema }];
  });
}

function readChoice(config: Json): Prompt["toolChoice"] {
  if (config["mode"] === "NONE") return "none";
  const names = listOf(member(config, "allowedFunctionNames"));
  const only = textOf(names[0]);
  return config["mode"] === "ANY" && only !== undefined && names.length === 1 ? { name: only } : "any";
}

function thinks(config: Json): boolean {
  const [budget, level] = [member(config, "thinkingBudget"), member(config, "thinkingLevel")];
  return (
    member(config, "includeThoughts") === true ||
    (typeof budget === "number" && budget !== 0) ||
    typeof level === "string"
  );
}

function readSchema(config: Json): Pick<Prompt, "schema"> {
  const schema = member(config, "responseJsonSchema") ?? member(config, "responseSchema");
  if (schema !== undefined) return { schema };
  return member(config, "responseMimeType") === "application/json" ? { schema: { type: "object" } } : {};
}
