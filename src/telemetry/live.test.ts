import { expect, test } from "bun:test";
import type { ExchangeStart } from "../domain/exchange-summary.ts";
import { createLive } from "./live.ts";

const start = (id: string): ExchangeStart => ({
  exchange_id: id,
  trace_id: "t",
  startedAt: 0,
  method: "POST",
  path: "/v1/x",
});

function open(limits: { readonly maxListeners?: number; readonly maxWaiting?: number } = {}) {
  const watched: boolean[] = [];
  const live = createLive({ onWatched: (is) => watched.push(is), ...limits });
  return { live, watched };
}

test("it is watched from its first listener to the leaving of its last", () => {
  const { live, watched } = open();
  const [one, other] = [live.listen(), live.listen()];
  expect([live.isWatched(), watched]).toEqual([true, [true]]);
  one?.leave();
  one?.leave();
  expect(watched).toEqual([true]);
  other?.leave();
  expect([live.isWatched(), watched]).toEqual([false, [true, false]]);
  live.listen();
  expect(watched).toEqual([true, false, true]);
});

test("every listener hears what happens, in order, and nothing from before", async () => {
  const { live } = open();
  live.started(start("0"));
  const [one, other] = [live.listen(), live.listen()];
  live.started(start("1"));
  live.started(start("2"));
  for (const listener of [one, other])
    expect(await listener?.next(1000)).toEqual([
      { kind: "start", start: start("1") },
      { kind: "start", start: start("2") },
    ]);
});

test("who waits is woken by what happens, or gets nothing in time", async () => {
  const { live } = open();
  const listener = live.listen();
  expect(await listener?.next(1)).toEqual([]);
  const next = listener?.next(60_000);
  live.started(start("1"));
  expect(await next).toEqual([{ kind: "start", start: start("1") }]);
});

test("who doesn't keep up is told how much was left out", async () => {
  const { live } = open({ maxWaiting: 2 });
  const listener = live.listen();
  for (const id of ["1", "2", "3", "4", "5"]) live.started(start(id));
  const events = await listener?.next(1000);
  expect(events?.map(({ kind }) => kind)).toEqual(["start", "start", "lagging"]);
  expect(events?.at(-1)).toEqual({ kind: "lagging", dropped: 3 });
  live.started(start("6"));
  expect(await listener?.next(1000)).toEqual([{ kind: "start", start: start("6") }]);
});

test("there are so many listeners and no more, until one leaves", () => {
  const { live } = open({ maxListeners: 2 });
  const one = live.listen();
  live.listen();
  expect(live.listen()).toBeUndefined();
  one?.leave();
  expect(live.listen()).toBeDefined();
});

test("at its close who waits hears that nothing more will come", async () => {
  const { live, watched } = open();
  const listener = live.listen();
  const next = listener?.next(60_000);
  live.close();
  expect(await next).toBeUndefined();
  expect([live.listen(), watched]).toEqual([undefined, [true, false]]);
});
