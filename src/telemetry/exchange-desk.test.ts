import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { logOf, exchangeAt, writeExchanges } from "../../test/exchange-answers.ts";
import { faultOf, makeSqlitePlace, onEachDatabase } from "../../test/storage.ts";
import { waitFor } from "../../test/weir.ts";
import { findFile, setExchangesAside } from "../storage/exchange-aside.ts";
import { type ExchangeDeskParts, openExchangeDesk } from "./exchange-desk.ts";

const start = Date.parse("2026-03-01T12:00:00Z");
const everything = { kind: "list", filter: {}, page: { limit: 100 } } as const;

/** Threads as the program starts them, counted. */
function countThreads(file = new URL("exchange-desk-worker.ts", import.meta.url).href) {
  const workers: Worker[] = [];
  let ended = 0;
  const createWorker = () => {
    const worker = new Worker(file);
    worker.addEventListener("close", () => (ended += 1));
    workers.push(worker);
    return worker;
  };
  return { workers, createWorker, ended: () => ended };
}

function open(parts: ExchangeDeskParts) {
  const desk = openExchangeDesk(parts);
  return { ...desk, [Symbol.dispose]: () => desk.close() };
}

onEachDatabase((databaseTest, makePlace) => {
  databaseTest("questions are answered from another thread, which starts with the first of them", async () => {
    await using place = await makePlace();
    const exchanges = [0, 1, 2].map((at) => exchangeAt(start + at));
    await writeExchanges(place, exchanges);
    const { workers, createWorker } = countThreads();
    using desk = open({ settings: logOf(place), createWorker });
    expect(workers.length).toBe(0);
    const [list, facts, nothing, usage] = await Promise.all([
      desk.ask(everything),
      desk.ask({ kind: "find", id: exchanges[1]?.id ?? "" }),
      desk.ask({ kind: "body", id: Bun.randomUUIDv7() }),
      desk.ask({ kind: "usage", query: { from: start, to: start + 1, groupBy: [] } }),
    ]);
    expect(list.items.map(({ id }) => id)).toEqual(exchanges.map(({ id }) => id).toReversed());
    expect(facts?.facts).toEqual({ ...exchanges[1] });
    expect(nothing).toBeUndefined();
    expect(usage).toMatchObject({ groups: [{ requests: 3 }] });
    expect(workers.length).toBe(1);
    await writeExchanges(place, [exchangeAt(start + 3)]);
    expect((await desk.ask(everything)).items.length).toBe(4);
  });
});

onEachDatabase((databaseTest, makePlace) => {
  databaseTest("a log that nobody has written to yet is empty", async () => {
    await using place = await makePlace();
    using desk = open({ settings: logOf(place), createWorker: countThreads().createWorker });
    expect((await desk.ask(everything)).items).toEqual([]);
    await writeExchanges(place, [exchangeAt(start)]);
    expect((await desk.ask(everything)).items.length).toBe(1);
  });
});

test("what was written is in the file itself once the log is closed, so that it can be copied", async () => {
  await using place = await makeSqlitePlace();
  await writeExchanges(place, [exchangeAt(start)]);
  // It is there, empty, until what used it is collected.
  expect(statSync(join(place.folder, "exchanges.db-wal"), { throwIfNoEntry: false })?.size ?? 0).toBe(0);
});

test("what lies in the place of a log that was set aside is read from then on", async () => {
  await using place = await makeSqlitePlace();
  await writeExchanges(place, [exchangeAt(start), exchangeAt(start + 1)]);
  const settings = logOf(place);
  if (settings.driver !== "sqlite") throw new Error("It is no file");
  using desk = open({ settings, createWorker: countThreads().createWorker });
  expect((await desk.ask(everything)).items.length).toBe(2);
  await setExchangesAside(settings.path, findFile(settings.path), start);
  expect((await desk.ask(everything)).items).toEqual([]);
  await writeExchanges(place, [exchangeAt(start + 2)]);
  expect((await desk.ask(everything)).items.length).toBe(1);
});

test("a thread that nobody asks ends, and the next question starts another", async () => {
  await using place = await makeSqlitePlace();
  await writeExchanges(place, [exchangeAt(start)]);
  const { workers, createWorker, ended } = countThreads();
  using desk = open({ settings: logOf(place), createWorker, idleMs: 20 });
  await desk.ask(everything);
  await waitFor(() => ended() === 1, "The thread stays");
  expect((await desk.ask(everything)).items.length).toBe(1);
  expect(workers.length).toBe(2);
});

test("so many questions wait and no more", async () => {
  await using place = await makeSqlitePlace();
  await writeExchanges(place, [exchangeAt(start)]);
  using desk = open({ settings: logOf(place), createWorker: countThreads().createWorker, maxWaiting: 3 });
  const asked = [1, 2, 3, 4].map(() => desk.ask(everything));
  expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
    "fulfilled",
    "fulfilled",
    "fulfilled",
    "rejected",
  ]);
  expect(await faultOf(Promise.all(asked))).toContain("Too much is asked");
  expect((await desk.ask(everything)).items.length).toBe(1);
});

test("an answer that takes too long is given up with its thread, and the questions behind it are asked anew", async () => {
  await using place = await makeSqlitePlace();
  await writeExchanges(place, [exchangeAt(start)]);
  const real = countThreads();
  const silent = countThreads(new URL("../../test/telemetry/silent-worker.ts", import.meta.url).href);
  const desk = openExchangeDesk({
    settings: logOf(place),
    createWorker: () => (silent.workers.length === 0 ? silent.createWorker() : real.createWorker()),
    answerWithinMs: 4000,
  });
  const first = faultOf(desk.ask(everything));
  // So long the other thread has then to start and to answer.
  await Bun.sleep(3000);
  const second = desk.ask(everything);
  expect(await first).toContain("took too long");
  expect((await second).items.length).toBe(1);
  await waitFor(() => silent.ended() === 1, "The silent thread stays");
  desk.close();
});

test("a database that can't be opened is a fault that says so, and no end of the desk", async () => {
  await using place = await makeSqlitePlace();
  const { workers, createWorker } = countThreads();
  const inTheWay = join(place.folder, "log");
  await Bun.write(inTheWay, "");
  using desk = open({ settings: { driver: "sqlite", path: join(inTheWay, "exchanges.db") }, createWorker });
  expect(await faultOf(desk.ask(everything))).toContain("database doesn't answer");
  await rm(inTheWay);
  expect((await desk.ask(everything)).items).toEqual([]);
  expect(workers.length).toBe(1);
});

test("a thread that dies is a fault of its question alone", async () => {
  await using place = await makeSqlitePlace();
  await writeExchanges(place, [exchangeAt(start)]);
  const { workers, createWorker } = countThreads();
  using desk = open({ settings: logOf(place), createWorker });
  const asked = [desk.ask(everything), desk.ask(everything)];
  workers[0]?.terminate();
  expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  desk.close();
  expect(await faultOf(desk.ask(everything))).toContain("stopping");
});
