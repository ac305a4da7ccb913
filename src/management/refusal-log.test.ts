import { expect, test } from "bun:test";
import type { Actor, AuditEvent } from "../domain/audit.ts";
import { createRefusalLog } from "./refusal-log.ts";

const guest: Actor = { name: "anonymous", origin: "api", clientAddress: "198.51.100.1" };

function setUp(note: (actor: Actor, events: readonly AuditEvent[]) => Promise<void> = () => Promise.resolve()) {
  const clock = { now: 1_000_000 };
  const written: { readonly actor: string; readonly reason: string | undefined }[] = [];
  const faults: unknown[] = [];
  const log = createRefusalLog({
    changes: {
      note: async (actor, events) => {
        await note(actor, events);
        for (const { reason } of events) written.push({ actor: actor.name, reason });
      },
    },
    now: () => clock.now,
    onFault: (error) => faults.push(error),
    perMinute: 3,
  });
  return { log, clock, written, faults };
}

async function refuse(log: ReturnType<typeof createRefusalLog>, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) await log.add(guest, "credential_missing");
}

test("what is more than a minute's share is counted, and told in one entry in the next minute", async () => {
  const { log, clock, written } = setUp();
  await refuse(log, 8);
  const refused = { actor: "anonymous", reason: "credential_missing" };
  expect(written).toEqual([refused, refused, refused]);
  clock.now += 60_000;
  await refuse(log, 1);
  expect(written.slice(3)).toEqual([
    { actor: "system", reason: "5 more refusals within a minute were counted and not written one by one" },
    refused,
  ]);
});

test("what was counted is told at the end of its minute though nobody comes, and at the end of all", async () => {
  const { log, clock, written } = setUp();
  await refuse(log, 2);
  clock.now += 59_980;
  await refuse(log, 3);
  expect(written.length).toBe(3);
  for (const until = performance.now() + 20_000; written.length === 3 && performance.now() < until;) await Bun.sleep(5);
  expect(written.slice(3).map(({ reason }) => reason)).toEqual([expect.stringContaining("2 more refusals")]);
  await refuse(log, 4);
  await log.close();
  expect(written.at(-1)?.reason).toContain("4 more refusals");
  await log.close();
  expect(written.length).toBe(5);
});

test("it waits for the write, and an audit that fails is told to the log and fails nothing", async () => {
  const trouble = new Error("no room");
  const { log, faults } = setUp(() => Promise.reject(trouble));
  await refuse(log, 1);
  expect(faults).toEqual([trouble]);
});
