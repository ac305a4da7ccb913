import type { Output } from "../domain/output.ts";
import { type Usage, sumUsage } from "../domain/usage.ts";

/** What is known of an exchange whose provider didn't tell what it used, or not all of it. */
export type Unmeasured = {
  /** What the model was given, as far as it could be read. */
  readonly input?: unknown;
  /** The request's size, which stands for an input that could not be read. */
  readonly inputBytes?: number;
  readonly output?: Output;
  /** By how much the answer was longer than what is known of it; 1 if absent. */
  readonly outputTimes?: number;
  /** What the provider did tell before the answer broke off; it stays. */
  readonly told?: Usage;
};

/** LLM tokens for a character of Latin script and for one of a script that is written without spaces. */
const perLatin = 1 / 4;
const perDense = 1 / 1.3;
/** Characters that are looked at on either side; what lies beyond is left out. */
const maxChars = 2_000_000;
const maxDepth = 32;

/**
 * Estimates usage by characters, in linear time (a tokenizer can be blocked for seconds by hostile text); `undefined` where nothing is known.
 * What the provider told stays, and of the output the larger figure holds.
 */
export function estimateUsage({ input, inputBytes, output, outputTimes = 1, told }: Unmeasured): Usage | undefined {
  const given = told === undefined || inputOf(told) === 0 ? estimateInput(input, inputBytes) : 0;
  const made = estimateOutput(output);
  const answer = Math.max(0, Math.ceil(made.answer * outputTimes) - (told?.output ?? 0));
  const reasoning = Math.max(0, Math.ceil(made.reasoning * outputTimes) - (told?.output_reasoning ?? 0));
  if (given + answer + reasoning === 0) return told;
  return sumUsage(
    {
      ...told,
      input: (told?.input ?? 0) + given,
      output: (told?.output ?? 0) + answer,
      output_reasoning: (told?.output_reasoning ?? 0) + reasoning,
    },
    { ...told, source: "estimated" },
  );
}

function inputOf(usage: Usage): number {
  const { input = 0, input_cached = 0, input_cache_write_5m = 0, input_cache_write_1h = 0 } = usage;
  const { input_audio = 0, input_image = 0 } = usage;
  return input + input_cached + input_cache_write_5m + input_cache_write_1h + input_audio + input_image;
}

function estimateInput(input: unknown, bytes: number | undefined): number {
  if (input === undefined) return Math.ceil((bytes ?? 0) * perLatin);
  return estimateText(gatherText(input));
}

function estimateOutput(output: Output | undefined): { readonly answer: number; readonly reasoning: number } {
  switch (output?.kind) {
    case undefined:
    case "binary":
    case "vectors":
      return { answer: 0, reasoning: 0 };
    case "text":
      return { answer: estimateText(gatherText(output.text)), reasoning: 0 };
    case "json":
      return { answer: estimateText(gatherText(output.value)), reasoning: 0 };
    case "choices": {
      const reasoning = output.choices.map((choice) => choice.reasoning ?? "");
      const answers = output.choices.map(({ text, refusal, tool_calls = [] }) => [
        text,
        refusal,
        // What the provider's own tools gave back is no output of the model.
        tool_calls.map((call) => [call.name, call.arguments]),
      ]);
      return { answer: estimateText(gatherText(answers)), reasoning: estimateText(gatherText(reasoning)) };
    }
  }
}

function estimateText(text: string): number {
  let dense = 0;
  for (let at = 0; at < text.length; at += 1) if (isDense(text.charCodeAt(at))) dense += 1;
  return Math.ceil(dense * perDense + (text.length - dense) * perLatin);
}

/** All text of a JSON value, its keys included; media in base64 are no text. Bounded in length and depth. */
function gatherText(value: unknown): string {
  const found: string[] = [];
  let left = maxChars;
  const visit = (item: unknown, depth: number): void => {
    if (left <= 0 || depth > maxDepth) return;
    if (typeof item === "string") add(isMedia(item) ? "" : item);
    else if (typeof item === "number") add(String(item));
    else if (Array.isArray(item)) for (const member of item) visit(member, depth + 1);
    else if (typeof item === "object" && item !== null)
      for (const [key, member] of Object.entries(item)) {
        add(key);
        visit(member, depth + 1);
      }
  };
  const add = (text: string): void => {
    found.push(text.slice(0, left));
    left -= text.length;
  };
  visit(value, 0);
  return found.join("");
}

/** Long text without a space that is made of base64's letters only, a `data:` URL's beginning aside. */
function isMedia(text: string): boolean {
  if (text.length < 1024) return false;
  return /^(?:data:[^,]{0,256},)?[\w+/=-]{512}/.test(text) && /^[\w+/=-]{256}$/.test(text.slice(-256));
}

/** CJK, kana, hangul, emoji, and what else is written without spaces between words (Thai, Lao, Burmese, Khmer). */
function isDense(code: number): boolean {
  if (code < 0x0e00) return false;
  const asian = (code >= 0x2e80 && code <= 0xdfff) || (code >= 0xf900 && code <= 0xfaff) || code >= 0xff00;
  return asian || code <= 0x0eff || (code >= 0x1000 && code <= 0x11ff) || (code >= 0x1780 && code <= 0x17ff);
}
