import type { Answer, MockEvent } from "../dialect.ts";
import type { Directives } from "../directives.ts";
import { textOf } from "../json.ts";
import { promptTokens } from "../prompt-tokens.ts";
import { fieldOf, fileOf, readForm } from "../read-form.ts";
import { fixedText, tokensIn } from "../text.ts";
import { answer, jsonAnswer, refuse, refuseByName, streamAnswer, withModel } from "./call.ts";
import type { Handler, OpenaiCall } from "./call.ts";
import { faultText, missing, serverFault } from "./fault.ts";
import { sseError, sseEvent } from "./sse.ts";

const audioTypes: Readonly<Record<string, string>> = {
  mp3: "audio/mpeg",
  opus: "audio/opus",
  aac: "audio/aac",
  flac: "audio/flac",
  wav: "audio/wav",
  pcm: "audio/pcm",
};
const bytesPerLetter = 256;
const longestSpeech = 65_536;
const streamError = sseError(faultText(serverFault()));

/** `POST /audio/speech`: bytes that say they are audio, or events that hold them. */
export const createSpeech = withModel((call) => {
  const { body, directives } = call;
  const input = textOf(body["input"]);
  if (input === undefined) return refuse(call, missing("input"));
  const audio = new Uint8Array(Math.min(input.length * bytesPerLetter, longestSpeech)).fill(0x55);
  const usage = { input: promptTokens(input), output_audio: tokensIn(audio.length) };
  if (body["stream_format"] === "sse") {
    const told = {
      input_tokens: usage.input,
      output_tokens: usage.output_audio,
      total_tokens: usage.input + usage.output_audio,
    };
    return streamAnswer(call, speechEvents(audio, told), { directives, usage, error: streamError });
  }
  return answer(call, audio, {
    directives,
    type: audioTypes[textOf(body["response_format"]) ?? "mp3"] ?? "audio/mpeg",
  });
});

/** `POST /audio/transcriptions` and `/audio/translations`, which are forms. */
export const createTranscription: Handler = async (call) => {
  const form = await readForm(call.request);
  const model = fieldOf(form, "model");
  const file = fileOf(form, "file");
  if (model === undefined) return refuse(call, missing("model"));
  if (file === undefined) return refuse(call, missing("file"));
  const directives = call.context.read(model);
  const refused = refuseByName(call, directives);
  if (refused !== undefined) return refused;
  const text = `The mock heard ${file.size} bytes of ${file.name}.`;
  return fieldOf(form, "stream") === "true"
    ? transcribeInEvents(call, { text, bytes: file.size, directives })
    : transcribe(call, { text, bytes: file.size, directives, format: fieldOf(form, "response_format") ?? "json" });
};

type Transcript = { readonly text: string; readonly bytes: number; readonly directives: Directives };

function transcribe(call: OpenaiCall, { format, ...transcript }: Transcript & { readonly format: string }): Answer {
  const { text, bytes, directives } = transcript;
  const seconds = secondsOf(bytes);
  switch (format) {
    case "text":
      return answer(call, `${text}\n`, { directives, type: "text/plain; charset=utf-8" });
    case "srt":
      return answer(call, `1\n00:00:00,000 --> 00:00:01,000\n${text}\n\n`, {
        directives,
        type: "text/plain; charset=utf-8",
      });
    case "vtt":
      return answer(call, `WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n${text}\n\n`, { directives, type: "text/vtt" });
    case "verbose_json": {
      const segments = [
        {
          id: 0,
          seek: 0,
          start: 0,
          end: seconds,
          text,
          tokens: [],
          temperature: 0,
          avg_logprob: -0.2,
          compression_ratio: 1,
          no_speech_prob: 0,
        },
      ];
      return jsonAnswer(
        call,
        {
          task: "transcribe",
          language: "english",
          duration: seconds,
          text,
          segments,
          usage: { type: "duration", seconds },
        },
        { directives },
      );
    }
    default: {
      if (directives.model.startsWith("whisper"))
        return jsonAnswer(call, { text, usage: { type: "duration", seconds } }, { directives });
      const { told, usage } = usageOf(transcript);
      return jsonAnswer(call, { text, usage: told }, { directives, usage });
    }
  }
}

function transcribeInEvents(call: OpenaiCall, transcript: Transcript): Answer {
  const { told, usage } = usageOf(transcript);
  return streamAnswer(call, transcriptEvents(transcript.text, told), {
    directives: transcript.directives,
    usage,
    error: streamError,
  });
}

function usageOf({ text, bytes }: Transcript) {
  const heard = secondsOf(bytes) * 10;
  const output = tokensIn(text.length);
  const details = { text_tokens: 0, audio_tokens: heard };
  const told = {
    type: "tokens",
    input_tokens: heard,
    input_token_details: details,
    output_tokens: output,
    total_tokens: heard + output,
  };
  return { told, usage: { input_audio: heard, output } };
}

/** As if it were compressed speech. */
function secondsOf(bytes: number): number {
  return Math.ceil(bytes / 4_000);
}

function* speechEvents(audio: Uint8Array, usage: object): Generator<MockEvent> {
  for (let at = 0; at < audio.length; at += 8_192) {
    const piece = Buffer.from(audio.subarray(at, at + 8_192)).toString("base64");
    yield { text: event("speech.audio.delta", { audio: piece }), kind: "content" };
  }
  yield { text: event("speech.audio.done", { usage }), kind: "end" };
}

function* transcriptEvents(text: string, usage: object): Generator<MockEvent> {
  for (const delta of fixedText(text).pieces())
    yield { text: event("transcript.text.delta", { delta }), kind: "content" };
  yield { text: event("transcript.text.done", { text, usage }), kind: "end" };
}

function event(type: string, fields: object): string {
  return sseEvent(type, JSON.stringify({ type, ...fields }));
}
