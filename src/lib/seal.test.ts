import { expect, test } from "bun:test";
import { createCipheriv, randomBytes } from "node:crypto";
import fc from "fast-check";
import { createVault, isPlain } from "./seal.ts";

const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const vaults = [createVault([]), createVault([one]), createVault([one, two])];

/** As the replaced proxy wrote them: no key's name, no additional data. */
function sealOlder(key: Uint8Array, text: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `enc:v1:${sealed.toString("base64")}`;
}

test("what is sealed for a place is opened there, any text, with and without keys", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (text, place) => {
      for (const vault of vaults) expect(vault.unseal(vault.seal(text, place), place)).toBe(text);
    }),
  );
});

test("a text that looks sealed is sealed like any other", () => {
  for (const vault of vaults) {
    for (const text of ["enc:v1:abc", "enc:v2:00000000:abc", "plain:sk-1", ""])
      expect(vault.unseal(vault.seal(text, "p"), "p")).toBe(text);
  }
});

test("sealed text shows its form and its key's name, neither the key nor the text, and never twice the same", () => {
  const vault = createVault([one, two]);
  const sealed = vault.seal("sk-secret", "p");
  expect(sealed).toMatch(/^enc:v2:[0-9a-f]{8}:[A-Za-z0-9+/]+=*$/);
  expect(sealed.split(":")[2]).toBe(vault.keyId ?? "");
  expect(vault.keyId).not.toBe(createVault([two]).keyId);
  expect(sealed).not.toContain(Buffer.from("sk-secret").toString("base64").slice(0, 8));
  expect(vault.seal("sk-secret", "p")).not.toBe(sealed);
  expect([vault.encrypts, isPlain(sealed)]).toEqual([true, false]);
});

test("without a key, text is kept plain, and says so", () => {
  const vault = createVault([]);
  expect(vault.seal("sk-secret", "p")).toBe("plain:sk-secret");
  expect([vault.encrypts, vault.keyId, isPlain("plain:x"), vault.isStale("plain:x")]).toEqual([
    false,
    undefined,
    true,
    false,
  ]);
});

test("what was sealed for one place is not opened in another", () => {
  const vault = createVault([one]);
  expect(() => vault.unseal(vault.seal("sk-secret", "project-1/openai"), "project-2/openai")).toThrow(
    "What is stored can't be opened with its key: it was changed, or belongs elsewhere",
  );
});

test("the first key seals, all open, and what the first has not sealed is stale", () => {
  const before = createVault([one]).seal("sk-secret", "p");
  const both = createVault([two, one]);
  expect(both.unseal(before, "p")).toBe("sk-secret");
  expect(both.isStale(before)).toBe(true);
  const after = both.seal("sk-secret", "p");
  expect(both.isStale(after)).toBe(false);
  expect(createVault([two]).unseal(after, "p")).toBe("sk-secret");
  expect([both.isStale("plain:sk-secret"), both.isStale(sealOlder(two, "x"))]).toEqual([true, true]);
});

test("what no key opens that is set is an error that names the missing key and says nothing of the text", () => {
  const sealed = createVault([one]).seal("sk-secret", "p");
  const name = sealed.split(":")[2] ?? "";
  for (const vault of [createVault([two]), createVault([])])
    expect(() => vault.unseal(sealed, "p")).toThrow(
      `It was sealed with the key ${name}, which is not among ENCRYPTION_KEY`,
    );
});

test("the older form is opened with whichever key fits, wherever it stands", () => {
  const sealed = sealOlder(two, "sk-secret ü");
  expect(createVault([one, two]).unseal(sealed, "anywhere")).toBe("sk-secret ü");
  for (const vault of [createVault([one]), createVault([])])
    expect(() => vault.unseal(sealed, "p")).toThrow("It was sealed with a key that is not among ENCRYPTION_KEY");
});

test("a changed bit, wherever it is, is found", () => {
  const vault = createVault([one]);
  const sealed = vault.seal("sk-secret", "p");
  const start = sealed.lastIndexOf(":") + 1;
  const bytes = Buffer.from(sealed.slice(start), "base64");
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => vault.unseal(sealed.slice(0, start) + changed.toString("base64"), "p")).toThrow("it was changed");
  }
});

test("whatever is stored, opening it gives a text or an error in words", () => {
  const vault = createVault([one]);
  const kept = fc.oneof(
    fc.string(),
    fc.string().map((text) => `enc:v1:${text}`),
    fc.string().map((text) => `enc:v2:${text}`),
    fc.base64String().map((text) => `enc:v2:${vault.keyId}:${text}`),
  );
  fc.assert(
    fc.property(kept, (text) => {
      fc.pre(!isPlain(text));
      expect(() => vault.unseal(text, "p")).toThrow(/^(?:What is stored|It was sealed)/);
    }),
  );
  expect(() => vault.unseal(`enc:v2:${vault.keyId}:AAAA`, "p")).toThrow("What is stored is cut off");
  expect(() => vault.unseal("sk-secret", "p")).toThrow("not in a form that is known here");
});
