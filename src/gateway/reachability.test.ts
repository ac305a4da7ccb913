import { expect, test } from "bun:test";
import { createReachability } from "./reachability.ts";

const origin = "https://api.example.com";

test("the share of failed calls is that of the last minutes, and a probe is no call", () => {
  const clock = { now: 0 };
  const reachability = createReachability(() => clock.now);
  expect(reachability.find(origin)).toBeUndefined();
  reachability.answered(origin);
  reachability.failed(origin, false);
  expect(reachability.find(origin)).toEqual({ answeredAt: 0, failedAt: 0 });
  for (const status of [200, 404, 500, 529]) reachability.answered(origin, status);
  expect(reachability.find(origin)?.errorRate).toBe(0.5);
  reachability.failed(origin);
  expect(reachability.find(origin)).toMatchObject({ failedAt: 0, errorRate: 0.6 });
  clock.now = 200_000;
  reachability.answered(origin, 200);
  expect(reachability.find(origin)?.errorRate).toBe(0.5);
  clock.now = 310_000;
  expect(reachability.find(origin)?.errorRate).toBe(0);
  clock.now = 10_000_000;
  expect(reachability.find(origin)).toEqual({ answeredAt: 200_000, failedAt: 0 });
});
