import type { FromWorker, ToWorker } from "./protocol.ts";
import { openTelemetryWork, type TelemetryWork } from "./work.ts";

declare const self: Worker;

let work: TelemetryWork | undefined;

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => void receive(data));

async function receive(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case "open":
      return open(message);
    case "batch":
      work?.record(message, () => tell({ kind: "appended", number: message.number }));
      return;
    case "lost":
      return work?.countLost(message.reason, message.count);
    case "ask":
      return tell({ kind: "answer", id: message.id, value: await work?.answer(message.question) });
    case "close":
      return tell({ kind: "closed", pending: (await work?.close(message.flushMs)) ?? 0 });
  }
}

async function open({ settings }: Extract<ToWorker, { kind: "open" }>): Promise<void> {
  try {
    work = await openTelemetryWork(settings);
    tell({ kind: "opened" });
  } catch (error) {
    tell({ kind: "fault", message: error instanceof Error ? error.message : String(error) });
  }
}

function tell(message: FromWorker): void {
  self.postMessage(message);
}
