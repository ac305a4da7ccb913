import { describe, expect, test } from "bun:test";
import { z } from "zod";
import type { LiveListener } from "../../src/domain/exchange-summary.ts";
import { exchangeBodySchema, exchangeListSchema } from "../../src/management/exchange-schemas.ts";
import { createLive } from "../../src/telemetry/live.ts";
import { exchangeAt, openAnswers, writeExchanges } from "../exchange-answers.ts";
import { makeSqlitePlace, onEachDatabase, type Place } from "../storage.ts";
import { waitFor } from "../weir.ts";
import { type Answer, expectStatus, faultOf, managementToken, openStage, readFault, readIds } from "./stage.ts";

const start = Date.parse("2026-03-01T10:00:00Z");
const project = "01a147d5-9f10-7000-8a55-0a7d8f8f3c21";

const readExchanges = ({ json }: Answer) => exchangeListSchema.strict().parse(json);
const usageSchema = z.strictObject({
  usage: z.array(z.record(z.string(), z.unknown())),
  start_time: z.string(),
  end_time: z.string(),
  next_cursor: z.null(),
});
const readUsage = ({ json }: Answer) => usageSchema.parse(json);

/** A stage whose log holds these two. */
async function fill(place: Place) {
  const plain = exchangeAt(start, { model: "o3", cost_nano_usd: "2000000000" });
  const said = exchangeAt(start + 60_000, {
    project_id: project,
    token_id: "a-token",
    input: { messages: [{ role: "user", content: "What is a weir?" }] },
    parameters: { temperature: 0 },
    output: { kind: "text", text: "A small dam." },
    cost_nano_usd: "130000",
    attribution: { user: "=cmd|'/c calc'!A1", session: "run, 7" },
  });
  await writeExchanges(place, [plain, said]);
  return { plain, said };
}

onEachDatabase((databaseTest, makePlace) => {
  databaseTest("exchanges are listed, found and read, and who reads what was said is in the audit", async () => {
    await using place = await makePlace();
    const { plain, said } = await fill(place);
    await using stage = await openStage(place);
    const { exchanges, next_cursor: next } = readExchanges(await stage.ask("GET", "/manage/exchanges?limit=1"));
    expect(exchanges).toMatchObject([
      {
        id: said.id,
        started_at: "2026-03-01T10:01:00.000Z",
        cost_usd: "0.00013",
        cost_nano_usd: "130000",
        user: "=cmd|'/c calc'!A1",
      },
    ]);
    const rest = readExchanges(await stage.ask("GET", `/manage/exchanges?limit=1&cursor=${next}`));
    expect([rest.exchanges.map(({ id }) => id), rest.next_cursor]).toEqual([[plain.id], null]);
    const find = async (query: string) => readIds(await stage.ask("GET", `/manage/exchanges?format=array&${query}`));
    expect(
      await find(`project_id=${project}&token_id=a-token&user=${encodeURIComponent("=cmd|'/c calc'!A1")}`),
    ).toEqual([said.id]);
    expect(await find("min_cost=1.5")).toEqual([plain.id]);
    expect(await find("status=200&model=o3&provider=openai&outcome=answered&kind=generation")).toEqual([plain.id]);
    expect(
      await find("start_time=2026-03-01T10:00:30Z&end_time=2026-03-01T10:01:00Z&min_latency=1&session=run,+7"),
    ).toEqual([said.id]);
    expect(await find("search=run")).toEqual([said.id]);
    expect(await find("search=weir")).toEqual([]);
    expect(await find("page=2&page_size=1")).toEqual([plain.id]);

    const { input, parameters, output, ...facts } = said;
    const one = await expectStatus(200, stage.ask("GET", `/manage/exchanges/${said.id.toUpperCase()}`));
    expect(one.json).toEqual({ ...facts, cost_usd: "0.00013", body_kept: true });
    expect(await stage.audit()).toEqual([]);
    const body = await expectStatus(200, stage.ask("GET", `/manage/exchanges/${said.id}/body`));
    expect(exchangeBodySchema.strict().parse(body.json)).toEqual({ id: said.id, input, parameters, output });
    expect((await stage.ask("GET", `/manage/exchanges/${plain.id}/body`)).json).toEqual({ id: plain.id });
    expect(await stage.audit()).toMatchObject([
      {
        action: "exchange.read",
        outcome: "success",
        projectId: project,
        tokenId: "a-token",
        actor: { path: `/manage/exchanges/${said.id}/body` },
      },
      { action: "exchange.read", actor: { path: `/manage/exchanges/${plain.id}/body` } },
    ]);
    for (const id of ["x", crypto.randomUUID()])
      for (const path of [id, `${id}/body`])
        expect(await faultOf(stage.ask("GET", `/manage/exchanges/${path}`))).toBe("404 exchange_not_found");
    expect(stage.faults).toEqual([]);
  });

  databaseTest("usage is summed up by what is asked for, as JSON and as CSV", async () => {
    await using place = await makePlace();
    await fill(place);
    await using stage = await openStage(place);
    const all = readUsage(await stage.ask("GET", "/manage/usage"));
    expect([all.start_time, all.end_time]).toEqual(["2026-01-30T12:00:00.000Z", "2026-03-01T12:00:00.000Z"]);
    expect(all.usage).toMatchObject([
      {
        requests: 2,
        errors: 0,
        usage: { input: 20, output: 10 },
        cost_usd: "2.00013",
        cost_nano_usd: "2000130000",
        saved_usd: "0",
        latency_ms: { p50: expect.any(Number) },
        first_byte_ms: { p99: expect.any(Number) },
      },
    ]);
    const by = readUsage(await stage.ask("GET", "/manage/usage?group_by=hour,day,model,project,status&model=o3"));
    expect(by.usage).toMatchObject([
      {
        hour: "2026-03-01T10:00:00.000Z",
        day: "2026-03-01",
        model: "o3",
        project_id: null,
        status: 200,
        cost_usd: "2",
      },
    ]);
    const csv = await stage.ask("GET", "/manage/usage?group_by=user", undefined, {
      headers: { accept: "text/csv;q=0.9, */*" },
    });
    expect(csv.headers.get("content-type")).toStartWith("text/csv");
    const [head, first, second, end] = csv.text.split("\r\n");
    expect(head).toStartWith("user,requests,errors,cache_hits,unpriced,input,");
    expect(first).toStartWith(",1,0,0,0,10,");
    expect(first).toContain(",2,2000000000,0,0,");
    expect(second).toStartWith("'=cmd|'/c calc'!A1,1,0,");
    expect(end).toBe("");
    expect(head?.split(",").length).toBe(first?.split(",").length);
  });
});

test("usage by project tells what each is called", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const { json } = await expectStatus(201, stage.ask("POST", "/manage/projects", { name: "search" }));
  const { id } = z.object({ id: z.string() }).parse(json);
  await writeExchanges(place, [
    exchangeAt(start, { project_id: id }),
    exchangeAt(start, { project_id: project }),
    exchangeAt(start, {}),
  ]);
  const { usage } = readUsage(await stage.ask("GET", "/manage/usage?group_by=project,model"));
  const named = new Map(usage.map((sums) => [sums["project_id"], sums["project_name"]]));
  expect(named).toEqual(
    new Map([
      [id, "search"],
      [project, null],
      [null, null],
    ]),
  );
  const csv = await stage.ask("GET", "/manage/usage?group_by=project,model", undefined, {
    headers: { accept: "text/csv" },
  });
  expect(csv.text).toStartWith("project_id,project_name,model,requests,");
  expect(csv.text).toContain(`${id},search,gpt-4o-mini,1,`);
  expect(readUsage(await stage.ask("GET", "/manage/usage?group_by=model")).usage[0]).not.toHaveProperty("project_name");
});

test("what can't be asked is refused with what is wrong", async () => {
  await using place = await makeSqlitePlace();
  await using stage = await openStage(place);
  const refused = [
    "exchanges?status=ok",
    "exchanges?status=99",
    "exchanges?min_cost=cheap",
    "exchanges?min_cost=-1",
    "exchanges?min_latency=fast",
    "exchanges?start_time=yesterday",
    "exchanges?page=200&limit=100",
    "exchanges?cursor=x",
    "exchanges?stray=1",
    "usage?group_by=colour",
    "usage?group_by=model,,user",
    "usage?limit=3",
    "usage?start_time=2026-03-01T00:00:00Z&end_time=2026-02-01T00:00:00Z",
    "usage?start_time=2999-01-01T00:00:00Z",
    "exchanges?start_time=2026-03-01T00:00:00Z&end_time=2026-02-01T00:00:00Z",
    "audit?start_time=2026-03-01T00:00:00Z&end_time=2026-02-01T00:00:00Z",
  ];
  for (const path of refused)
    expect([path, await faultOf(stage.ask("GET", `/manage/${path}`))]).toEqual([path, "400 query_invalid"]);
  expect(readFault(await stage.ask("GET", "/manage/usage?group_by=colour")).message).toContain("project, token, model");
});

describe("without a log", () => {
  const paths = ["exchanges", `exchanges/${crypto.randomUUID()}`, `exchanges/${crypto.randomUUID()}/body`];

  test("it is said why nothing is there", async () => {
    await using place = await makeSqlitePlace();
    await using stage = await openStage(place, { exchanges: { findLog: () => undefined } });
    for (const path of [...paths, "usage"])
      expect([path, await faultOf(stage.ask("GET", `/manage/${path}`))]).toEqual([path, "503 exchange_log_off"]);
    expect(await faultOf(stage.ask("GET", "/manage/exchanges/live"))).toBe("503 telemetry_unavailable");
  });

  test("sums alone are usage, and no exchanges", async () => {
    await using place = await makeSqlitePlace();
    await fill(place);
    await using log = await openAnswers(place);
    await using stage = await openStage(place, { exchanges: { findLog: () => ({ ask: log.ask, keepsRows: false }) } });
    for (const path of paths) expect(await faultOf(stage.ask("GET", `/manage/${path}`))).toBe("503 exchange_log_off");
    expect((await stage.ask("GET", "/manage/usage")).status).toBe(200);
  });
});

describe("live", () => {
  /** A real server, since a client that leaves is what matters. */
  async function serve(listen: () => LiveListener | undefined) {
    const place = await makeSqlitePlace();
    const stage = await openStage(place, { exchanges: { findLog: () => undefined, listen } });
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => stage.fetch(request) });
    const watch = (signal?: AbortSignal, method = "GET") =>
      fetch(`http://127.0.0.1:${server.port}/manage/exchanges/live`, {
        method,
        headers: { authorization: `Bearer ${managementToken}` },
        ...(signal ? { signal } : {}),
      });
    return {
      watch,
      async [Symbol.asyncDispose]() {
        await server.stop(true);
        await stage[Symbol.asyncDispose]();
        await place[Symbol.asyncDispose]();
      },
    };
  }

  test("what happens is told as it happens, until the client leaves", async () => {
    const watched: boolean[] = [];
    const live = createLive({ onWatched: (is) => watched.push(is) });
    await using server = await serve(live.listen);
    const leaving = new AbortController();
    const answer = await server.watch(leaving.signal);
    expect([answer.status, answer.headers.get("content-type"), answer.headers.get("cache-control")]).toEqual([
      200,
      "text/event-stream",
      "no-store",
    ]);
    let text = "";
    const reading = (async () => {
      for await (const part of answer.body ?? []) text += new TextDecoder().decode(part);
    })().catch(() => {});
    await waitFor(() => text === ": listening\n\n", "Nothing is heard");
    live.started({ exchange_id: "an-id", trace_id: "t", startedAt: start, method: "POST", path: "/v1/x" });
    live.ended([]);
    await waitFor(() => text.includes("event: start"), "The start isn't told");
    expect(text).toEndWith(
      'event: start\ndata: {"id":"an-id","trace_id":"t","started_at":"2026-03-01T10:00:00.000Z","method":"POST","path":"/v1/x"}\n\n',
    );
    leaving.abort();
    await reading;
    await waitFor(() => !live.isWatched(), "It listens on");
    expect(watched).toEqual([true, false]);
  });

  test("who asks for the head alone listens to nothing, and too many are refused", async () => {
    const live = createLive({ onWatched: () => {}, maxListeners: 1 });
    await using server = await serve(live.listen);
    expect((await server.watch(undefined, "HEAD")).status).toBe(200);
    expect(live.isWatched()).toBe(false);
    live.listen();
    const answer = await server.watch();
    expect([answer.status, answer.headers.get("x-weir-error"), answer.headers.get("retry-after")]).toEqual([
      503,
      "listeners_exceeded",
      "5",
    ]);
  });

  test("its end is the end of the answer", async () => {
    const live = createLive({ onWatched: () => {} });
    await using server = await serve(live.listen);
    const answer = await server.watch();
    const text = answer.text();
    await waitFor(() => live.isWatched(), "Nobody listens");
    live.close();
    expect(await text).toBe(": listening\n\n");
  });
});
