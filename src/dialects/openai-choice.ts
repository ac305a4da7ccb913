import type { Choice, MediaReference, ToolCall } from "../domain/output.ts";
import { type JsonObject, count, list, object, objects, present, text } from "./json.ts";
import { base64Bytes, fromUrl } from "./media-reference.ts";

/** Puts one choice together, from a whole message or from its deltas: a message is a delta that comes alone. */
export type ChoiceBuilder = {
  readonly add: (choice: JsonObject) => void;
  /** Whether the provider said why it ended. */
  readonly isFinished: () => boolean;
  /** What came of it; `sources` are those that the answer cites as a whole. */
  readonly choice: (index: number, sources: readonly unknown[]) => Choice;
};

/** Creates the builder of one choice of a chat or legacy completion. */
export function createChoice(): ChoiceBuilder {
  const tools = createToolCalls();
  const audio: { came: boolean; id?: string; bytes: number; transcript: string } = {
    came: false,
    bytes: 0,
    transcript: "",
  };
  const media: MediaReference[] = [];
  const citations: unknown[] = [];
  let said = "";
  let reasoning = "";
  let refusal = "";
  let finishReason: string | undefined;

  function addPart(part: JsonObject) {
    const { content } = part;
    if (typeof content === "string") said += content;
    else for (const piece of objects(content)) addContent(piece);
    // Who sends both sends the same twice.
    reasoning += text(part.reasoning_content) ?? text(part.reasoning) ?? "";
    refusal += text(part.refusal) ?? "";
    if (part.tool_calls) for (const call of objects(part.tool_calls)) tools.add(call);
    const legacy = object(part.function_call);
    if (legacy) tools.add({ function: legacy });
    if (part.annotations) citations.push(...list(part.annotations));
    if (part.images) for (const image of objects(part.images)) addContent(image);
    const sound = object(part.audio);
    if (sound) addAudio(sound);
  }

  /** Mistral and others answer with a list of contents. */
  function addContent(piece: JsonObject) {
    said += text(piece.text) ?? "";
    for (const thought of objects(piece.thinking)) reasoning += text(thought.text) ?? "";
    const url = text(object(piece.image_url)?.url) ?? text(piece.image_url);
    if (url !== undefined) media.push(fromUrl("image", url));
  }

  function addAudio(sound: JsonObject) {
    audio.came = true;
    audio.id ??= text(sound.id);
    audio.bytes += base64Bytes(text(sound.data) ?? "");
    audio.transcript += text(sound.transcript) ?? "";
  }

  return {
    add(choice) {
      const part = object(choice.delta) ?? object(choice.message);
      if (part) addPart(part);
      said += text(choice.text) ?? "";
      finishReason = text(choice.finish_reason) ?? finishReason;
    },
    isFinished: () => finishReason !== undefined,
    choice(index, sources) {
      const sound = audio.came ? [{ type: "audio", bytes: audio.bytes, ...present({ id: audio.id }) }] : [];
      return {
        index,
        ...present({
          // Of an answer by voice the transcript is the text.
          text: text(said) ?? text(audio.transcript),
          reasoning: text(reasoning),
          refusal: text(refusal),
          tool_calls: some(tools.calls()),
          media: some([...media, ...sound]),
          citations: some(citations) ?? some(sources),
          finish_reason: finishReason,
        }),
      };
    },
  };
}

/** A tool call as far as its fragments have come. */
type CallState = { id?: string; name: string; arguments: unknown };

/** Puts tool calls together: the first fragment names the tool, the rest bring its arguments. */
function createToolCalls() {
  const states: CallState[] = [];
  const byIndex = new Map<number, CallState>();
  const byId = new Map<string, CallState>();

  function find(index: number | undefined, id: string | undefined, name: string | undefined): CallState | undefined {
    if (index !== undefined) {
      const found = byIndex.get(index);
      // Gemini gives parallel calls the same index, and each an id of its own.
      return found?.id !== undefined && id !== undefined && found.id !== id ? undefined : found;
    }
    if (id !== undefined) return byId.get(id);
    return name === undefined ? states.at(-1) : undefined;
  }

  return {
    add(call: JsonObject) {
      const index = count(call.index);
      const id = text(call.id);
      const said = object(call.function) ?? object(call.custom);
      const name = text(said?.name);
      let state = find(index, id, name);
      if (!state) states.push((state = { id, name: "", arguments: "" }));
      if (index !== undefined) byIndex.set(index, state);
      if (id !== undefined) byId.set(id, state);
      state.id ??= id;
      state.name ||= name ?? "";
      const given = said?.arguments ?? said?.input;
      if (typeof given === "string" && typeof state.arguments === "string") state.arguments += given;
      else if (given !== undefined && given !== null) state.arguments = given;
    },
    calls: (): readonly ToolCall[] =>
      states.map((state) => ({ ...present({ id: state.id }), name: state.name, arguments: state.arguments })),
  };
}

function some<T>(values: readonly T[]): readonly T[] | undefined {
  return values.length > 0 ? values : undefined;
}
