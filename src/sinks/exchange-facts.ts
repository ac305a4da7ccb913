import type { Exchange } from "../domain/exchange.ts";

/** What went wrong with an exchange: an error, or its consumer left before the end. */
export type Failure = {
  readonly kind: "error" | "left";
  /** In words, for people. */
  readonly message: string;
  /** As one word, for counting. */
  readonly type: string;
};

/** An upstream may answer with a whole page as its message. */
const messageLength = 1_000;

/** What went wrong; `undefined` where nothing did. An upstream's own error is one, though it was passed on as it should be. */
export function failureOf({ outcome, error, cause, status }: Exchange): Failure | undefined {
  if (outcome === "answered" && error === undefined && (status ?? 0) < 400) return undefined;
  return {
    kind: outcome === "aborted" ? "left" : "error",
    message: (error?.message ?? cause ?? `HTTP ${status ?? "without a status"}`).slice(0, messageLength).toWellFormed(),
    type: cause ?? error?.code ?? error?.type ?? status?.toString() ?? outcome,
  };
}

/** Modalities first, then the consumer's own tags, each once. */
export function tagsOf({ modalities = [], attribution }: Exchange): readonly string[] {
  return [...new Set([...modalities, ...(attribution.tags ?? [])])];
}

/** Whether a body was too large to be kept whole. */
export function wasCut({ request, response }: Exchange): boolean {
  return request.dropped_bytes !== undefined || response.dropped_bytes !== undefined;
}
