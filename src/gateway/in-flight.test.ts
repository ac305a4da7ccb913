import { expect, test } from "bun:test";
import { createInFlight } from "./in-flight.ts";

test("waiting ends with the last exchange, or with the deadline", async () => {
  const inFlight = createInFlight();
  expect(await inFlight.idle(1)).toBe(true);
  inFlight.begin();
  inFlight.begin();
  expect(await inFlight.idle(5)).toBe(false);
  const idle = inFlight.idle(0);
  inFlight.end();
  inFlight.end();
  expect(await idle).toBe(true);
});
