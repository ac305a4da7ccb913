import type { Answer } from "./dialect.ts";
import { readDirectives } from "./directives.ts";
import type { Directives } from "./directives.ts";
import { encodeSteps, encodeWhole } from "./encode-steps.ts";
import { cutAfter, eventSteps, oneByOne, wholeSteps } from "./event-steps.ts";
import type { Header } from "./http1.ts";
import type { Reply, Steps } from "./reply.ts";

const untouched = readDirectives("");

/** Makes of an answer what goes over the wire, with what the model's name asks for. */
export function toReply({ status, headers, body, directives = untouched, upgrade }: Answer): Reply {
  const plain = { status, headers, upgrade, waitMs: directives.slowMs };
  const { encoding } = directives;
  if (typeof body !== "string" && !(body instanceof Uint8Array)) {
    const events = eventSteps(body, directives);
    const steps = breakBytes(encoding === undefined ? events : encodeSteps(events, encoding), directives);
    return { ...plain, headers: withEncoding(headers, directives), body: { steps } };
  }
  if (!touchesBytes(directives)) return { ...plain, body };
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const encoded = encoding === undefined ? bytes : encodeWhole(bytes, encoding);
  const steps = breakBytes(wholeSteps(encoded, directives), directives);
  return { ...plain, headers: withEncoding(headers, directives), body: { steps, length: encoded.length } };
}

function touchesBytes({ encoding, oneByte, break: broken }: Directives): boolean {
  return encoding !== undefined || oneByte || broken !== undefined;
}

function breakBytes(steps: Steps, { break: broken, oneByte }: Directives): Steps {
  const cut = broken !== undefined && "afterBytes" in broken ? cutAfter(steps, broken.afterBytes) : steps;
  return oneByte ? oneByOne(cut) : cut;
}

function withEncoding(headers: readonly Header[], { encoding }: Directives): readonly Header[] {
  return encoding === undefined ? headers : [...headers, ["content-encoding", encoding]];
}
