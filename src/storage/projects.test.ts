import { expect } from "bun:test";
import { actor, faultOf, makeKey, onEachDatabase, type Stores } from "../../test/storage.ts";
import { NameTaken } from "./projects.ts";
import { digestToken } from "./tokens.ts";

const everything = {
  name: 'Team Ä "quoted" 100% a_b \\ 🚀',
  keys: { openai: "sk-proj-0123456789-abcd", anthropic: "sk-ant-0123456789-wxyz", tiny: "abc" },
  metadata: { team: "search", note: "line\nbreak" },
  policy: { allowedMethods: ["POST"], paramWhitelist: { model: ["gpt-*"] } },
  settings: { useOperatorKeys: true, streamUsage: "off" },
} as const;

async function listNames({ projects }: Stores, search: string): Promise<readonly string[]> {
  return (await projects.list({ search }, { limit: 50 })).items.map(({ name }) => name).toSorted();
}

onEachDatabase((it, makePlace) => {
  it("a project comes back as it was made, its keys masked", async () => {
    await using place = await makePlace();
    const { projects } = await place.openStores({ now: () => 1_700_000_000_123 });
    const added = await projects.add(everything, actor);
    const { keys: _, ...shown } = everything;
    expect(added).toEqual({
      ...shown,
      id: added.id,
      shownKeys: { openai: "sk-proj-...abcd", anthropic: "sk-ant-0...wxyz", tiny: "***" },
      isActive: true,
      createdAt: 1_700_000_000_123,
      updatedAt: 1_700_000_000_123,
    });
    expect(added.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(await projects.find(added.id)).toEqual(added);
    expect(await projects.find(Bun.randomUUIDv7())).toBeUndefined();
  });

  it("a change changes what it names, and nothing else", async () => {
    await using place = await makePlace();
    let now = 1000;
    const { projects, tokens } = await place.openStores({ now: () => now });
    const before = await projects.add(everything, actor);
    now = 2000;
    const changed = await projects.update(
      before.id,
      { name: "other", keys: { openai: null, gemini: "AIza0123456789-qrst" }, settings: { validate: true } },
      actor,
    );
    expect(changed).toEqual({
      project: {
        ...before,
        name: "other",
        shownKeys: { anthropic: "sk-ant-0...wxyz", gemini: "AIza0123...qrst", tiny: "***" },
        settings: { ...everything.settings, validate: true },
        updatedAt: 2000,
      },
      revokedTokens: 0,
    });
    const { text } = await tokens.add({ projectId: before.id }, actor);
    const access = await tokens.findAccess(digestToken(text));
    expect(Object.fromEntries(access?.keys ?? [])).toEqual({
      anthropic: everything.keys.anthropic,
      gemini: "AIza0123456789-qrst",
      tiny: "abc",
    });
    expect(await projects.update(Bun.randomUUIDv7(), { name: "x" }, actor)).toBeUndefined();
  });

  it("when a project was deactivated is kept, and gone when it is active again", async () => {
    await using place = await makePlace();
    let now = 1000;
    const { projects, audit } = await place.openStores({ now: () => now });
    const { id } = await projects.add({ name: "p" }, actor);
    now = 2000;
    expect((await projects.update(id, { isActive: false }, actor))?.project).toMatchObject({
      isActive: false,
      deactivatedAt: 2000,
    });
    now = 3000;
    expect((await projects.update(id, { isActive: false }, actor))?.project).toMatchObject({ deactivatedAt: 2000 });
    const active = (await projects.update(id, { isActive: true }, actor))?.project;
    expect([active?.isActive, active && "deactivatedAt" in active]).toEqual([true, false]);
    const made = await projects.add({ name: "asleep", isActive: false }, actor);
    expect(made).toMatchObject({ isActive: false, deactivatedAt: 3000 });
    expect((await audit.after(0, 9)).map(({ action }) => action)).toEqual([
      "project.create",
      "project.deactivate",
      "project.update",
      "project.activate",
      "project.create",
    ]);
  });

  it("a name belongs to one project, however many ask for it at once, and stays with it", async () => {
    await using place = await makePlace();
    const [one, other] = [await place.openStores(), await place.openStores()];
    const tried = await Promise.allSettled(
      [one, other, one, other].map(({ projects }) => projects.add({ name: "wanted" }, actor)),
    );
    expect(tried.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected", "rejected", "rejected"]);
    for (const attempt of tried) if (attempt.status === "rejected") expect(attempt.reason).toBeInstanceOf(NameTaken);
    const { id } = await one.projects.add({ name: "second" }, actor);
    expect(await faultOf(other.projects.update(id, { name: "wanted" }, actor))).toBe(
      'There is a project named "wanted" already',
    );
    expect((await other.projects.update(id, { name: "second" }, actor))?.project.name).toBe("second");
    expect((await one.projects.add({ name: "Wanted" }, actor)).name).toBe("Wanted");
    const entries = await one.audit.after(0, 99);
    expect(entries.map(({ action }) => action)).toEqual([
      "project.create",
      "project.create",
      "project.update",
      "project.create",
    ]);
  });

  it("a search takes %, _ and \\ as they are, and small letters for large ones", async () => {
    await using place = await makePlace();
    const stores = await place.openStores();
    for (const name of ["100% sure", "100 sure", "a_b", "axb", "back\\slash", "backslash", "Größe", "'quoted'"])
      await stores.projects.add({ name }, actor);
    expect(await listNames(stores, "100%")).toEqual(["100% sure"]);
    expect(await listNames(stores, "%")).toEqual(["100% sure"]);
    expect(await listNames(stores, "a_B")).toEqual(["a_b"]);
    expect(await listNames(stores, "_")).toEqual(["a_b"]);
    expect(await listNames(stores, "\\")).toEqual(["back\\slash"]);
    expect(await listNames(stores, "K\\S")).toEqual(["back\\slash"]);
    expect(await listNames(stores, "größe")).toEqual(["Größe"]);
    expect(await listNames(stores, "'")).toEqual(["'quoted'"]);
    expect(await listNames(stores, "SURE")).toEqual(["100 sure", "100% sure"]);
    expect(await listNames(stores, "")).toHaveLength(8);
    expect(await listNames(stores, "nothing")).toEqual([]);
  });

  it("a list is the latest first, in pages that leave out and repeat nothing while more are added", async () => {
    await using place = await makePlace();
    const { projects } = await place.openStores();
    const ids: string[] = [];
    for (let at = 0; at < 7; at += 1) ids.push((await projects.add({ name: `p${at}`, isActive: at !== 3 }, actor)).id);
    const wanted = ids.toReversed();
    const first = await projects.list({}, { limit: 3 });
    expect(first.items.map(({ id }) => id)).toEqual(wanted.slice(0, 3));
    await projects.add({ name: "late" }, actor);
    const second = await projects.list({}, { limit: 3, after: first.next });
    expect(second.items.map(({ id }) => id)).toEqual(wanted.slice(3, 6));
    const third = await projects.list({}, { limit: 3, after: second.next });
    expect([third.items.map(({ id }) => id), third.next]).toEqual([wanted.slice(6), undefined]);
    expect((await projects.list({}, { limit: 8 })).next).toBeUndefined();
    expect((await projects.list({}, { limit: 2, offset: 7 })).items.map(({ id }) => id)).toEqual(wanted.slice(6));
    expect((await projects.list({ isActive: false }, { limit: 9 })).items.map(({ name }) => name)).toEqual(["p3"]);
    expect((await projects.list({ isActive: true, search: "p" }, { limit: 9 })).items).toHaveLength(6);
  });

  it("a key that no key opens fails that project alone", async () => {
    await using place = await makePlace();
    const { projects, tokens, storage } = await place.openStores({ keys: [makeKey(1)] });
    const [good, bad] = [
      await projects.add({ name: "good", keys: { openai: "sk-good" } }, actor),
      await projects.add({ name: "bad", keys: { openai: "sk-bad", gemini: "AIza-fine" } }, actor),
    ];
    const { sealed } = await storage.db
      .selectFrom("provider_keys")
      .select("sealed")
      .where("project_id", "=", good.id)
      .executeTakeFirstOrThrow();
    // Sealed for another project: a row that was exchanged.
    await storage.db
      .updateTable("provider_keys")
      .set({ sealed })
      .where("project_id", "=", bad.id)
      .where("provider", "=", "openai")
      .execute();
    expect((await projects.list({}, { limit: 9 })).items).toHaveLength(2);
    const open = async (projectId: string) => {
      const { text } = await tokens.add({ projectId }, actor);
      const access = await tokens.findAccess(digestToken(text));
      return Object.fromEntries(access?.keys ?? []);
    };
    expect(await open(good.id)).toEqual({ openai: "sk-good" });
    expect(await open(bad.id)).toEqual({ openai: undefined, gemini: "AIza-fine" });
    await projects.update(bad.id, { keys: { openai: "enc:v1:sk-new" } }, actor);
    expect(await open(bad.id)).toEqual({ openai: "enc:v1:sk-new", gemini: "AIza-fine" });
  });

  it("keys lie in the database sealed, and in the audit masked", async () => {
    await using place = await makePlace();
    const { projects, storage, audit } = await place.openStores({ keys: [makeKey(1)] });
    const { id } = await projects.add(everything, actor);
    await projects.update(id, { keys: { openai: "sk-proj-9876543210-efgh" } }, actor);
    const rows = await storage.db.selectFrom("provider_keys").selectAll().execute();
    const written = JSON.stringify([rows, await audit.after(0, 9)]);
    for (const key of [...Object.values(everything.keys).slice(0, 2), "sk-proj-9876543210-efgh"])
      expect(written).not.toContain(key);
    expect(rows.every(({ sealed }) => sealed.startsWith("enc:v2:"))).toBe(true);
    expect(written).toContain("sk-proj-...efgh");
  });

  it("says whether any project has a key for a provider", async () => {
    await using place = await makePlace();
    const { projects } = await place.openStores();
    await projects.add({ name: "p", keys: { openai: "sk-1" }, isActive: false }, actor);
    expect([await projects.hasKeyFor("openai"), await projects.hasKeyFor("gemini")]).toEqual([true, false]);
  });
});
