import { expect } from "bun:test";
import { createCipheriv, randomBytes } from "node:crypto";
import { actor, faultOf, makeKey, onEachDatabase, type Place, type Stores } from "../../test/storage.ts";
import { createVault } from "../lib/seal.ts";
import { readEncryption, rotateKey, sealPlain } from "./reseal.ts";
import { digestToken } from "./tokens.ts";

const cli = { name: "cli", origin: "cli" } as const;
const [one, two] = [createVault([makeKey(1)]), createVault([makeKey(2), makeKey(1)])];

/** A database that was used without a key: two projects with three keys, and a token. */
async function makeUsed(place: Place) {
  const stores = await place.openStores();
  const { id: projectId } = await stores.projects.add({ name: "a", keys: { openai: "sk-a", gemini: "AIza" } }, actor);
  const { id: otherId } = await stores.projects.add({ name: "b", keys: { openai: "enc:v1:sk-b" } }, actor);
  const { text } = await stores.tokens.add({ projectId }, actor);
  const { text: otherText } = await stores.tokens.add({ projectId: otherId }, actor);
  return { stores, projectId, otherId, text, otherText };
}

async function readAll({ storage: { db } }: Stores): Promise<readonly string[]> {
  const keys = await db
    .selectFrom("provider_keys")
    .select("sealed")
    .orderBy("project_id")
    .orderBy("provider")
    .execute();
  const secrets = await db.selectFrom("secrets").select("sealed").execute();
  return [...keys, ...secrets].map(({ sealed }) => sealed);
}

onEachDatabase((it, makePlace) => {
  it("what is plain is sealed, once; tokens and keys stay what they were", async () => {
    await using place = await makePlace();
    const { stores, text, otherText } = await makeUsed(place);
    expect(await readEncryption(stores.storage, one)).toEqual({
      keyId: one.keyId ?? "",
      current: 0,
      older: 0,
      plain: 4,
      unreadable: [],
    });
    expect(await sealPlain(stores.changes, one, cli)).toEqual({ providerKeys: 3, pepper: true, unreadable: [] });
    const sealed = await readAll(stores);
    expect(sealed.every((each) => each.startsWith(`enc:v2:${one.keyId}:`))).toBe(true);
    expect(await sealPlain(stores.changes, one, cli)).toEqual({ providerKeys: 0, pepper: false, unreadable: [] });
    expect(await readAll(stores)).toEqual(sealed);

    const { tokens, audit } = await place.openStores({ keys: [makeKey(1)] });
    expect(Object.fromEntries((await tokens.findAccess(digestToken(text)))?.keys ?? [])).toEqual({
      openai: "sk-a",
      gemini: "AIza",
    });
    expect((await tokens.findAccess(digestToken(otherText)))?.keys.get("openai")).toBe("enc:v1:sk-b");
    expect((await audit.list({ actor: "cli" }, { limit: 9 })).items).toMatchObject([
      {
        action: "encryption.seal",
        outcome: "success",
        actor: cli,
        after: { key: one.keyId ?? "", provider_keys: 3, pepper: true },
      },
    ]);
    expect(await audit.verify()).toMatchObject({ ok: true });
  });

  it("rotating seals everything with the first key, after which the others may go", async () => {
    await using place = await makePlace();
    const { stores, text } = await makeUsed(place);
    await sealPlain(stores.changes, one, cli);
    // One that is plain still, as a process without the key would write it.
    await stores.projects.add({ name: "late", keys: { openai: "sk-late" } }, actor);
    expect(await readEncryption(stores.storage, two)).toMatchObject({ current: 0, older: 4, plain: 1 });
    expect(await rotateKey(stores.changes, two, cli)).toEqual({ providerKeys: 4, pepper: true, unreadable: [] });
    expect(await readEncryption(stores.storage, two)).toMatchObject({ current: 5, older: 0, plain: 0 });
    const before = await readAll(stores);
    await rotateKey(stores.changes, two, cli);
    const after = await readAll(stores);
    expect(after.filter((sealed) => before.includes(sealed))).toEqual([]);
    const { tokens, audit } = await place.openStores({ keys: [makeKey(2)] });
    expect((await tokens.findAccess(digestToken(text)))?.keys.get("openai")).toBe("sk-a");
    expect((await audit.list({ action: "encryption.rotate" }, { limit: 9 })).items).toHaveLength(2);
  });

  it("the older form is older, and sealed anew by rotating alone", async () => {
    await using place = await makePlace();
    const { stores, projectId, text } = await makeUsed(place);
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", makeKey(1), nonce);
    const bytes = Buffer.concat([nonce, cipher.update("sk-old"), cipher.final(), cipher.getAuthTag()]);
    await stores.storage.db
      .updateTable("provider_keys")
      .set({ sealed: `enc:v1:${bytes.toString("base64")}` })
      .where("project_id", "=", projectId)
      .where("provider", "=", "openai")
      .execute();
    await sealPlain(stores.changes, one, cli);
    expect(await readEncryption(stores.storage, one)).toMatchObject({ current: 3, older: 1 });
    await rotateKey(stores.changes, one, cli);
    expect(await readEncryption(stores.storage, one)).toMatchObject({ current: 4, older: 0 });
    const { tokens } = await place.openStores({ keys: [makeKey(1)] });
    expect((await tokens.findAccess(digestToken(text)))?.keys.get("openai")).toBe("sk-old");
  });

  it("a provider key that can't be opened is named and left as it is, and the rest is done", async () => {
    await using place = await makePlace();
    const { stores, projectId } = await makeUsed(place);
    const lost = createVault([makeKey(9)]).seal("sk-lost", `${projectId}/gemini`);
    await stores.storage.db
      .updateTable("provider_keys")
      .set({ sealed: lost })
      .where("project_id", "=", projectId)
      .where("provider", "=", "gemini")
      .execute();
    const unreadable = [{ projectId, provider: "gemini" }];
    expect(await readEncryption(stores.storage, one)).toMatchObject({ plain: 3, older: 0, unreadable });
    expect(await sealPlain(stores.changes, one, cli)).toEqual({ providerKeys: 2, pepper: true, unreadable: [] });
    expect(await rotateKey(stores.changes, one, cli)).toEqual({ providerKeys: 2, pepper: true, unreadable });
    expect(await readAll(stores)).toContain(lost);
  });

  it("a key that doesn't open the database seals nothing in it", async () => {
    await using place = await makePlace();
    const { stores } = await makeUsed(place);
    await sealPlain(stores.changes, one, cli);
    await stores.projects.add({ name: "late", keys: { openai: "sk-late" } }, actor);
    const before = await readAll(stores);
    const wrong = createVault([makeKey(2)]);
    for (const attempt of [
      () => sealPlain(stores.changes, wrong, cli),
      () => rotateKey(stores.changes, wrong, cli),
      () => readEncryption(stores.storage, wrong),
    ])
      expect(await faultOf(attempt())).toContain("ENCRYPTION_KEY doesn't open this database");
    expect(await faultOf(sealPlain(stores.changes, createVault([]), cli))).toBe(
      "There is no ENCRYPTION_KEY to seal with",
    );
    expect(await readAll(stores)).toEqual(before);
  });

  it("sealing is all or nothing", async () => {
    await using place = await makePlace();
    const { stores } = await makeUsed(place);
    const before = await readAll(stores);
    // The entry of the audit has no place.
    const { audit_seq } = await stores.storage.db.selectFrom("state").select("audit_seq").executeTakeFirstOrThrow();
    await stores.storage.db
      .updateTable("audit")
      .set({ seq: audit_seq + 1 })
      .where("seq", "=", audit_seq)
      .execute();
    expect(await faultOf(sealPlain(stores.changes, one, cli))).toMatch(/unique|duplicate/i);
    expect(await readAll(stores)).toEqual(before);
  });
});
