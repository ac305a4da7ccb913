import { expect } from "bun:test";
import { actor, faultOf, onEachDatabase } from "../../test/storage.ts";

onEachDatabase((it, makePlace) => {
  it("changes are numbered in the order in which they are committed, over two handles", async () => {
    await using place = await makePlace();
    const [one, other] = [await place.openStores(), await place.openStores()];
    const seen = new Set<string>();
    const watcher = await place.openStores();
    let last = 0;
    const look = async () => {
      const { epoch, projects } = await watcher.tokens.changedSince(last);
      for (const id of projects) seen.add(id);
      last = epoch;
    };
    let watching = true;
    const watch = (async () => {
      while (watching) {
        await look();
        await Bun.sleep(1);
      }
    })();
    await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        (at % 2 === 0 ? one : other).projects.add({ name: `project ${at}` }, actor),
      ),
    );
    const rows = await watcher.storage.db.selectFrom("projects").select(["name", "epoch"]).orderBy("epoch").execute();
    expect(rows.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
    const entries = await watcher.audit.after(0, 100);
    const named = entries.map(({ changes }) => /"name":"(.*?)"/.exec(changes ?? "")?.[1]);
    expect(named).toEqual(rows.map(({ name }) => name));
    watching = false;
    await watch;
    await look();
    // Whoever was told a number had been told of all that is below it.
    expect([last, seen.size]).toEqual([20, 20]);
  });

  it("a change that fails leaves neither rows, nor a number, nor an entry", async () => {
    await using place = await makePlace();
    const { projects, changes, audit, storage } = await place.openStores();
    await projects.add({ name: "first" }, actor);
    const before = await storage.db.selectFrom("state").selectAll().execute();
    const failing = changes.run(actor, async (trx) => {
      await trx.updateTable("projects").set({ name: "other" }).execute();
      throw new Error("not this time");
    });
    expect(await faultOf(failing)).toBe("not this time");
    expect(await storage.db.selectFrom("state").selectAll().execute()).toEqual(before);
    expect((await projects.list({}, { limit: 9 })).items.map(({ name }) => name)).toEqual(["first"]);
    expect(await audit.after(1, 9)).toEqual([]);
  });

  it("an entry that can't be written fails the change", async () => {
    await using place = await makePlace();
    const { projects, storage } = await place.openStores();
    await projects.add({ name: "first" }, actor);
    // The next entry's place is taken.
    await storage.db.updateTable("audit").set({ seq: 2 }).execute();
    expect(await faultOf(projects.add({ name: "second" }, actor))).toMatch(/unique|duplicate/i);
    expect((await projects.list({}, { limit: 9 })).items.map(({ name }) => name)).toEqual(["first"]);
  });

  it("what is written down without a change moves no number", async () => {
    await using place = await makePlace();
    const { changes, audit, tokens } = await place.openStores();
    await changes.note(actor, [{ action: "management.refused", outcome: "denied", reason: "no token" }]);
    expect((await tokens.changedSince(0)).epoch).toBe(0);
    expect((await audit.list({}, { limit: 9 })).items).toMatchObject([
      { seq: 1, action: "management.refused", outcome: "denied", reason: "no token", actor },
    ]);
  });

  it("without an audit, changes are made all the same", async () => {
    await using place = await makePlace();
    const { projects, audit } = await place.openStores({ audit: false });
    await projects.add({ name: "first" }, actor);
    expect(await audit.after(0, 9)).toEqual([]);
    expect(await audit.verify()).toEqual({ ok: true, checked: 0 });
  });
});
