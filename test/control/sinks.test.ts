import { expect, test } from "bun:test";
import { z } from "zod";
import { expectStatus, type Manage, openControl } from "./control.ts";
import { waitFor } from "../weir.ts";

const sinkList = z.object({
  sinks: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      received: z.number(),
      delivered: z.number(),
      pending: z.number(),
    }),
  ),
});

async function readFileSink(manage: Manage) {
  const { sinks } = sinkList.parse(JSON.parse(expectStatus(200, await manage("GET", "/manage/sinks")).text));
  const [sink] = sinks;
  if (sink === undefined) throw new Error("There is no sink");
  return sink;
}

test("a sink that is paused gets nothing and loses nothing, until it is resumed; both are entries of the audit", async () => {
  await using control = await openControl();
  const { manage } = control;
  const { id } = await control.createProject();
  const { token } = await control.createToken(id);
  const call = async () => expect((await control.call({ token })).answer.status).toBe(200);
  await call();
  await waitFor(
    async () => ((await readFileSink(manage)).delivered === 1 ? true : undefined),
    () => "Nothing was delivered",
  );
  expectStatus(200, await manage("POST", "/manage/sinks/file/pause"));
  for (let calls = 0; calls < 3; calls += 1) await call();
  await waitFor(async () => (await readFileSink(manage)).received === 4, "Not all was received");
  await Bun.sleep(1_500);
  expect(await readFileSink(manage)).toMatchObject({ status: "paused", received: 4, delivered: 1, pending: 3 });
  expectStatus(200, await manage("POST", "/manage/sinks/file/resume"));
  await waitFor(
    async () => ((await readFileSink(manage)).delivered === 4 ? true : undefined),
    () => "It doesn't go on",
  );
  expect(await readFileSink(manage)).toMatchObject({ status: "ok", pending: 0 });
  const audit = expectStatus(200, await manage("GET", "/manage/audit?search=sink.")).text;
  for (const action of ["sink.pause", "sink.resume"]) expect(audit).toContain(`"action":"${action}"`);
}, 60_000);

test("there are no dead letters where nothing was refused, and an unknown sink is not found", async () => {
  await using control = await openControl();
  const { manage } = control;
  expect(JSON.parse(expectStatus(200, await manage("GET", "/manage/dead-letters")).text)).toEqual({
    "dead-letters": [],
    next_cursor: null,
  });
  expect(JSON.parse(expectStatus(200, await manage("POST", "/manage/sinks/file/replay")).text)).toEqual({
    replayed: 0,
  });
  for (const action of ["pause", "resume", "replay"])
    expectStatus(404, await manage("POST", `/manage/sinks/nowhere/${action}`));
}, 60_000);

test("where telemetry is off there is nothing to steer, and it is said", async () => {
  await using control = await openControl({ env: { TELEMETRY: "off" } });
  expect(expectStatus(503, await control.manage("GET", "/manage/sinks")).text).toContain("telemetry_unavailable");
}, 60_000);
