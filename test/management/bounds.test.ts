import { expect } from "bun:test";
import { createSpendStore } from "../../src/storage/spend.ts";
import { onEachDatabase } from "../storage.ts";
import {
  expectStatus,
  openStage,
  readFault,
  readProject,
  readProjects,
  readToken,
  readTokens,
  type Stage,
} from "./stage.ts";

const none = {
  requests_per_minute: null,
  tokens_per_minute: null,
  requests_per_day: null,
  tokens_per_day: null,
  concurrent: null,
};

onEachDatabase((test, makePlace) => {
  const onStage = (name: string, run: (stage: Stage) => Promise<void>) =>
    test(name, async () => {
      await using place = await makePlace();
      await using stage = await openStage(place);
      await run(stage);
      expect(stage.faults).toEqual([]);
    });
  const patchProject = async (stage: Stage, id: string, body: unknown) =>
    readProject(await expectStatus(200, stage.ask("PATCH", `/manage/projects/${id}`, body)));
  const patchToken = async (stage: Stage, id: string, body: unknown) =>
    readToken(await expectStatus(200, stage.ask("PATCH", `/manage/tokens/${id}`, body)));

  onStage(
    "a project's limits are changed one by one, its budgets as a whole, and null takes them away",
    async (stage) => {
      const id = await stage.createProject({
        limits: { requests_per_minute: 60, tokens_per_day: 0, concurrent: null },
        budget: [{ amount_usd: 25, period: "month" }],
        settings: { exchange_log: "metadata" },
      });
      const made = readProject(await expectStatus(200, stage.ask("GET", `/manage/projects/${id}`)));
      expect(made.limits).toEqual({ ...none, requests_per_minute: 60, tokens_per_day: 0 });
      expect(made.settings.exchange_log).toBe("metadata");
      expect(made.budget).toEqual([
        {
          amount_usd: "25",
          period: "month",
          hard: true,
          warn_at: [50, 80, 100],
          spent_usd: "0",
          remaining_usd: "25",
          renews_at: "2026-04-01T00:00:00.000Z",
        },
      ]);
      const changed = await patchProject(stage, id, {
        limits: { requests_per_minute: null, concurrent: 5 },
        budget: [
          { amount_usd: "0.50", period: "day", hard: false, warn_at: [] },
          { amount_usd: "9", period: "total" },
        ],
      });
      expect(changed.limits).toEqual({ ...none, tokens_per_day: 0, concurrent: 5 });
      expect(changed.budget).toMatchObject([
        { amount_usd: "0.50", period: "day", hard: false, warn_at: [], renews_at: "2026-03-02T00:00:00.000Z" },
        { period: "total", renews_at: null },
      ]);
      expect(await patchProject(stage, id, { name: "other" })).toMatchObject({
        limits: changed.limits,
        budget: changed.budget,
      });
      const cleared = await patchProject(stage, id, { limits: null, budget: null, settings: { exchange_log: null } });
      expect([cleared.limits, cleared.budget, cleared.settings.exchange_log]).toEqual([none, [], null]);
      const entry = (await stage.audit()).findLast(({ action }) => action === "project.update");
      expect(entry).toMatchObject({ before: { limits: { concurrent: 5 }, budget: [{ amountUsd: "0.50" }, {}] } });
    },
  );

  onStage("a token has limits and budgets of its own", async (stage) => {
    const project = await stage.createProject();
    const { id } = await stage.createToken(project, {
      limits: { tokens_per_minute: 1000 },
      budget: [{ amount_usd: "1.10", period: "day" }],
    });
    const made = readToken(await expectStatus(200, stage.ask("GET", `/manage/tokens/${id}`)));
    expect(made).toMatchObject({ limits: { ...none, tokens_per_minute: 1000 }, budget: [{ amount_usd: "1.10" }] });
    expect(await patchToken(stage, id, { limits: { requests_per_day: 7 } })).toMatchObject({
      limits: { ...none, tokens_per_minute: 1000, requests_per_day: 7 },
      budget: made.budget,
    });
    expect(await patchToken(stage, id, { limits: null, budget: [] })).toMatchObject({ limits: none, budget: [] });
  });

  onStage("what was spent in the period is shown with each budget, in lists too", async (stage) => {
    const id = await stage.createProject({
      budget: [
        { amount_usd: 2, period: "day" },
        { amount_usd: 1, period: "month" },
        { amount_usd: 5, period: "total" },
      ],
    });
    const token = await stage.createToken(id, { budget: [{ amount_usd: 3, period: "month" }] });
    const store = createSpendStore(stage.stores.storage, () => stage.clock.now);
    const news = { reserved: 0, keep: 0, peak: 0, needs: [], amount: 0, thresholds: [], exhausted: false };
    const [day, month] = [Date.parse("2026-03-01T00:00:00Z"), Date.parse("2026-02-01T00:00:00Z")];
    await store.sync("h", [
      { ...news, scope: "project", id, period: "day", starts: day, turn: 1, settled: 500_000_000 },
      { ...news, scope: "project", id, period: "month", starts: day, turn: 2, settled: 1_500_000_001 },
      { ...news, scope: "project", id, period: "month", starts: month, turn: 3, settled: 7 },
      { ...news, scope: "project", id, period: "total", starts: 0, turn: 4, settled: 2_000_000_000 },
      { ...news, scope: "token", id: token.id, period: "month", starts: day, turn: 5, settled: 42_100_000 },
    ]);
    const shown = [
      { spent_usd: "0.5", remaining_usd: "1.5" },
      { spent_usd: "1.500000001", remaining_usd: "0" },
      { spent_usd: "2", remaining_usd: "3" },
    ];
    const project = readProject(await expectStatus(200, stage.ask("GET", `/manage/projects/${id}`)));
    expect(project.budget).toMatchObject(shown);
    const { projects } = readProjects(await expectStatus(200, stage.ask("GET", "/manage/projects")));
    expect(projects[0]?.budget).toMatchObject(shown);
    const { tokens } = readTokens(await expectStatus(200, stage.ask("GET", "/manage/tokens")));
    expect(tokens[0]?.budget).toMatchObject([{ spent_usd: "0.0421", remaining_usd: "2.9579" }]);
    expect(readToken(await stage.ask("GET", `/manage/tokens/${token.id}`)).budget).toEqual(tokens[0]?.budget ?? []);
    stage.clock.now += 86_400_000;
    expect(readProject(await stage.ask("GET", `/manage/projects/${id}`)).budget).toMatchObject([
      { spent_usd: "0", remaining_usd: "2" },
      shown[1] ?? {},
      shown[2] ?? {},
    ]);
  });

  onStage("what bounds nothing rightly is refused by its name", async (stage) => {
    const faultOf = async (body: object) =>
      readFault(await expectStatus(400, stage.ask("POST", "/manage/projects", { name: "p", ...body }))).message;
    const budget = { amount_usd: 1, period: "day" };
    expect(await faultOf({ limits: { requests_per_minute: -1 } })).toContain(
      "limits.requests_per_minute must be 0 or more",
    );
    expect(await faultOf({ limits: { requests_per_second: 1 } })).toContain("requests_per_second");
    expect(await faultOf({ limits: { concurrent: "1_000" } })).toContain(
      "limits.concurrent must be a whole number such as 1000, without quotes",
    );
    expect(await faultOf({ limits: { concurrent: 1.5 } })).toContain("limits.concurrent must be a whole number");
    for (const amount of [0, -1, "1e3", "ten", "", 1e7, 1e-10, null])
      expect(await faultOf({ budget: [{ ...budget, amount_usd: amount }] })).toContain("amount_usd must be dollars");
    expect(await faultOf({ budget: [{ ...budget, period: "week" }] })).toContain("must be day, month or total");
    expect(await faultOf({ budget: [{ ...budget, spent_usd: "1" }] })).toContain("spent_usd");
    for (const warnAt of [
      [80, 50],
      [50, 50],
    ])
      expect(await faultOf({ budget: [{ ...budget, warn_at: warnAt }] })).toContain("must be ascending");
    expect(await faultOf({ budget: [{ ...budget, warn_at: [0] }] })).toContain("must be 1 or more");
    expect(await faultOf({ budget: [{ ...budget, warn_at: [101] }] })).toContain("must be 100 or less");
    expect(await faultOf({ budget: [budget, budget] })).toContain("budget must have one entry for each period");
    expect(await faultOf({ settings: { exchange_log: "some" } })).toContain("settings.exchange_log");
  });
});
