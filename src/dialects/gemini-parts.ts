import type { Choice, MediaReference, ToolCall } from "../domain/output.ts";
import { type JsonObject, list, object, objects, present, text } from "./json.ts";
import { fromBase64, fromUrl } from "./media-reference.ts";

/** A call as it grows: its result may come later. */
type GrowingCall = { -readonly [K in keyof ToolCall]: ToolCall[K] };

/** Puts one candidate together from the content parts that come, whole or in a stream. */
export function createCandidate() {
  const calls: GrowingCall[] = [];
  const media: MediaReference[] = [];
  let said = "";
  let thought = "";

  function addPart(part: JsonObject): void {
    const words = text(part.text) ?? "";
    if (part.thought === true) thought += words;
    else said += words;
    addCall(part);
    addResult(part);
    media.push(...readMedia(part));
  }

  function addCall(part: JsonObject): void {
    const call = object(part.functionCall);
    const name = text(call?.name);
    if (name !== undefined) calls.push({ name, arguments: call?.args ?? {}, ...present({ id: text(call?.id) }) });
    const code = object(part.executableCode);
    if (code !== undefined) addServerCall("code_execution", code);
    const tool = object(part.toolCall);
    if (tool !== undefined) addServerCall(text(tool.toolType)?.toLowerCase() ?? "tool", tool);
  }

  function addServerCall(name: string, call: JsonObject): void {
    const { id, toolType: _, args, ...rest } = call;
    calls.push({ name, server: name, arguments: args ?? rest, ...present({ id: text(id) }) });
  }

  /** A result names its call, or is that of the last one. */
  function addResult(part: JsonObject): void {
    const result = object(part.codeExecutionResult) ?? object(part.toolResponse);
    if (result === undefined) return;
    const { id, toolType: _, ...rest } = result;
    const open = calls.filter((call) => call.server !== undefined && call.result === undefined);
    const call = open.find((candidate) => candidate.id !== undefined && candidate.id === id) ?? open.at(-1);
    if (call !== undefined) call.result = rest;
  }

  return {
    add(content: unknown): void {
      for (const part of objects(object(content)?.parts)) addPart(part);
    },
    choice(index: number, about: { readonly finish?: string; readonly citations?: readonly unknown[] }): Choice {
      return {
        index,
        ...present({
          text: text(said),
          reasoning: text(thought),
          tool_calls: calls.length === 0 ? undefined : calls,
          media: media.length === 0 ? undefined : media,
          citations: about.citations?.length === 0 ? undefined : about.citations,
          finish_reason: about.finish,
        }),
      };
    },
  };
}

/** The media of a part, or of a request's part in snake case. */
export function readMedia(part: JsonObject): readonly MediaReference[] {
  const inline = object(part.inlineData) ?? object(part.inline_data);
  if (inline !== undefined) return [fromBase64(mimeOf(inline), text(inline.data) ?? "")];
  const file = object(part.fileData) ?? object(part.file_data);
  const uri = text(file?.fileUri) ?? text(file?.file_uri);
  return file === undefined || uri === undefined ? [] : [fromUrl(mimeOf(file), uri)];
}

function mimeOf(blob: JsonObject): string {
  return text(blob.mimeType) ?? text(blob.mime_type) ?? "application/octet-stream";
}

/** What a candidate's words rest on: the pages and places found, and the works that it recites. */
export function readCitations(candidate: JsonObject): readonly unknown[] {
  const recited = object(candidate.citationMetadata);
  return [
    ...list(object(candidate.groundingMetadata)?.groundingChunks),
    ...list(recited?.citationSources ?? recited?.citations),
  ];
}
