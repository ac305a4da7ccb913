import type { DeliveryResult, Sink, SinkRecord } from "../sinks/sink.ts";
import type { Sleep } from "./sleep.ts";

/** A call that ignores its signal holds its batch in memory; there are never more of them. */
const mostHanging = 4;

/** Calls a sink so that it can neither throw nor hang. */
export function createCaller({ sink, sleep }: { readonly sink: Sink; readonly sleep: Sleep }) {
  const calls = new Set<Promise<DeliveryResult>>();
  let cutter = new AbortController();
  let isCut = false;

  /** What the sink answers; a throw is a refusal where a record can't be read, else a failure. */
  async function answerOf(batch: readonly SinkRecord[], signal: AbortSignal): Promise<DeliveryResult> {
    try {
      return await sink.deliver(batch, signal);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: batch.every(isReadable) ? "retry" : "refused", reason };
    }
  }

  async function cutAfter(ms: number, signal: AbortSignal): Promise<DeliveryResult> {
    await sleep(ms, signal);
    return { kind: "retry", reason: isCut ? "cut by the shutdown" : `no answer within ${ms} ms` };
  }

  return {
    async call(batch: readonly SinkRecord[]): Promise<DeliveryResult> {
      if (isCut) return { kind: "retry", reason: "cut by the shutdown" };
      if (calls.size >= mostHanging) return { kind: "retry", reason: `${calls.size} deliveries hang` };
      cutter = new AbortController();
      const call = answerOf(batch, cutter.signal).finally(() => calls.delete(call));
      calls.add(call);
      const result = await Promise.race([call, cutAfter(sink.deadlineMs, cutter.signal)]);
      cutter.abort();
      return result;
    },
    /** Ends the call that is under way, and any later one at once. */
    cut(): void {
      isCut = true;
      cutter.abort();
    },
  };
}

function isReadable(record: SinkRecord): boolean {
  try {
    return typeof record.exchange === "object";
  } catch {
    return false;
  }
}
