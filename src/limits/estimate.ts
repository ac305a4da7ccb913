import { createOutputAverages, type OutputAverages } from "./output-averages.ts";
import type { RequestNote } from "./read-request.ts";

/** What a request will probably take, before anybody has counted it. LLM tokens. */
export type Estimate = {
  readonly input: number;
  readonly output: number;
  /** Whether its text was counted, and its length isn't all that is known of it. */
  readonly sampled?: boolean;
};

/** How text becomes LLM tokens; all are greater than 0. */
export type EstimationConfig = {
  /** Text of larger bodies isn't counted. */
  readonly maxSampleBytes: number;
  readonly bytesPerToken: number;
  readonly charsPerToken: number;
  /** By the provider's name, in place of `charsPerToken`. */
  readonly providerCharsPerToken: Readonly<Record<string, number>>;
};

/** What is known of a call that is estimated. */
export type EstimateSubject = {
  readonly provider: string;
  /** The dialect's name. */
  readonly dialect: string;
  readonly note: RequestNote;
  /** How long the body is, as far as that is known: 0 without one, at least 1 with one. */
  readonly knownBytes: number;
  /** Whether a model works for it. */
  readonly works: boolean;
};

/** Says what calls will take. */
export type Estimator = {
  readonly estimate: (subject: EstimateSubject) => Estimate;
  /** A model has really answered with so many LLM tokens; the model is the one that the request named. */
  readonly learn: OutputAverages["learn"];
};

/** An answer of a model that nobody has asked yet. LLM tokens. */
const firstOutput = 256;
/** No figure is larger, so that sums stay exact. */
const most = 2 ** 50;

/**
 * Creates the estimator. Text is characters over the provider's ratio, rounded up, so `limit × ratio` characters are just within
 * a limit; a body whose text wasn't counted is its bytes, without those of media, over theirs. The output is the most that the
 * request allows, or what the model usually answers with, for each choice that is asked for.
 */
export function createEstimator(
  config: EstimationConfig,
  averages: OutputAverages = createOutputAverages(),
): Estimator {
  const ratios = new Map(Object.entries(config.providerCharsPerToken));

  return { estimate, learn: averages.learn };

  function estimate(subject: EstimateSubject): Estimate {
    return {
      input: Math.min(most, countInput(subject)),
      output: Math.min(most, countOutput(subject)),
      sampled: subject.note.characters !== undefined,
    };
  }

  function countInput({ provider, note, knownBytes }: EstimateSubject): number {
    if (knownBytes === 0 && note.bytes === undefined) return 0;
    const { characters, bytes = knownBytes, tokens = 0, mediaBytes = 0 } = note;
    const text =
      characters === undefined
        ? Math.ceil((bytes - mediaBytes) / config.bytesPerToken)
        : Math.ceil(characters / (ratios.get(provider) ?? config.charsPerToken));
    return Math.max(1, text + tokens);
  }

  function countOutput({ provider, dialect, note, works }: EstimateSubject): number {
    if (!works || dialect.endsWith("-embeddings")) return 0;
    const each = note.maxOutput ?? averages.find(provider, note.model) ?? firstOutputOf(dialect);
    return Math.ceil(each * (note.choices ?? 1));
  }
}

/** Most models of images and speech aren't billed by LLM tokens, and so would never be learnt. */
function firstOutputOf(dialect: string): number {
  return dialect === "openai-media" ? 0 : firstOutput;
}
