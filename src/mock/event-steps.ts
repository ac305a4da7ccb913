import type { EventBody } from "./dialect.ts";
import type { Directives } from "./directives.ts";
import type { Step } from "./reply.ts";

/** A body's events as they go out, with what the model's name asks for: pace, line ends, a break, a missing end. */
export function* eventSteps({ events, error }: EventBody, directives: Directives): Generator<Step> {
  const broken = directives.break !== undefined && "afterEvents" in directives.break ? directives.break : undefined;
  const bytes = (text: string): Step => ({
    kind: "bytes",
    bytes: directives.crlf ? text.replaceAll(/\r?\n/g, "\r\n") : text,
  });
  let sent = 0;

  for (const event of events) {
    if (broken !== undefined && sent >= broken.afterEvents) break;
    if (directives.noTerminator && event.kind === "end") continue;
    if (directives.paceMs > 0 && event.kind === "content") yield { kind: "wait", ms: directives.paceMs };
    yield bytes(event.text);
    sent += 1;
  }
  if (broken?.kind === "error-event") yield bytes(error);
  else if (broken !== undefined) yield { kind: broken.kind };
}

/** A whole body as it goes out: broken off in its middle where events would break off. */
export function* wholeSteps(body: Uint8Array, directives: Directives): Generator<Step> {
  const broken = directives.break;
  if (broken === undefined || !("afterEvents" in broken) || broken.kind === "error-event") {
    yield { kind: "bytes", bytes: body };
    return;
  }
  yield { kind: "bytes", bytes: body.subarray(0, Math.floor(body.length / 2)) };
  yield { kind: broken.kind };
}

/** Resets the connection once so many bytes of the body are out. */
export async function* cutAfter(steps: Iterable<Step> | AsyncIterable<Step>, limit: number): AsyncGenerator<Step> {
  let left = limit;
  for await (const step of steps) {
    if (step.kind !== "bytes") {
      yield step;
      continue;
    }
    const bytes = typeof step.bytes === "string" ? Buffer.from(step.bytes) : step.bytes;
    yield { kind: "bytes", bytes: bytes.subarray(0, left) };
    left -= bytes.length;
    if (left <= 0) break;
  }
  yield { kind: "reset" };
}

/** Every byte as a write of its own. */
export async function* oneByOne(steps: Iterable<Step> | AsyncIterable<Step>): AsyncGenerator<Step> {
  for await (const step of steps) {
    if (step.kind !== "bytes") {
      yield step;
      continue;
    }
    for (const byte of Buffer.from(step.bytes)) {
      yield { kind: "bytes", bytes: Uint8Array.of(byte) };
      yield { kind: "flush" };
    }
  }
}
