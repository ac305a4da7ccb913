import { join } from "node:path";
import { Registry } from "@prometheus-io/client";
import type { Capture } from "../domain/capture.ts";
import type { Exchange } from "../domain/exchange.ts";
import { createFactLog, createLog } from "../lib/log.ts";
import { openLogOutput } from "../lib/log-output.ts";
import { createDelivery, type Delivery } from "../outbox/delivery.ts";
import type { DropReason, Outbox } from "../outbox/outbox.ts";
import { openSqliteOutbox } from "../outbox/sqlite-outbox.ts";
import type { OutboxStatus } from "../outbox/status.ts";
import { createPriceBook } from "../prices/price-book.ts";
import { findDialectNamed } from "../providers/named-dialects.ts";
import { openSinks } from "./open-sinks.ts";
import { logExchange } from "./exchange-log.ts";
import { createExchangeMetrics } from "./exchange-metrics.ts";
import { type CaptureBatch, readBatch } from "./capture-batch.ts";
import type { About, Answers, Question, WorkerSettings } from "./protocol.ts";
import { createExchangeReader } from "./reader.ts";
import { createRefusalFlood } from "./refusal-flood.ts";
import { registerSinkMetrics } from "./sink-metrics.ts";
import { createTally } from "./tally.ts";
import { toRecord } from "./to-record.ts";

/** All that happens with captures, off the request thread. */
export type TelemetryWork = {
  /** Makes records of a batch and calls `onDurable` as soon as they are in the outbox, before anything else is done with them. */
  readonly record: (batch: CaptureBatch, onDurable: () => void) => void;
  readonly countLost: (reason: DropReason, count: number) => void;
  readonly answer: <Q extends Question>(question: Q, about: About) => Promise<Answers[Q]>;
  /** Gives sinks `flushMs` to take what waits; returns how many records stay for the next start. */
  readonly close: (flushMs: number) => Promise<number>;
};

/** How often counted refusals are looked after. Milliseconds. */
const floodEveryMs = 5_000;

/** Opens the outbox and the sinks; throws what is wrong with them in words. */
export async function openTelemetryWork({
  telemetry,
  log: logSettings,
  dataDir,
  version,
}: WorkerSettings): Promise<TelemetryWork> {
  const output = openLogOutput(logSettings, { rotates: true, buffered: true });
  const log = createLog(logSettings, output);
  const exchangeLog = createFactLog(logSettings, output);
  const sinks = await openSinks(telemetry.sinks, { dataDir, version });
  const outbox = openOutbox();
  const deliveries = sinks.map(({ sink, bodies, sample }) => createDelivery({ outbox, sink, bodies, sample, log }));
  const { defaultSession } = telemetry;
  const prices = createPriceBook();
  const read = createExchangeReader({
    findDialect: findDialectNamed,
    prices,
    ...(defaultSession === undefined ? {} : { defaultSession }),
  });
  const tally = createTally();
  const flood = createRefusalFlood({ perMinute: telemetry.refusalsPerMinute, now: Date.now });
  const registry = new Registry();
  const metrics = createExchangeMetrics(registry);
  registerSinkMetrics(registry, readStatus);
  const floodTimer = setInterval(() => keep(flood.drain()), floodEveryMs);

  return {
    record(batch, onDurable) {
      const exchanges = readBatch(batch).flatMap((capture) => {
        const exchange = readSafely(capture);
        return capture.anonymous && !flood.admit(exchange) ? [] : [exchange];
      });
      outbox.append(exchanges.map(toRecord));
      onDurable();
      tellOthers(exchanges);
    },
    countLost: (reason, count) => outbox.countLost(reason, count),
    answer,
    async close(flushMs) {
      clearInterval(floodTimer);
      keep(flood.drain(true));
      await Promise.all(deliveries.map((delivery) => delivery.stop(flushMs)));
      const pending = Math.max(0, ...sinks.map(({ sink }) => outbox.counts(sink.name).pending));
      await Promise.all(sinks.map(async ({ sink }) => sink.close?.()));
      outbox.close();
      output.flush();
      return pending;
    },
  };

  function openOutbox(): Outbox {
    const { backend, maxBytes, maxAgeMs, fsync } = telemetry.outbox;
    const names = sinks.map(({ sink }) => sink.name);
    const memory = backend === "memory";
    return openSqliteOutbox({
      path: join(dataDir, "outbox.db"),
      memory,
      sinks: names,
      maxBytes,
      maxAgeMs,
      fsync,
      now: Date.now,
      log,
    });
  }

  /** A reader that fails on something nobody thought of costs that exchange its contents, not its record. */
  function readSafely(capture: Capture): Exchange {
    try {
      return read(capture);
    } catch (error) {
      log.error({ err: error, exchange_id: capture.id, dialect: capture.dialect }, "an exchange could not be read");
      return read({ ...capture, dialect: undefined });
    }
  }

  function keep(exchanges: readonly Exchange[]): void {
    if (exchanges.length === 0) return;
    outbox.append(exchanges.map(toRecord));
    tellOthers(exchanges);
  }

  function tellOthers(exchanges: readonly Exchange[]): void {
    for (const delivery of deliveries) delivery.wake();
    for (const exchange of exchanges) {
      metrics.observe(exchange);
      if (defaultSession !== undefined) tally.add(exchange);
      logExchange(exchangeLog, exchange);
    }
  }

  function readStatus(): OutboxStatus {
    return { outbox: outbox.size(), sinks: deliveries.map((delivery, at) => readSinkStatus(delivery, at)) };
  }

  function readSinkStatus(delivery: Delivery, at: number) {
    const { name = "", target = "" } = sinks[at]?.sink ?? {};
    const { lastError, phase } = delivery.state();
    return {
      name,
      target,
      counts: outbox.counts(name),
      ...(lastError === undefined ? {} : { failing: lastError }),
      ...(phase === "held" ? { held: true as const } : {}),
    };
  }

  function steer(name: string | undefined, how: (delivery: Delivery) => void): boolean {
    const at = sinks.findIndex(({ sink }) => sink.name === name);
    const delivery = deliveries[at];
    if (delivery) how(delivery);
    return delivery !== undefined;
  }

  async function answer<Q extends Question>(question: Q, { sink, limit = 20 }: About): Promise<Answers[Q]> {
    const answers: { readonly [Each in Question]: () => Answers[Each] | Promise<Answers[Each]> } = {
      status: readStatus,
      metrics: () => registry.metrics(),
      metricsJson: () => registry.getMetricsAsJSON(),
      tally: () => tally.read(),
      holdSink: () => steer(sink, (delivery) => delivery.hold()),
      resumeSink: () => steer(sink, (delivery) => delivery.resume()),
      deadLetters: () => outbox.deadLetters(sink, limit),
      retryDead: () => (sinks.some((each) => each.sink.name === sink) ? outbox.retryDead(sink) : undefined),
    };
    return answers[question]();
  }
}
