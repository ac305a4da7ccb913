import { expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import type { Request } from "./client.ts";
import { openWire, type Wire } from "./wire.ts";

const secrets = { bearer: "canary-bearer-9Rt", query: "canary-query-8Es", body: "canary-body-7Wd" };

const call: Request = {
  method: "POST",
  target: `/v1/responses?key=${secrets.query}&include=usage&key=${secrets.query}`,
  headers: [
    ["content-type", "application/json"],
    ["authorization", `Bearer ${secrets.bearer}`],
  ],
  body: `{"model":"gpt-4o","input":"${secrets.body}"}`,
};

/** The lines of the log so far that say this. */
function linesOf({ weir }: Wire, phrase: string): readonly Readonly<Record<string, unknown>>[] {
  const lines = weir.lines.map((line): Readonly<Record<string, unknown>> => JSON.parse(line));
  return lines.filter(({ msg }) => msg === phrase);
}

test("LOG_LEVEL=debug writes a line when an exchange begins, with its ids, without its query keys", async () => {
  await using wire = await openWire({ env: { LOG_LEVEL: "debug" } });
  const provider = Promise.withResolvers<void>();
  const running = wire.open(call, async (seen) => {
    await provider.promise;
    seen.answer();
  });
  const line = await waitFor(() => linesOf(wire, "exchange began")[0], "No line though it has begun");
  expect(linesOf(wire, "exchange")).toEqual([]);
  provider.resolve();
  const answer = await running.answer;
  running.leave();
  expect(line).toEqual({
    level: "debug",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    method: "POST",
    path: "/v1/responses?key=***&include=usage&key=***",
    exchange_id: answer.header("x-weir-exchange-id"),
    trace_id: answer.header("x-weir-trace-id"),
    msg: "exchange began",
  });

  const refused = await wire.exchange({ target: `/nope?key=${secrets.query}` });
  await waitFor(() => linesOf(wire, "exchange")[1], "Not both have their line at the end");
  expect(linesOf(wire, "exchange began").map(({ path }) => path)).toEqual([
    "/v1/responses?key=***&include=usage&key=***",
    "/nope?key=***",
  ]);
  expect(linesOf(wire, "exchange began")[1]?.["exchange_id"]).toBe(refused.answer.header("x-weir-exchange-id"));
  for (const secret of Object.values(secrets)) expect(wire.weir.output()).not.toContain(secret);
});

test("at LOG_LEVEL=info an exchange has one line, at its end", async () => {
  await using wire = await openWire({ env: { LOG_LEVEL: "info" } });
  await wire.exchange(call);
  await waitFor(() => linesOf(wire, "exchange")[0], "No line though it has ended");
  await wire.weir.stop();
  expect(linesOf(wire, "exchange")).toHaveLength(1);
  expect(linesOf(wire, "exchange began")).toEqual([]);
});
