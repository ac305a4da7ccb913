import type { EventBody, MockContext } from "./dialect.ts";
import type { Directives } from "./directives.ts";
import { eventSteps } from "./event-steps.ts";
import type { Ending } from "./reply.ts";
import { sleep } from "./sleep.ts";
import type { Peer } from "./websocket.ts";

/** Sends an answer's events as messages, with what the model's name asks for, and says how it ended; a `stall` lasts until the peer leaves. */
export async function sendEvents(
  peer: Peer,
  body: EventBody,
  {
    directives,
    latency,
    binary = false,
  }: { readonly directives: Directives; readonly latency: MockContext["latency"]; readonly binary?: boolean },
): Promise<Ending> {
  const send = binary ? peer.sendBinary : peer.send;
  await sleep(directives.slowMs + latency(), peer.signal);
  for (const step of eventSteps(body, { ...directives, crlf: false })) {
    if (peer.signal.aborted) return "left";
    switch (step.kind) {
      case "bytes":
        if (!(await send(String(step.bytes)))) return "left";
        break;
      case "wait":
        await sleep(step.ms, peer.signal);
        break;
      case "stall":
        await new Promise((resolve) => peer.signal.addEventListener("abort", resolve));
        return "cut";
      case "fin":
        peer.close(1011, "broken off");
        return "cut";
      case "reset":
        peer.reset();
        return "cut";
      case "flush":
        break;
    }
  }
  return peer.signal.aborted ? "left" : endingOf(directives);
}

/** How a body ended whose last byte went out: an error event in the place of an end is a break, too. */
export function endingOf({ break: broken }: Directives): Ending {
  return broken?.kind === "error-event" ? "cut" : "complete";
}
