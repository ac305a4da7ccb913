import { join } from "node:path";
import { Registry } from "@prometheus-io/client";
import type { Capture } from "../domain/capture.ts";
import type { Exchange } from "../domain/exchange.ts";
import { type ExchangeSummary, summarizeExchange } from "../domain/exchange-summary.ts";
import { createFactLog, createLog } from "../lib/log.ts";
import { openLogOutput } from "../lib/log-output.ts";
import type { Settlement } from "../domain/settlement.ts";
import { createDelivery, type Delivery } from "../outbox/delivery.ts";
import type { DropReason, Outbox } from "../outbox/outbox.ts";
import { openSqliteOutbox } from "../outbox/sqlite-outbox.ts";
import type { OutboxStatus } from "../outbox/status.ts";
import { openPriceBook } from "../prices/open-price-book.ts";
import { findDialectNamed } from "../providers/named-dialects.ts";
import { openSinks } from "./open-sinks.ts";
import { logExchange } from "./exchange-log.ts";
import { createExchangeMetrics } from "./exchange-metrics.ts";
import { type CaptureBatch, readBatch } from "./capture-batch.ts";
import type { About, Answers, Question, WorkerSettings } from "./protocol.ts";
import { createExchangeReader } from "./reader.ts";
import { createRefusalFlood } from "./refusal-flood.ts";
import { registerSinkMetrics } from "./sink-metrics.ts";
import { toSettlement } from "./to-settlement.ts";
import { createTally } from "./tally.ts";
import { createRecordWriter } from "./to-record.ts";

/** All that happens with captures, off the request thread. */
export type TelemetryWork = {
  /** Makes records of a batch and calls `onDurable` as soon as they are in the outbox, before anything else is done with them. */
  readonly record: (batch: CaptureBatch, onDurable: (settled: readonly Settlement[]) => void) => void;
  /** Whether each exchange is told of, once it is recorded. */
  readonly watch: (on: boolean) => void;
  readonly countLost: (reason: DropReason, count: number) => void;
  readonly answer: <Q extends Question>(question: Q, about: About) => Promise<Answers[Q]>;
  /** Gives sinks `flushMs` to take what waits; returns how many records stay for the next start. */
  readonly close: (flushMs: number) => Promise<number>;
};

/** How often counted refusals are looked after. Milliseconds. */
const floodEveryMs = 5_000;

/** Opens the outbox and the sinks; `onEnded` gets exchanges once they are recorded, while they are watched. Throws what is wrong with them in words. */
export async function openTelemetryWork(
  { telemetry, prices: priceSettings, log: logSettings, dataDir, version }: WorkerSettings,
  onEnded: (exchanges: readonly ExchangeSummary[]) => void,
): Promise<TelemetryWork> {
  const output = openLogOutput(logSettings, { rotates: true, buffered: true });
  const log = createLog(logSettings, output);
  const exchangeLog = createFactLog(logSettings, output);
  const sinks = await openSinks(telemetry.sinks, { dataDir, version, exchangeLog: telemetry.exchangeLog });
  const outbox = openOutbox();
  const deliveries = sinks.map(({ sink, bodies, sample }) => createDelivery({ outbox, sink, bodies, sample, log }));
  const write = createRecordWriter(sinks.map(({ bodies }) => bodies));
  const { defaultSession } = telemetry;
  const prices = await openPriceBook({
    ...priceSettings,
    onFault: (err) => log.error({ err }, "the price data that was fetched can't be used; the bundled data is used"),
  });
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
  let watched = false;
  const floodTimer = setInterval(() => keep(flood.drain()), floodEveryMs);

  return {
    record(batch, onDurable) {
      const settled: Settlement[] = [];
      const exchanges = readBatch(batch).flatMap((capture) => {
        const exchange = readSafely(capture);
        if (capture.metered !== undefined) settled.push(toSettlement(capture.metered, exchange));
        return capture.anonymous && !flood.admit(exchange) ? [] : [exchange];
      });
      outbox.append(exchanges.map(write));
      onDurable(settled);
      tellOthers(exchanges);
    },
    watch: (on) => void (watched = on),
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
    outbox.append(exchanges.map(write));
    tellOthers(exchanges);
  }

  function tellOthers(exchanges: readonly Exchange[]): void {
    for (const delivery of deliveries) delivery.wake();
    if (watched && exchanges.length > 0) onEnded(exchanges.map(summarizeExchange));
    metrics.observe(exchanges);
    for (const exchange of exchanges) {
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
