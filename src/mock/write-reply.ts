import { STATUS_CODES } from "node:http";
import type { Outlet } from "./outlet.ts";
import type { Ending, Reply, Step, StepBody } from "./reply.ts";
import { sleep } from "./sleep.ts";

/** What a reply is written to. */
export type Wire = {
  readonly outlet: Outlet;
  readonly signal: AbortSignal;
  /** Closes with a FIN once everything written is out. */
  readonly end: () => void;
  readonly reset: () => void;
};

/** So long do bytes have to reach the peer before a reset, which discards what is still under way. */
const beforeResetMs = 25;
const flushBytes = 65_536;

/** Writes one reply, head and body, and says how it ended. */
export async function writeReply(wire: Wire, reply: Reply, options: { readonly headOnly: boolean }): Promise<Ending> {
  if (reply.waitMs !== undefined && reply.waitMs > 0) await sleep(reply.waitMs, wire.signal);
  if (wire.signal.aborted) return "left";
  const head = headText(reply);
  if (options.headOnly || reply.upgrade !== undefined) return (await wire.outlet.write(head)) ? "complete" : "left";
  const { body } = reply;
  if (typeof body === "string") return (await wire.outlet.write(head + body)) ? "complete" : "left";
  if (body instanceof Uint8Array) {
    return (await wire.outlet.write(Buffer.concat([Buffer.from(head), body]))) ? "complete" : "left";
  }
  return writeSteps(wire, head, body);
}

async function writeSteps(wire: Wire, head: string, body: StepBody): Promise<Ending> {
  const frame = body.length === undefined ? chunk : plain;
  const iterator =
    Symbol.asyncIterator in body.steps ? body.steps[Symbol.asyncIterator]() : body.steps[Symbol.iterator]();
  let pending: (string | Uint8Array)[] = [head];
  let size = head.length;

  try {
    while (!wire.signal.aborted) {
      const next = iterator.next();
      if (next instanceof Promise) await flush();
      const result = await next;
      if (result.done === true) {
        if (body.length === undefined) pending.push("0\r\n\r\n");
        return (await flush()) ? "complete" : "left";
      }
      const ending = await take(result.value);
      if (ending !== undefined) return ending;
    }
    return "left";
  } finally {
    await iterator.return?.();
  }

  async function take(step: Step): Promise<Ending | undefined> {
    if (step.kind === "bytes") {
      pending.push(...frame(step.bytes));
      size += step.bytes.length;
      return size < flushBytes || (await flush()) ? undefined : "left";
    }
    await flush();
    switch (step.kind) {
      case "flush":
        await new Promise(setImmediate);
        return undefined;
      case "wait":
        await sleep(step.ms, wire.signal);
        return undefined;
      case "stall":
        await new Promise((resolve) => wire.signal.addEventListener("abort", resolve));
        return "cut";
      case "reset":
        await sleep(beforeResetMs, wire.signal);
        wire.reset();
        return "cut";
      case "fin":
        wire.end();
        return "cut";
    }
  }

  async function flush(): Promise<boolean> {
    const pieces = pending;
    pending = [];
    size = 0;
    return pieces.length === 0 || wire.outlet.write(joined(pieces));
  }
}

function chunk(bytes: string | Uint8Array): readonly (string | Uint8Array)[] {
  const length = typeof bytes === "string" ? Buffer.byteLength(bytes) : bytes.length;
  return length === 0 ? [] : [`${length.toString(16)}\r\n`, bytes, "\r\n"];
}

function plain(bytes: string | Uint8Array): readonly (string | Uint8Array)[] {
  return [bytes];
}

function joined(pieces: readonly (string | Uint8Array)[]): string | Uint8Array {
  if (pieces.every((piece) => typeof piece === "string")) return pieces.join("");
  return Buffer.concat(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece)));
}

function headText(reply: Reply): string {
  let text = `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? "Unknown"}\r\n`;
  for (const [name, value] of reply.headers) text += `${name}: ${value}\r\n`;
  return `${text}${framingField(reply)}\r\n`;
}

function framingField({ status, body }: Reply): string {
  if (status === 101 || status === 204 || status === 304) return "";
  if (typeof body === "string") return `content-length: ${Buffer.byteLength(body)}\r\n`;
  if (body instanceof Uint8Array) return `content-length: ${body.length}\r\n`;
  return body.length === undefined ? "transfer-encoding: chunked\r\n" : `content-length: ${body.length}\r\n`;
}
