import { expect, test } from "bun:test";
import { createUnderWay } from "./under-way.ts";

const request = new Request("http://127.0.0.1/");
const connection = { hold: () => {}, rest: () => {} };

test("waiting ends with the last exchange, or with the deadline", async () => {
  const underWay = createUnderWay({ elapsed: () => performance.now(), connection });
  expect(await underWay.idle(1)).toBe(true);
  const [first, second] = [underWay.begin(request), underWay.begin(request)];
  expect(await underWay.idle(5)).toBe(false);
  const idle = underWay.idle(0);
  underWay.end(first);
  underWay.end(first);
  underWay.end(second);
  expect(await idle).toBe(true);
});

test("a deadline that passes is told once, and one that was moved is not", async () => {
  let now = 0;
  const over: string[] = [];
  const underWay = createUnderWay({ elapsed: () => now, connection });
  const [late, moved] = [underWay.begin(request), underWay.begin(request)];
  Object.assign(late, { deadline: 100, onOver: () => over.push("late") });
  Object.assign(moved, { deadline: 100, onOver: () => over.push("moved") });
  moved.deadline = 1000;
  now = 100;
  await until(() => over.length > 0);
  now = 999;
  await Bun.sleep(80);
  expect(over).toEqual(["late"]);
  underWay.end(late);
  underWay.end(moved);
});

test("the connection of a long exchange is held, and rests again after it", async () => {
  let now = 0;
  const seen: string[] = [];
  const underWay = createUnderWay({
    elapsed: () => now,
    connection: { hold: () => seen.push("hold"), rest: () => seen.push("rest") },
  });
  const [long, short] = [underWay.begin(request), underWay.begin(request)];
  underWay.end(short);
  now = 30_000;
  await until(() => seen.length > 0);
  underWay.end(long);
  expect(seen).toEqual(["hold", "rest"]);
});

test("at the operator's deadline everything that is left is told", () => {
  const underWay = createUnderWay({ elapsed: () => 0, connection });
  const watch = underWay.begin(request);
  let why: string | undefined;
  watch.onOver = (reason) => {
    why = reason;
  };
  underWay.stopAll();
  expect(why).toBe("shutdown");
  underWay.end(watch);
});

test("exchanges end in any order, and those that are left are still watched", () => {
  const underWay = createUnderWay({ elapsed: () => 0, connection });
  const stopped: number[] = [];
  const watches = Array.from({ length: 50 }, (_, at) => {
    const watch = underWay.begin(request);
    watch.onOver = () => stopped.push(at);
    return watch;
  });
  for (const at of [0, 49, 25, 25, 48, 1, 7]) underWay.end(watches[at] ?? underWay.begin(request));
  expect(underWay.count()).toBe(44);
  underWay.stopAll();
  expect(stopped.toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 50 }, (_, at) => at).filter((at) => ![0, 49, 25, 48, 1, 7].includes(at)),
  );
  for (const watch of watches) underWay.end(watch);
  expect(underWay.count()).toBe(0);
});

/** Waits for the watching clock to have ticked. */
async function until(isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 20_000; !isSo() && performance.now() < end;) await Bun.sleep(5);
}
