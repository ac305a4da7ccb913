import { expect } from "bun:test";
import { exchangeAt, openAnswers, writeExchanges } from "../../test/exchange-answers.ts";
import { onEachDatabase } from "../../test/storage.ts";
import type { ExchangeFilter } from "./exchange-queries.ts";

const start = Date.parse("2026-03-01T12:00:00Z");
const project = "01a147d5-9f10-7000-8a55-0a7d8f8f3c21";

onEachDatabase((test, makePlace) => {
  test("the latest are listed first, page by page, each once", async () => {
    await using place = await makePlace();
    const exchanges = Array.from({ length: 25 }, (_, at) => exchangeAt(start + at));
    await writeExchanges(place, exchanges.toReversed());
    await using log = await openAnswers(place);
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const { items, next } = await log.ask({ kind: "list", filter: {}, page: { limit: 10, after } });
      seen.push(...items.map(({ id }) => id));
      after = next;
    } while (after !== undefined);
    expect(seen).toEqual(exchanges.map(({ id }) => id).toReversed());
    const third = await log.ask({
      kind: "list",
      filter: { provider: "openai", minDurationMs: 1 },
      page: { limit: 10, offset: 20 },
    });
    expect(third.items.map(({ id }) => id)).toEqual(seen.slice(20));
  });

  test("each filter finds what it says and nothing else", async () => {
    await using place = await makePlace();
    const other = exchangeAt(start);
    const one = exchangeAt(start + 60_000, {
      kind: "embedding",
      provider: "gemini",
      model: "text-embedding-004",
      project_id: project,
      token_id: "a-token",
      attribution: { user: "Ada 100%", session: "run_7" },
      trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
      path: "/v1beta/models/x:embed",
      status: 502,
      outcome: "failed",
      cause: "upstream_reset",
      cache: "hit",
      duration_ms: 2500.5,
      cost_nano_usd: "2000000000",
      streaming: true,
    });
    await writeExchanges(place, [other, one]);
    await using log = await openAnswers(place);
    const find = async (filter: ExchangeFilter) =>
      (await log.ask({ kind: "list", filter, page: { limit: 100 } })).items.map(({ id }) => id);
    const filters: readonly ExchangeFilter[] = [
      { kind: "embedding" },
      { provider: "gemini" },
      { model: "text-embedding-004" },
      { projectId: project },
      { tokenId: "a-token" },
      { user: "Ada 100%" },
      { session: "run_7" },
      { status: 502 },
      { outcome: "failed" },
      { cache: "hit" },
      { minDurationMs: 2500 },
      { minCostNanoUsd: 2_000_000_000 },
      { from: start + 1 },
      { from: start + 60_000, to: start + 60_000 },
      { search: "100%" },
      { search: "RUN_7" },
      { search: "4bf92f35" },
      { search: "v1beta" },
      { search: "reset" },
      { search: "embedding-004" },
      { projectId: project, provider: "gemini", status: 502, search: "ada", from: start + 1, to: start + 61_000 },
    ];
    for (const filter of filters) expect([filter, await find(filter)]).toEqual([filter, [one.id]]);
    const none: readonly ExchangeFilter[] = [
      { search: "run%7" },
      { search: "100_" },
      { projectId: project, provider: "openai" },
      { from: start + 60_001 },
      { to: start - 1 },
      { minCostNanoUsd: 2_000_000_001 },
      { session: "run_8" },
    ];
    for (const filter of none) expect([filter, await find(filter)]).toEqual([filter, []]);
    expect(await find({ to: start + 59_999 })).toEqual([other.id]);
    expect((await log.ask({ kind: "list", filter: { session: "run_7" }, page: { limit: 1 } })).items).toEqual([
      {
        id: one.id,
        startedAt: start + 60_000,
        kind: "embedding",
        provider: "gemini",
        model: "text-embedding-004",
        projectId: project,
        tokenId: "a-token",
        user: "Ada 100%",
        session: "run_7",
        traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
        method: "POST",
        path: "/v1beta/models/x:embed",
        status: 502,
        outcome: "failed",
        cause: "upstream_reset",
        streaming: true,
        cache: "hit",
        durationMs: 2500.5,
        firstByteMs: 40,
        inputTokens: 10,
        outputTokens: 5,
        costNanoUsd: "2000000000",
        unpriced: false,
      },
    ]);
  });

  test("an exchange is found by its id, with what was said in it apart", async () => {
    await using place = await makePlace();
    const input = {
      messages: [
        { role: "system", content: "Be kind." },
        { role: "user", content: "Hi" },
      ],
    };
    const output = { kind: "choices", choices: [{ index: 0, text: "Hello" }] } as const;
    const said = exchangeAt(start, { input, parameters: { temperature: 0 }, output });
    const bare = exchangeAt(start + 1);
    await writeExchanges(place, [said, bare]);
    await using log = await openAnswers(place);
    const { input: _, parameters: __, output: ___, ...facts } = said;
    expect(await log.ask({ kind: "find", id: said.id })).toEqual({
      facts,
      projectId: null,
      tokenId: null,
      hasBody: true,
    });
    expect(await log.ask({ kind: "body", id: said.id })).toEqual({
      input,
      parameters: { temperature: 0 },
      output,
    });
    expect(await log.ask({ kind: "find", id: bare.id })).toMatchObject({ hasBody: false });
    expect(await log.ask({ kind: "body", id: bare.id })).toEqual({});
    for (const kind of ["find", "body"] as const)
      expect(await log.ask({ kind, id: Bun.randomUUIDv7() })).toBeUndefined();
  });

  test("what is rare is looked for among so many, and then further with the cursor", async () => {
    await using place = await makePlace();
    const rare = exchangeAt(start, { path: "/v1/rare", duration_ms: 9000 });
    const many = Array.from({ length: 40 }, (_, at) => exchangeAt(start + 1 + at));
    await writeExchanges(place, [rare, ...many]);
    await using log = await openAnswers(place, { mostScanned: 16, firstScanned: 4, scanForMs: 60_000 });
    const filter = { minDurationMs: 9000 };
    const pages: (readonly string[])[] = [];
    let after: string | undefined;
    do {
      const { items, next } = await log.ask({ kind: "list", filter, page: { limit: 5, after } });
      pages.push(items.map(({ id }) => id));
      after = next;
    } while (after !== undefined);
    expect(pages).toEqual([[], [], [rare.id]]);
    await using hurried = await openAnswers(place, { firstScanned: 4, scanForMs: -1 });
    const { items, next } = await hurried.ask({ kind: "list", filter, page: { limit: 5 } });
    expect([items, next]).toEqual([[], many.at(-4)?.id]);
  });
});
