import { expect } from "bun:test";
import { crc32 } from "node:zlib";
import { actor, faultOf, onEachDatabase, type Stores } from "../../test/storage.ts";
import { isTokenText } from "../domain/token.ts";
import { digestToken, ProjectInactive, ProjectUnknown } from "./tokens.ts";

const projectOf = async ({ projects }: Stores, name = "p") =>
  (await projects.add({ name, keys: { openai: "sk-1" } }, actor)).id;

const access = ({ tokens }: Stores, text: string) => tokens.findAccess(digestToken(text));

function times<T>(count: number, work: (at: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, at) => work(at)));
}

onEachDatabase((it, makePlace) => {
  it("a token comes back as it was made, its text this once, and opens its project", async () => {
    await using place = await makePlace();
    const stores = await place.openStores({ now: () => 1_700_000_000_123 });
    const projectId = await projectOf(stores);
    const wanted = {
      projectId,
      name: "ci",
      expiresAt: 1_800_000_000_456,
      maxRequests: 5,
      userId: "u-1",
      allowedModels: ["gpt-*", "o3"],
      metadata: { for: "tests" },
    };
    const { token, text } = await stores.tokens.add(wanted, actor);
    expect(isTokenText(text, crc32)).toBe(true);
    expect(token).toEqual({
      ...wanted,
      id: token.id,
      shown: `sk-weir-...${text.slice(-4)}`,
      isActive: true,
      createdAt: 1_700_000_000_123,
      updatedAt: 1_700_000_000_123,
      requestCount: 0,
      cacheHitCount: 0,
    });
    expect(await stores.tokens.find(token.id)).toEqual(token);
    const found = await access(stores, text);
    expect(found?.token).toEqual(token);
    expect(found?.project).toMatchObject({ id: projectId, name: "p" });
    expect([...(found?.keys ?? [])]).toEqual([["openai", "sk-1"]]);
    expect(await access(stores, `${text}x`)).toBeUndefined();
    const rows = await stores.storage.db.selectFrom("tokens").selectAll().execute();
    expect(JSON.stringify([rows, await stores.audit.after(0, 9)])).not.toContain(text.slice(8, 40));
    expect(rows[0]?.hash).not.toBe(digestToken(text));
    const bare = await stores.tokens.add({ projectId }, actor);
    expect(Object.keys(bare.token).toSorted()).toEqual([
      "cacheHitCount",
      "createdAt",
      "id",
      "isActive",
      "metadata",
      "projectId",
      "requestCount",
      "shown",
      "updatedAt",
    ]);
  });

  it("an unknown and an inactive project get no tokens, and nothing of it stays", async () => {
    await using place = await makePlace();
    const { projects, tokens, audit } = await place.openStores();
    const { id } = await projects.add({ name: "asleep", isActive: false }, actor);
    const failures = await Promise.allSettled([
      tokens.add({ projectId: id }, actor),
      tokens.add({ projectId: Bun.randomUUIDv7() }, actor),
    ]);
    const reasons = failures.map((failure) => failure.status === "rejected" && failure.reason);
    expect(reasons[0]).toBeInstanceOf(ProjectInactive);
    expect(reasons[1]).toBeInstanceOf(ProjectUnknown);
    expect((await tokens.list({}, { limit: 9 })).items).toEqual([]);
    expect(await audit.after(1, 9)).toEqual([]);
  });

  it("of 50 calls at once over two connections, a token for 10 lets exactly 10 through", async () => {
    await using place = await makePlace();
    const [one, other] = [await place.openStores(), await place.openStores()];
    const { token } = await one.tokens.add({ projectId: await projectOf(one), maxRequests: 10 }, actor);
    const spent = await times(50, (at) => (at % 2 === 0 ? one : other).tokens.spend(token.id));
    expect(spent.filter(Boolean)).toHaveLength(10);
    expect((await one.tokens.find(token.id))?.requestCount).toBe(10);
    await times(3, () => other.tokens.giveBack(token.id));
    expect((await times(5, () => one.tokens.spend(token.id))).filter(Boolean)).toHaveLength(3);
  });

  it("a request is taken only from a token that may call, and noted", async () => {
    await using place = await makePlace();
    let now = 1000;
    const stores = await place.openStores({ now: () => now });
    const { tokens } = stores;
    const projectId = await projectOf(stores);
    const [unlimited, expiring, revoked] = [
      await tokens.add({ projectId }, actor),
      await tokens.add({ projectId, expiresAt: 2000 }, actor),
      await tokens.add({ projectId }, actor),
    ];
    now = 1999;
    for (const { token } of [unlimited, expiring, revoked]) expect(await tokens.spend(token.id)).toBe(true);
    expect(await tokens.find(unlimited.token.id)).toMatchObject({ requestCount: 1, lastUsedAt: 1999, updatedAt: 1000 });
    now = 2000;
    await tokens.revoke(revoked.token.id, actor);
    expect(await times(3, (at) => tokens.spend([unlimited, expiring, revoked][at]?.token.id ?? ""))).toEqual([
      true,
      false,
      false,
    ]);
    expect(await tokens.spend(Bun.randomUUIDv7())).toBe(false);
  });

  it("nothing is given back beyond what was taken", async () => {
    await using place = await makePlace();
    const stores = await place.openStores();
    const { token } = await stores.tokens.add({ projectId: await projectOf(stores), maxRequests: 1 }, actor);
    await stores.tokens.giveBack(token.id);
    expect((await stores.tokens.find(token.id))?.requestCount).toBe(0);
  });

  it("a change while calls are counted takes none of them back, and keeps the time it was used", async () => {
    await using place = await makePlace();
    const [one, other] = [await place.openStores(), await place.openStores()];
    const { token } = await one.tokens.add({ projectId: await projectOf(one), maxRequests: 1000 }, actor);
    const changing = (async () => {
      for (let at = 0; at < 15; at += 1) {
        await one.tokens.update(token.id, { name: `n${at}`, isActive: true, maxRequests: 1000 + at }, actor);
        await one.tokens.update(token.id, { metadata: { at: String(at) } }, actor);
      }
    })();
    const spent = await times(100, async (at) => {
      await Bun.sleep(at);
      if (at % 5 === 0) await other.tokens.addUses([{ id: token.id, count: 1, lastUsedAt: Date.now() }]);
      return (at % 2 === 0 ? one : other).tokens.spend(token.id);
    });
    await changing;
    expect(spent.every(Boolean)).toBe(true);
    const after = await one.tokens.find(token.id);
    expect(after).toMatchObject({ requestCount: 120, name: "n14", maxRequests: 1014 });
    expect(after?.lastUsedAt).toBeGreaterThan(token.createdAt);
  });

  it("uses that were counted elsewhere are added, the latest time stays, and two that add at once don't wait for ever", async () => {
    await using place = await makePlace();
    const [one, other] = [await place.openStores(), await place.openStores()];
    const projectId = await projectOf(one);
    const made = await times(5, () => one.tokens.add({ projectId }, actor));
    const ids = made.map(({ token }) => token.id);
    const uses = ids.map((id) => ({ id, count: 2, lastUsedAt: 5000 }));
    await times(10, (at) => (at % 2 === 0 ? one : other).tokens.addUses(at % 3 === 0 ? uses.toReversed() : uses));
    await one.tokens.addUses([
      { id: ids[0] ?? "", count: 1, lastUsedAt: 4000 },
      { id: "gone", count: 1, lastUsedAt: 1 },
    ]);
    await one.tokens.addUses([{ id: ids[1] ?? "", count: -1, lastUsedAt: 6000 }]);
    const found = await times(5, (at) => one.tokens.find(ids[at] ?? ""));
    expect(found.map((token) => [token?.requestCount, token?.lastUsedAt])).toEqual([
      [21, 5000],
      [19, 6000],
      [20, 5000],
      [20, 5000],
      [20, 5000],
    ]);
  });

  it("a change changes what it names; null takes a bound away", async () => {
    await using place = await makePlace();
    let now = 1000;
    const stores = await place.openStores({ now: () => now });
    const { tokens } = stores;
    const { token } = await tokens.add(
      {
        projectId: await projectOf(stores),
        name: "n",
        expiresAt: 9000,
        maxRequests: 5,
        userId: "u",
        allowedModels: ["a"],
      },
      actor,
    );
    now = 2000;
    expect(await tokens.update(token.id, { isActive: false }, actor)).toEqual({
      ...token,
      isActive: false,
      deactivatedAt: 2000,
      updatedAt: 2000,
    });
    now = 3000;
    // Limits stay where a token is activated again.
    expect(await tokens.update(token.id, { isActive: true }, actor)).toEqual({ ...token, updatedAt: 3000 });
    expect(
      await tokens.update(
        token.id,
        { name: null, expiresAt: null, maxRequests: null, userId: null, allowedModels: null },
        actor,
      ),
    ).toEqual({
      id: token.id,
      projectId: token.projectId,
      shown: token.shown,
      isActive: true,
      createdAt: 1000,
      updatedAt: 3000,
      requestCount: 0,
      cacheHitCount: 0,
      metadata: {},
    });
    expect(await tokens.update(token.id, { maxRequests: 2 ** 53 - 1, allowedModels: ["b"] }, actor)).toMatchObject({
      maxRequests: 2 ** 53 - 1,
      allowedModels: ["b"],
    });
    expect(await tokens.update(Bun.randomUUIDv7(), { name: "x" }, actor)).toBeUndefined();
  });

  it("a token is revoked for good, also when it is asked twice", async () => {
    await using place = await makePlace();
    let now = 1000;
    const stores = await place.openStores({ now: () => now });
    const { tokens, audit } = stores;
    const { token, text } = await tokens.add({ projectId: await projectOf(stores) }, actor);
    now = 2000;
    expect(await tokens.revoke(token.id, actor)).toBe(true);
    now = 3000;
    expect(await tokens.revoke(token.id, actor)).toBe(true);
    expect(await tokens.find(token.id)).toMatchObject({ isActive: false, deactivatedAt: 2000, updatedAt: 2000 });
    expect((await access(stores, text))?.token.isActive).toBe(false);
    expect(await tokens.revoke(Bun.randomUUIDv7(), actor)).toBe(false);
    expect((await audit.list({ action: "token.revoke" }, { limit: 9 })).items).toMatchObject([
      { tokenId: token.id, reason: "it was revoked already" },
      { tokenId: token.id },
    ]);
  });

  it("all tokens of a project are revoked together, alone or with it, and no other project's", async () => {
    await using place = await makePlace();
    const stores = await place.openStores();
    const { tokens, projects, audit } = stores;
    const [mine, others] = [await projectOf(stores, "mine"), await projectOf(stores, "others")];
    const made = await times(3, () => tokens.add({ projectId: mine }, actor));
    const foreign = await tokens.add({ projectId: others }, actor);
    await tokens.revoke(made[0]?.token.id ?? "", actor);
    expect(await tokens.revokeAll(mine, actor)).toEqual({ revoked: 2, total: 3 });
    expect(await tokens.revokeAll(mine, actor)).toEqual({ revoked: 0, total: 3 });
    expect(await tokens.revokeAll(Bun.randomUUIDv7(), actor)).toBeUndefined();
    expect((await tokens.find(foreign.token.id))?.isActive).toBe(true);
    const changed = await projects.update(others, { isActive: false, revokeTokens: true }, actor);
    expect(changed).toMatchObject({ revokedTokens: 1, project: { isActive: false } });
    expect((await tokens.find(foreign.token.id))?.isActive).toBe(false);
    const entries = await audit.list({ action: "token.revoke_batch" }, { limit: 9 });
    expect(entries.items.map(({ projectId, after }) => [projectId, after?.["revoked"]])).toEqual([
      [others, 1],
      [mine, 0],
      [mine, 2],
    ]);
  });

  it("what has expired is marked inactive, and nothing else", async () => {
    await using place = await makePlace();
    let now = 1000;
    const stores = await place.openStores({ now: () => now });
    const { tokens, audit } = stores;
    const projectId = await projectOf(stores);
    const [early, late, never] = [
      await tokens.add({ projectId, expiresAt: 2000 }, actor),
      await tokens.add({ projectId, expiresAt: 2001 }, actor),
      await tokens.add({ projectId }, actor),
    ];
    expect(await tokens.deactivateExpired(actor)).toBe(0);
    now = 2000;
    expect(await tokens.deactivateExpired(actor)).toBe(1);
    expect(await tokens.deactivateExpired(actor)).toBe(0);
    const states = await times(3, (at) => tokens.find([early, late, never][at]?.token.id ?? ""));
    expect(states.map((token) => token?.isActive)).toEqual([false, true, true]);
    expect(states[0]?.deactivatedAt).toBe(2000);
    expect((await audit.list({ action: "token.expire" }, { limit: 9 })).items).toMatchObject([{ after: { count: 1 } }]);
  });

  it("a change has one time, though the clock goes on while it is made", async () => {
    await using place = await makePlace();
    let now = 1000;
    const stores = await place.openStores({ now: () => (now += 1) });
    const { tokens, projects } = stores;
    const [mine, others] = [await projectOf(stores, "mine"), await projectOf(stores, "others")];
    const revoked = await tokens.add({ projectId: mine }, actor);
    const expired = await tokens.add({ projectId: mine, expiresAt: now }, actor);
    const together = await tokens.add({ projectId: others }, actor);
    await tokens.revoke(revoked.token.id, actor);
    await tokens.deactivateExpired(actor);
    const changed = await projects.update(others, { isActive: false, revokeTokens: true }, actor);
    for (const { token } of [revoked, expired, together]) {
      const { deactivatedAt = 0, updatedAt } = (await tokens.find(token.id)) ?? {};
      expect(deactivatedAt).toBe(updatedAt ?? 0);
      expect(deactivatedAt).toBeGreaterThan(token.createdAt);
    }
    expect((await tokens.find(together.token.id))?.deactivatedAt).toBe(changed?.project.deactivatedAt ?? 0);
  });

  it("a list takes each filter, and gives its pages", async () => {
    await using place = await makePlace();
    let now = 1000;
    const stores = await place.openStores({ now: () => now });
    const { tokens } = stores;
    const [mine, others] = [await projectOf(stores, "mine"), await projectOf(stores, "others")];
    const names = new Map<string, string>();
    for (const [name, wanted] of Object.entries({
      expired: { projectId: mine, expiresAt: 2000 },
      late: { projectId: mine, expiresAt: 3000 },
      never: { projectId: mine },
      asleep: { projectId: mine, isActive: false },
      foreign: { projectId: others },
    }))
      names.set((await tokens.add(wanted, actor)).token.id, name);
    now = 2000;
    const list = async (...[filter, page = { limit: 9 }]: Partial<Parameters<typeof tokens.list>>) =>
      (await tokens.list(filter ?? {}, page)).items.map(({ id }) => names.get(id));
    expect(await list()).toEqual(["foreign", "asleep", "never", "late", "expired"]);
    expect(await list({ projectId: mine })).toEqual(["asleep", "never", "late", "expired"]);
    expect(await list({ isActive: true })).toEqual(["foreign", "never", "late"]);
    expect(await list({ isActive: false })).toEqual(["asleep", "expired"]);
    expect(await list({ expiresBefore: 3000 })).toEqual(["expired"]);
    expect(await list({ expiresBefore: 2000.5 })).toEqual(["expired"]);
    expect(await list({ expiresBefore: 3001, projectId: mine, isActive: true })).toEqual(["late"]);
    expect(await list({ projectId: Bun.randomUUIDv7() })).toEqual([]);
    const first = await tokens.list({ projectId: mine }, { limit: 3 });
    expect(await list({ projectId: mine }, { limit: 3, after: first.next })).toEqual(["expired"]);
    expect(await list({}, { limit: 2, offset: 1 })).toEqual(["asleep", "never"]);
  });

  it("who asks what was changed hears of tokens and projects, of every process, and of no counter", async () => {
    await using place = await makePlace();
    const [one, other] = [await place.openStores(), await place.openStores()];
    const start = await one.tokens.changedSince(0);
    expect(start).toEqual({ epoch: 0, tokens: [], projects: [] });
    const projectId = await projectOf(one);
    const { token } = await one.tokens.add({ projectId }, actor);
    const { token: second } = await other.tokens.add({ projectId }, actor);
    const made = await other.tokens.changedSince(start.epoch);
    expect([made.epoch, made.projects, made.tokens.toSorted()]).toEqual([
      3,
      [projectId],
      [token.id, second.id].toSorted(),
    ]);
    await one.tokens.spend(token.id);
    await one.tokens.addUses([{ id: token.id, count: 1, lastUsedAt: 1 }]);
    expect(await other.tokens.changedSince(made.epoch)).toEqual({ epoch: 3, tokens: [], projects: [] });
    const steps = [
      [() => one.tokens.update(token.id, { name: "n" }, actor), [token.id], []],
      [() => one.tokens.revoke(token.id, actor), [token.id], []],
      [() => one.projects.update(projectId, { keys: { openai: "sk-2" } }, actor), [], [projectId]],
      [() => one.tokens.revokeAll(projectId, actor), [second.id], []],
    ] as const;
    for (const [change, tokens, projects] of steps) {
      const { epoch } = await other.tokens.changedSince(made.epoch);
      await change();
      expect(await other.tokens.changedSince(epoch)).toEqual({
        epoch: epoch + 1,
        tokens: [...tokens],
        projects: [...projects],
      });
    }
  });

  it("a token's project can't be left out", async () => {
    await using place = await makePlace();
    const stores = await place.openStores();
    await stores.tokens.add({ projectId: await projectOf(stores) }, actor);
    const { db } = stores.storage;
    expect(await faultOf(db.deleteFrom("projects").execute())).toMatch(/foreign key/i);
  });
});
