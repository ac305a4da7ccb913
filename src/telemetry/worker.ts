import type { FromWorker, ToWorker } from "./protocol.ts";
import { writeSettlements } from "./settlement-figures.ts";
import { openUsageWork } from "./usage-work.ts";
import { openTelemetryWork, type TelemetryWork } from "./work.ts";

declare const self: Worker;

const receive = createReceiver((message, transfer = []) => self.postMessage(message, transfer));
self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => void receive(data));

/** Does what the request thread says, and tells it what came of it. */
function createReceiver(
  tell: (message: FromWorker, transfer?: ArrayBuffer[]) => void,
): (message: ToWorker) => Promise<void> {
  let work: TelemetryWork | undefined;

  return async (message) => {
    switch (message.kind) {
      case "open":
        return open(message);
      case "batch":
        return work?.record(message, (settled) => {
          const { number, bytes } = message;
          const figures = writeSettlements(settled);
          tell({ kind: "appended", number, bytes, settled: figures }, [bytes, figures.buffer]);
        });
      case "watch":
        return work?.watch(message.on);
      case "lost":
        return work?.countLost(message.reason, message.count);
      case "ask":
        return tell({ kind: "answer", id: message.id, value: await work?.answer(message.question, message.about) });
      case "close":
        return tell({ kind: "closed", pending: (await work?.close(message.flushMs)) ?? 0 });
    }
  };

  async function open({ settings }: Extract<ToWorker, { kind: "open" }>): Promise<void> {
    try {
      work = settings.telemetry.enabled
        ? await openTelemetryWork(settings, (exchanges) => tell({ kind: "ended", exchanges }))
        : await openUsageWork(settings);
      tell({ kind: "opened" });
    } catch (error) {
      tell({ kind: "fault", message: error instanceof Error ? error.message : String(error) });
    }
  }
}
