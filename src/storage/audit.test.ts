import { expect } from "bun:test";
import { actor, onEachDatabase, type Stores } from "../../test/storage.ts";
import type { Actor, AuditEvent } from "../domain/audit.ts";
import type { AuditFilter } from "./audit.ts";
import { hashEntry } from "./audit-chain.ts";

/** An audit of these entries, a second apart from second 1. */
async function write(open: (now: () => number) => Promise<Stores>, entries: readonly (readonly [Actor, AuditEvent])[]) {
  let now = 0;
  const stores = await open(() => now);
  for (const [who, event] of entries) {
    now += 1000;
    await stores.changes.note(who, [event]);
  }
  return stores;
}

const denied: AuditEvent = { action: "management.refused", outcome: "denied" };

const various: readonly (readonly [Actor, AuditEvent])[] = [
  [actor, { action: "project.create", outcome: "success", projectId: "p-1", after: { name: '100% \\ "quoted" a_b' } }],
  [
    { name: "cli", origin: "cli" },
    { action: "token.create", outcome: "success", projectId: "p-1", tokenId: "t-1" },
  ],
  [
    {
      name: "anonymous",
      origin: "api",
      requestId: "req-2",
      clientAddress: "2001:db8::1",
      method: "DELETE",
      path: "/manage/tokens/t-1",
      userAgent: "curl/8.5 (100_percent)",
    },
    { ...denied, reason: "Wrong Token" },
  ],
  [actor, { action: "token.update", outcome: "failure", projectId: "p-2", tokenId: "t-1", before: { name: "Ä" } }],
];

onEachDatabase((it, makePlace) => {
  it("an entry holds who did what, from where, when, how it ended, and what was different", async () => {
    await using place = await makePlace();
    const stores = await write((now) => place.openStores({ now }), various);
    const { items } = await stores.audit.list({}, { limit: 9 });
    expect(items.map(({ seq, at }) => [seq, at])).toEqual([
      [4, 4000],
      [3, 3000],
      [2, 2000],
      [1, 1000],
    ]);
    for (const [at, [who, event]] of various.entries()) {
      const entry = items.find(({ seq }) => seq === at + 1);
      if (!entry) throw new Error("an entry is missing");
      expect(entry).toEqual({
        ...event,
        actor: who,
        seq: at + 1,
        id: entry.id,
        at: (at + 1) * 1000,
        previous: entry.previous,
        hash: entry.hash,
      });
      expect(await stores.audit.find(entry.id)).toEqual(entry);
    }
    expect(await stores.audit.find("no-such-id")).toBeUndefined();
  });

  it("a list takes each filter, alone and together", async () => {
    await using place = await makePlace();
    const stores = await write((now) => place.openStores({ now }), various);
    const find = async (filter: AuditFilter) =>
      (await stores.audit.list(filter, { limit: 9 })).items.map(({ seq }) => seq).toReversed();
    const cases: readonly (readonly [AuditFilter, readonly number[]])[] = [
      [{}, [1, 2, 3, 4]],
      [{ action: "token.create" }, [2]],
      [{ actor: "tester" }, [1, 4]],
      [{ projectId: "p-1" }, [1, 2]],
      [{ tokenId: "t-1" }, [2, 4]],
      [{ requestId: "req-2" }, [3]],
      [{ outcome: "failure" }, [4]],
      [{ clientAddress: "2001:db8::1" }, [3]],
      [{ method: "DELETE" }, [3]],
      [{ path: "/manage/tokens/t-1" }, [3]],
      [{ from: 2000 }, [2, 3, 4]],
      [{ to: 2000 }, [1, 2]],
      [{ from: 2000, to: 3000 }, [2, 3]],
      [{ from: 2001, to: 2999 }, []],
      [{ from: 1999.5, to: 8.64e15 }, [2, 3, 4]],
      [{ from: -8.64e15 }, [1, 2, 3, 4]],
      [{ projectId: "p-1", outcome: "success", from: 2000 }, [2]],
      [{ action: "nothing" }, []],
      [{ path: "nul \0" }, []],
    ];
    for (const [filter, wanted] of cases) expect([filter, await find(filter)]).toEqual([filter, [...wanted]]);
  });

  it("a search looks everywhere, takes %, _ and \\ as they are, and small letters for large ones", async () => {
    await using place = await makePlace();
    const stores = await write((now) => place.openStores({ now }), various);
    const find = async (search: string) =>
      (await stores.audit.list({ search }, { limit: 9 })).items.map(({ seq }) => seq).toReversed();
    const cases: readonly (readonly [string, readonly number[]])[] = [
      ["wrong token", [3]],
      ["PROJECT.CREATE", [1]],
      ["p-2", [4]],
      ["t-1", [2, 3, 4]],
      ["req-1", [1, 4]],
      ["2001:db8", [3]],
      ["delete", [3]],
      ["curl", [3]],
      ["cli", [2]],
      ["denied", [3]],
      ["100%", [1]],
      ["%", [1]],
      ["100_p", [3]],
      ["a_b", [1]],
      ["a-b", []],
      ["% \\ ", [1]],
      ["\\", [1]],
      ['"quoted"', [1]],
      ["Ä", [4]],
      ["", [1, 2, 3, 4]],
      ["nowhere", []],
      ["nul \0", []],
      ["'; drop table audit; --", []],
    ];
    for (const [search, wanted] of cases) expect([search, await find(search)]).toEqual([search, [...wanted]]);
  });

  it("a list has pages that leave out and repeat nothing while more is written", async () => {
    await using place = await makePlace();
    const stores = await place.openStores();
    await stores.changes.note(
      actor,
      Array.from({ length: 7 }, (_, at) => ({ ...denied, tokenId: `t-${at % 2}` })),
    );
    const first = await stores.audit.list({}, { limit: 3 });
    await stores.changes.note(actor, [denied]);
    const second = await stores.audit.list({}, { limit: 3, after: first.next });
    const third = await stores.audit.list({}, { limit: 3, after: second.next });
    expect([first, second, third].map(({ items }) => items.map(({ seq }) => seq))).toEqual([[7, 6, 5], [4, 3, 2], [1]]);
    expect(third.next).toBeUndefined();
    const numbered = await stores.audit.list({ tokenId: "t-0" }, { limit: 2, offset: 1 });
    expect(numbered.items.map(({ seq }) => seq)).toEqual([5, 3]);
    expect((await stores.audit.after(2, 3)).map(({ seq }) => seq)).toEqual([3, 4, 5]);
  });

  it("a chain that nobody touched is right, however long, and over two handles that write at once", async () => {
    await using place = await makePlace();
    const [one, other] = [await place.openStores(), await place.openStores()];
    expect(await one.audit.verify()).toEqual({ ok: true, checked: 0 });
    await Promise.all(
      Array.from({ length: 15 }, (_, at) =>
        (at % 2 === 0 ? one : other).changes.note(
          actor,
          Array.from({ length: 100 }, () => ({ ...denied, reason: "\ud800 \0" })),
        ),
      ),
    );
    expect(await other.audit.verify()).toEqual({ ok: true, checked: 1500 });
  });

  it("a chain that grows while it is looked through is right", async () => {
    await using place = await makePlace();
    const [one, other] = [await place.openStores(), await place.openStores()];
    let writing = true;
    const written = (async () => {
      while (writing) await one.changes.note(actor, [denied, denied]);
    })();
    for (let time = 0; time < 10; time += 1) expect((await other.audit.verify()).ok).toBe(true);
    writing = false;
    await written;
  });

  const tamperings: Readonly<
    Record<string, readonly [tamper: (db: Stores["storage"]["db"]) => Promise<unknown>, brokenAt: number]>
  > = {
    "a changed entry": [(db) => db.updateTable("audit").set({ reason: "nothing" }).where("seq", "=", 3).execute(), 3],
    "a changed entry with a hash that fits": [
      async (db) => {
        const row = await db.selectFrom("audit").selectAll().where("seq", "=", 3).executeTakeFirstOrThrow();
        const changed = { ...row, actor: "somebody else" };
        await db
          .updateTable("audit")
          .set({ actor: changed.actor, hash: hashEntry(changed) })
          .where("seq", "=", 3)
          .execute();
      },
      4,
    ],
    "a missing entry": [(db) => db.deleteFrom("audit").where("seq", "=", 3).execute(), 3],
    "a missing entry, the later ones moved up": [
      async (db) => {
        await db.deleteFrom("audit").where("seq", "=", 3).execute();
        for (const seq of [4, 5, 6])
          await db
            .updateTable("audit")
            .set({ seq: seq - 1 })
            .where("seq", "=", seq)
            .execute();
      },
      3,
    ],
    "a missing entry, with all hashes made anew": [
      async (db) => {
        await db.deleteFrom("audit").where("seq", "=", 3).execute();
        let previous = "";
        for (const row of await db.selectFrom("audit").selectAll().orderBy("seq").execute()) {
          const hash = hashEntry({ ...row, previous });
          await db.updateTable("audit").set({ previous, hash }).where("seq", "=", row.seq).execute();
          previous = hash;
        }
        await db.updateTable("state").set({ audit_hash: previous }).execute();
      },
      3,
    ],
    "two that changed places": [
      async (db) => {
        for (const [from, to] of [
          [3, 99],
          [4, 3],
          [99, 4],
        ] as const)
          await db.updateTable("audit").set({ seq: to }).where("seq", "=", from).execute();
      },
      3,
    ],
    "the first one missing": [(db) => db.deleteFrom("audit").where("seq", "=", 1).execute(), 1],
    "the last one cut off": [(db) => db.deleteFrom("audit").where("seq", "=", 6).execute(), 6],
    "all of them cut off": [(db) => db.deleteFrom("audit").execute(), 1],
    "one put to the end": [
      async (db) => {
        const last = await db.selectFrom("audit").selectAll().where("seq", "=", 6).executeTakeFirstOrThrow();
        const forged = { ...last, id: "forged", seq: 7, previous: last.hash };
        await db
          .insertInto("audit")
          .values({ ...forged, hash: hashEntry(forged) })
          .execute();
      },
      7,
    ],
  };
  for (const [what, [tamper, brokenAt]] of Object.entries(tamperings))
    it(`${what} is found`, async () => {
      await using place = await makePlace();
      const stores = await place.openStores();
      for (let at = 1; at <= 6; at += 1) await stores.changes.note(actor, [{ ...denied, reason: `reason ${at}` }]);
      expect(await stores.audit.verify()).toEqual({ ok: true, checked: 6 });
      await tamper(stores.storage.db);
      expect(await stores.audit.verify()).toEqual({ ok: false, checked: brokenAt - 1, brokenAt });
    });
});
