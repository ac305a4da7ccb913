import { Counter, Gauge, type Registry } from "@prometheus-io/client";
import type { OutboxStatus } from "../outbox/status.ts";

/** Registers what the outbox and the sinks are doing; read when somebody asks. */
export function registerSinkMetrics(registry: Registry, readStatus: () => OutboxStatus): void {
  const registers = [registry];
  const sinks = () => readStatus().sinks;
  new Gauge({
    name: "weir_outbox_bytes",
    help: "Size of the outbox on disk",
    registers,
    collect() {
      this.set(readStatus().outbox.bytes);
    },
  });
  new Gauge({
    name: "weir_outbox_records",
    help: "Records that some sink has not taken yet",
    registers,
    collect() {
      this.set(readStatus().outbox.records);
    },
  });
  gauge("weir_sink_pending", "Records that wait for a sink", ({ pending }) => pending);
  gauge("weir_sink_lag_seconds", "Age of the oldest record that waits for a sink", ({ lagSeconds }) => lagSeconds);
  counter("weir_sink_received_total", "Records meant for a sink", ({ received }) => received);
  counter("weir_sink_delivered_total", "Records that a sink took", ({ delivered }) => delivered);
  counter("weir_sink_rejected_total", "Records that a sink refused for good", ({ rejected }) => rejected);
  counter("weir_sink_sampled_out_total", "Records left out by sampling", ({ sampledOut }) => sampledOut);
  new Counter({
    name: "weir_sink_dropped_total",
    help: "Records lost to a sink, by reason",
    labelNames: ["sink", "reason"],
    registers,
    collect() {
      this.reset();
      for (const { name, counts } of sinks())
        for (const [reason, count] of Object.entries(counts.dropped)) this.inc({ sink: name, reason }, count);
    },
  });

  type Read = (counts: OutboxStatus["sinks"][number]["counts"]) => number;

  function gauge(name: string, help: string, read: Read): void {
    new Gauge({
      name,
      help,
      labelNames: ["sink"],
      registers,
      collect() {
        for (const sink of sinks()) this.set({ sink: sink.name }, read(sink.counts));
      },
    });
  }

  function counter(name: string, help: string, read: Read): void {
    new Counter({
      name,
      help,
      labelNames: ["sink"],
      registers,
      collect() {
        this.reset();
        for (const sink of sinks()) this.inc({ sink: sink.name }, read(sink.counts));
      },
    });
  }
}
