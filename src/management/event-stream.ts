import type { LiveEvent, LiveListener } from "../domain/exchange-summary.ts";
import { writeStart, writeSummary } from "./exchange-schemas.ts";

/** Something is sent so often at least, so that nobody takes the connection for dead. Milliseconds. */
const heartbeatMs = 5_000;

/** Writes what a listener hears as server-sent events, as fast as they are read, until one of the two leaves. */
export function createEventStream(listener: LiveListener, signal: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let begun = false;
  let left = false;
  const leave = () => {
    left = true;
    listener.leave();
  };
  signal.addEventListener("abort", leave);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const events = begun ? await listener.next(heartbeatMs) : [];
        if (left) return;
        if (events === undefined) return controller.close();
        const text =
          events.length > 0 ? events.map(writeEvent).join("") : begun ? ": still here\n\n" : ": listening\n\n";
        begun = true;
        controller.enqueue(encoder.encode(text));
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}

function writeEvent(event: LiveEvent): string {
  switch (event.kind) {
    case "start":
      return write("start", writeStart(event.start));
    case "exchange":
      return write("exchange", writeSummary(event.exchange), event.exchange.id);
    case "lagging":
      return write("lagging", { dropped: event.dropped });
  }
}

function write(name: string, data: object, id?: string): string {
  return `event: ${name}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
