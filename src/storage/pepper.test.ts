import { expect } from "bun:test";
import { actor, faultOf, makeKey, onEachDatabase } from "../../test/storage.ts";
import { createVault } from "../lib/seal.ts";
import { createMigration } from "./migrate.ts";
import { openPepper } from "./pepper.ts";
import { digestToken } from "./tokens.ts";

onEachDatabase((it, makePlace) => {
  it("of several that open a new database at once, all have one pepper", async () => {
    await using place = await makePlace();
    const storages = await Promise.all(Array.from({ length: 5 }, () => place.open()));
    const [storage] = storages;
    if (!storage) throw new Error("no storage");
    await createMigration(storage).up();
    const vaults = [createVault([]), createVault([makeKey(1)])];
    const peppers = await Promise.all(
      storages.map((each, at) =>
        openPepper(each, vaults[at % 2 === 0 ? 0 : 1] ?? createVault([])).catch(() => undefined),
      ),
    );
    const found = peppers.filter((pepper) => pepper !== undefined);
    expect(new Set(found.map((pepper) => Buffer.from(pepper).toString("hex"))).size).toBe(1);
    expect(found[0]).toHaveLength(32);
    const again = await openPepper(storage, createVault([makeKey(1)]));
    expect(Buffer.from(again)).toEqual(Buffer.from(found[0] ?? []));
  });

  it("two databases have two peppers", async () => {
    await using one = await makePlace();
    await using other = await makePlace();
    const [first, second] = [await one.openStores(), await other.openStores()];
    expect(Buffer.from(first.pepper)).not.toEqual(Buffer.from(second.pepper));
  });

  it("a token outlives that a key is set, another is added, and the first one goes", async () => {
    await using place = await makePlace();
    const plain = await place.openStores();
    const { id: projectId } = await plain.projects.add({ name: "p" }, actor);
    const { text } = await plain.tokens.add({ projectId }, actor);
    const sealed = async () =>
      (await plain.storage.db.selectFrom("secrets").select("sealed").executeTakeFirstOrThrow()).sealed;
    expect(await sealed()).toStartWith("plain:");
    for (const keys of [[1], [2, 1], [2], [3, 2], [3]]) {
      const { tokens } = await place.openStores({ keys: keys.map(makeKey) });
      expect((await tokens.findAccess(digestToken(text)))?.token.projectId).toBe(projectId);
      expect(await sealed()).toStartWith(`enc:v2:${createVault([makeKey(keys[0] ?? 0)]).keyId}:`);
    }
  });

  it("a start with the right key changes nothing", async () => {
    await using place = await makePlace();
    const { storage, vault } = await place.openStores({ keys: [makeKey(1)] });
    const read = () => storage.db.selectFrom("secrets").selectAll().execute();
    const before = await read();
    await openPepper(storage, vault);
    expect(await read()).toEqual(before);
  });

  it("a wrong key, and none, are errors that say what to do and change nothing", async () => {
    await using place = await makePlace();
    const { storage } = await place.openStores({ keys: [makeKey(1)] });
    const before = await storage.db.selectFrom("secrets").selectAll().execute();
    for (const keys of [[makeKey(2)], []])
      expect(await faultOf(openPepper(storage, createVault(keys)))).toBe(
        `ENCRYPTION_KEY doesn't open this database (It was sealed with the key ${createVault([makeKey(1)]).keyId}, which is not among ENCRYPTION_KEY). Set the key that it was sealed with; several may stand with commas between, the first seals`,
      );
    expect(await storage.db.selectFrom("secrets").selectAll().execute()).toEqual(before);
  });
});
