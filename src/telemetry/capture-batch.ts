import type { Capture, CaptureFacts, KeptBytes } from "../domain/capture.ts";

/** Many captures in one message: their facts as one text, their bytes in one buffer that is moved, not copied. */
export type CaptureBatch = {
  readonly kind: "batch";
  readonly number: number;
  /** JSON of `[facts, lengths]` pairs. */
  readonly facts: string;
  readonly bytes: ArrayBuffer;
};

/** A batch that is being filled. */
export type BatchWriter = {
  readonly number: number;
  /** Copies a capture; nothing of it is held any longer. */
  readonly add: (capture: Capture) => void;
  readonly count: () => number;
  /** Bytes of bodies so far. */
  readonly size: () => number;
  readonly finish: () => CaptureBatch;
};

/** Lengths of a capture's bytes: request head, tail, total and what was passed over, then the answer's. */
type Lengths = readonly [number, number, number, number, number, number, number, number];

const leastBuffer = 65_536;

/** Begins a batch, in the memory of a former one where there is such. */
export function createBatchWriter(number: number, spare?: ArrayBuffer): BatchWriter {
  let memory = new Uint8Array(spare ?? new ArrayBuffer(leastBuffer));
  let used = 0;
  const rows: string[] = [];

  return {
    number,
    add(capture) {
      const { request, response } = capture;
      // Members without a value aren't written, and it costs less to spread all than all but two.
      const facts = { ...capture, request: undefined, response: undefined };
      reserve(keptSize({ request, response }));
      const lengths: Lengths = [
        put(request.head),
        put(request.tail),
        request.total,
        request.passed ?? 0,
        put(response.head),
        put(response.tail),
        response.total,
        response.passed ?? 0,
      ];
      rows.push(JSON.stringify([facts, lengths]));
    },
    count: () => rows.length,
    size: () => used,
    finish: () => ({ kind: "batch", number, facts: `[${rows.join(",")}]`, bytes: memory.buffer }),
  };

  function reserve(size: number): void {
    if (used + size <= memory.length) return;
    const grown = new Uint8Array(Math.max(used + size, memory.length * 2));
    grown.set(memory.subarray(0, used));
    memory = grown;
  }

  function put(part: Uint8Array | undefined): number {
    if (!part) return 0;
    memory.set(part, used);
    used += part.length;
    return part.length;
  }
}

/** Unpacks a batch; its captures hold until the buffer is used again. */
export function readBatch({ facts, bytes }: CaptureBatch): readonly Capture[] {
  // It is what `createBatchWriter` wrote, in this very program.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const rows = JSON.parse(facts) as readonly [CaptureFacts, Lengths][];
  let at = 0;
  const take = (head: number, tail: number, total: number, passed: number): KeptBytes => {
    const kept = {
      head: new Uint8Array(bytes, at, head),
      total,
      ...(passed > 0 ? { passed } : {}),
      ...(tail > 0 ? { tail: new Uint8Array(bytes, at + head, tail) } : {}),
    };
    at += head + tail;
    return kept;
  };
  return rows.map(([capture, lengths]) => {
    const request = take(lengths[0], lengths[1], lengths[2], lengths[3]);
    return { ...capture, request, response: take(lengths[4], lengths[5], lengths[6], lengths[7]) };
  });
}

/** The bytes that a capture keeps of both bodies. */
export function keptSize({ request, response }: Pick<Capture, "request" | "response">): number {
  return request.head.length + (request.tail?.length ?? 0) + response.head.length + (response.tail?.length ?? 0);
}
