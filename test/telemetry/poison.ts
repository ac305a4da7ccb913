import type { ToWorker } from "../../src/telemetry/protocol.ts";

declare const self: Worker;

/** Dies of a capture that says so, before anybody else sees it. */
self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind !== "batch") return;
  if (data.facts.includes("throw-now")) throw new Error("something that nobody thought of");
  if (data.facts.includes("exit-now")) process.exit(3);
});
