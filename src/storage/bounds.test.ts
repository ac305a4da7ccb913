import { expect } from "bun:test";
import { actor, onEachDatabase } from "../../test/storage.ts";
import type { Budget } from "../domain/budget.ts";
import { digestToken } from "./tokens.ts";

const month: Budget = { amountUsd: "25.00", period: "month", hard: true, warnAt: [50, 100] };

onEachDatabase((it, makePlace) => {
  it("a token brings its own limits and budgets, and its project's, to whoever opens it", async () => {
    await using place = await makePlace();
    const { projects, tokens } = await place.openStores();
    const project = await projects.add({ name: "p", limits: { requestsPerMinute: 5 }, budgets: [month] }, actor);
    const wanted = { projectId: project.id, limits: { concurrent: 0 }, budgets: [{ ...month, hard: false }] };
    const { text } = await tokens.add(wanted, actor);
    const access = await tokens.findAccess(digestToken(text));
    expect(access?.project).toMatchObject({ limits: { requestsPerMinute: 5 }, budgets: [month] });
    expect(access?.token).toMatchObject({ limits: { concurrent: 0 }, budgets: [{ ...month, hard: false }] });
    const bare = await projects.add({ name: "bare", limits: {}, budgets: [] }, actor);
    expect(Object.keys(bare)).not.toContain("limits");
    expect(Object.keys(bare)).not.toContain("budgets");
  });

  it("a change names single limits, and other processes hear of it", async () => {
    await using place = await makePlace();
    const { projects, tokens, audit } = await place.openStores();
    const { id } = await projects.add({ name: "p", limits: { requestsPerMinute: 5, concurrent: 2 } }, actor);
    const { token } = await tokens.add({ projectId: id, limits: { tokensPerDay: 9 }, budgets: [month] }, actor);
    const { epoch } = await tokens.changedSince(undefined);
    const changed = await projects.update(id, { limits: { concurrent: undefined, tokensPerDay: 7 } }, actor);
    expect(changed?.project.limits).toEqual({ requestsPerMinute: 5, tokensPerDay: 7 });
    expect((await projects.update(id, { limits: null, budgets: [month] }, actor))?.project).toMatchObject({
      budgets: [month],
    });
    expect((await projects.find(id))?.limits).toBeUndefined();
    const bounds = await tokens.update(token.id, { limits: { tokensPerDay: undefined }, budgets: null }, actor);
    expect([bounds?.limits, bounds?.budgets]).toEqual([undefined, undefined]);
    expect(await tokens.changedSince(epoch)).toMatchObject({ tokens: [token.id], projects: [id] });
    const [entry] = (await audit.list({}, { limit: 1 })).items;
    expect(entry).toMatchObject({ before: { limits: { tokensPerDay: 9 }, budget: [month] }, after: {} });
  });
});
