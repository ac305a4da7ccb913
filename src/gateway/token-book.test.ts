import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Refusal } from "../domain/refusal.ts";
import { openControlStore } from "../storage/control-store.ts";
import type { TokenStore } from "../storage/tokens.ts";
import { createTokenBook, type Pass } from "./token-book.ts";

const by = { name: "test", origin: "api" } as const;
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Two processes on one database: `store` is where changes are made, `book` reads with a handle of its own. */
async function stage() {
  const directory = mkdtempSync(join(tmpdir(), "weir-book-"));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "weir.db");
  const clock = { time: 1_000_000, now: Date.now, elapsed: (): number => clock.time };
  const troubles: string[] = [];
  const open = (onChanged: () => Promise<void> | void) =>
    openControlStore({
      database: { driver: "sqlite", path },
      encryptionKeys: [],
      audit: { enabled: false, inDatabase: true, file: "", createFolder: false, maxFileBytes: 0 },
      now: Date.now,
      onChanged,
      onTrouble: (_, phrase) => troubles.push(phrase),
    });
  const store = await open(() => {});
  const own = await open(() => book.changed());
  const asked: string[] = [];
  const counted = Object.fromEntries(
    (["findAccess", "spend", "giveBack", "addUses", "changedSince"] as const).map((name) => [
      name,
      (...given: never[]) => {
        asked.push(name);
        return (own.tokens[name] as (...given: never[]) => unknown)(...given);
      },
    ]),
  ) as unknown as TokenStore;
  const book = createTokenBook({
    version: own.storage.version,
    clock,
    onTrouble: (_, phrase) => troubles.push(phrase),
    tokens: counted,
  });
  closers.push(
    () => store.close(),
    () => own.close(),
  );
  const project = await store.projects.add({ name: "one", keys: { openai: "sk-upstream" } }, by);
  const mint = (more: object = {}) => store.tokens.add({ projectId: project.id, ...more }, by);
  return { store, own, book, clock, asked, troubles, project, mint };
}

async function codeOf(find: () => Pass | Promise<Pass> | Promise<void> | undefined): Promise<string | undefined> {
  try {
    await find();
    return undefined;
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error);
  }
}

test("a token that is known is found without a look into the database, and at once", async () => {
  const { book, asked, mint, project } = await stage();
  const { text } = await mint();
  const pass = await book.find(text);
  expect(pass.project.id).toBe(project.id);
  expect(pass.keys.get("openai")).toBe("sk-upstream");
  asked.length = 0;
  for (let call = 0; call < 100; call += 1) {
    expect(book.find(text)).toBe(pass);
    expect(book.use(pass)).toBeUndefined();
  }
  expect(asked).toEqual([]);
});

test("what is no token by its form or its checksum is refused without a look", async () => {
  const { book, asked, mint } = await stage();
  const { text } = await mint();
  const mistyped = text.slice(0, 20) + (text[20] === "a" ? "b" : "a") + text.slice(21);
  for (const wrong of [mistyped, text.slice(0, -1), `${text}0`, "sk-weir-"])
    expect(await codeOf(() => book.find(wrong))).toBe("token_invalid");
  expect(asked).toEqual([]);
});

test("an unknown token is looked for once, and known as soon as it exists", async () => {
  const { book, asked, mint } = await stage();
  const other = await stage();
  const { text } = await other.mint();
  for (let call = 0; call < 5; call += 1) expect(await codeOf(() => book.find(text))).toBe("token_unknown");
  expect(asked.filter((name) => name === "findAccess")).toHaveLength(1);
  const late = await mint();
  expect((await book.find(late.text)).token.id).toBe(late.token.id);
});

test("a token that another process revokes, lets expire or takes the project of is refused within a second", async () => {
  const { store, book, clock, mint, project } = await stage();
  const [one, two, three] = [await mint(), await mint(), await mint({ maxRequests: 5 })];
  for (const { text } of [one, two, three]) await book.find(text);
  await store.tokens.revoke(one.token.id, by);
  await store.tokens.update(two.token.id, { expiresAt: Date.now() - 1 }, by);
  clock.time += 999;
  expect(await codeOf(() => book.find(one.text))).toBe("token_inactive");
  expect(await codeOf(() => book.find(two.text))).toBe("token_expired");
  await store.projects.update(project.id, { isActive: false }, by);
  clock.time += 999;
  expect(await codeOf(() => book.find(three.text))).toBe("project_inactive");
  await store.projects.update(project.id, { isActive: true }, by);
  clock.time += 999;
  expect(await codeOf(() => book.find(three.text))).toBeUndefined();
});

test("of many calls at once none goes by what was so a second ago", async () => {
  const { own, store, clock, mint } = await stage();
  const { text, token } = await mint();
  const book = createTokenBook({
    version: () => undefined,
    clock,
    onTrouble: () => {},
    tokens: own.tokens,
  });
  await book.find(text);
  await store.tokens.revoke(token.id, by);
  clock.time += 999;
  const codes = await Promise.all(Array.from({ length: 20 }, () => codeOf(() => book.find(text))));
  expect(new Set(codes)).toEqual(new Set(["token_inactive"]));
});

test("a change of this process is heard of though the database's version doesn't tell", async () => {
  const { own, book, clock, mint } = await stage();
  const { text, token } = await mint();
  await book.find(text);
  await own.tokens.revoke(token.id, by);
  clock.time += 999;
  expect(await codeOf(() => book.find(text))).toBe("token_inactive");
});

test("a change of this process while changes are being read is heard of too", async () => {
  const held = Promise.withResolvers<void>();
  let slowly = false;
  const { own, store, clock, mint } = await stage();
  const [first, second] = [await mint(), await mint()];
  const slow = createTokenBook({
    version: own.storage.version,
    clock,
    onTrouble: () => {},
    tokens: {
      ...own.tokens,
      async changedSince(epoch) {
        const changes = await own.tokens.changedSince(epoch);
        if (slowly) await held.promise;
        return changes;
      },
    },
  });
  clock.time += 999;
  for (const { text } of [first, second]) await slow.find(text);
  slowly = true;
  await store.tokens.revoke(first.token.id, by);
  void slow.changed();
  await Bun.sleep(5);
  await own.tokens.revoke(second.token.id, by);
  const changed = slow.changed();
  held.resolve();
  await changed;
  expect(await codeOf(() => slow.find(second.text))).toBe("token_inactive");
});

test("a key of the project that was changed is the one that is given", async () => {
  const { store, book, clock, mint, project } = await stage();
  const { text } = await mint();
  await book.find(text);
  await store.projects.update(project.id, { keys: { openai: "sk-rotated", gemini: "AIza-new" } }, by);
  clock.time += 999;
  const { keys } = await book.find(text);
  expect([keys.get("openai"), keys.get("gemini")]).toEqual(["sk-rotated", "AIza-new"]);
});

test("a look-up that began before a revocation doesn't bring the token back", async () => {
  const held = Promise.withResolvers<void>();
  let late = false;
  const { own, store, book, clock, mint } = await stage();
  const { text, token } = await mint();
  const slow = createTokenBook({
    version: own.storage.version,
    clock,
    onTrouble: () => {},
    tokens: {
      ...own.tokens,
      async findAccess(digest) {
        const access = await own.tokens.findAccess(digest);
        if (!late) await held.promise;
        return access;
      },
    },
  });
  const looking = codeOf(() => slow.find(text));
  await Bun.sleep(5);
  await store.tokens.revoke(token.id, by);
  clock.time += 999;
  // Somebody else's call hears of the change while the first one still has what it read before.
  late = true;
  expect(await codeOf(() => slow.find(text))).toBe("token_inactive");
  held.resolve();
  expect(await looking).toBe("token_inactive");
  expect(await codeOf(() => slow.find(text))).toBe("token_inactive");
  await book.close();
});

test("of a life of ten requests ten are let go, however many ask at once", async () => {
  const { book, store, mint } = await stage();
  const { text, token } = await mint({ maxRequests: 10 });
  const pass = await book.find(text);
  const codes = await Promise.all(Array.from({ length: 50 }, () => codeOf(() => book.use(pass))));
  expect(codes.filter((code) => code === undefined)).toHaveLength(10);
  expect(new Set(codes)).toEqual(new Set([undefined, "quota_exceeded"]));
  expect((await store.tokens.find(token.id))?.requestCount).toBe(10);
});

test("a request that never went upstream can be made again", async () => {
  const { book, mint } = await stage();
  const { text } = await mint({ maxRequests: 1 });
  const pass = await book.find(text);
  await book.use(pass);
  expect(await codeOf(() => book.use(pass))).toBe("quota_exceeded");
  await book.giveBack(pass);
  expect(await codeOf(() => book.use(pass))).toBeUndefined();
});

test("uses of an unlimited token are written down together, and all of them at the end", async () => {
  const { book, store, asked, mint } = await stage();
  const { text, token } = await mint();
  const pass = await book.find(text);
  for (let call = 0; call < 1000; call += 1) expect(book.use(pass)).toBeUndefined();
  await book.giveBack(pass);
  await book.close();
  expect(asked.filter((name) => name === "addUses")).toHaveLength(1);
  expect(await store.tokens.find(token.id)).toMatchObject({ requestCount: 999, lastUsedAt: expect.any(Number) });
});

/** A stage whose book has a database that can go away, or stop to answer. */
async function stageOfAway() {
  const { store, own, clock, mint, troubles } = await stage();
  const state = { isAway: false, held: undefined as Promise<void> | undefined, looks: 0 };
  const whenThere =
    <Given extends unknown[], T>(ask: (...given: Given) => Promise<T>) =>
    async (...given: Given): Promise<T> => {
      await state.held;
      if (state.isAway) throw new Error("the database is away");
      return ask(...given);
    };
  const changedSince = whenThere(own.tokens.changedSince);
  const book = createTokenBook({
    version: () => undefined,
    clock,
    onTrouble: (_, phrase) => troubles.push(phrase),
    tokens: {
      ...own.tokens,
      findAccess: whenThere(own.tokens.findAccess),
      changedSince(epoch) {
        state.looks += 1;
        return changedSince(epoch);
      },
      spend: whenThere(own.tokens.spend),
    },
  });
  return { store, book, clock, mint, state };
}

test("without its database what is known holds for ten minutes, and what must be counted or isn't known is refused", async () => {
  const { book, clock, mint, state } = await stageOfAway();
  const [free, counted, cold] = [await mint(), await mint({ maxRequests: 5 }), await mint()];
  await book.find(free.text);
  const pass = await book.find(counted.text);
  state.isAway = true;
  clock.time += 590_000;
  expect(await codeOf(() => book.find(free.text))).toBeUndefined();
  expect(await codeOf(() => book.find(cold.text))).toBe("dependency_unavailable");
  expect(await codeOf(() => book.use(pass))).toBe("dependency_unavailable");
  clock.time += 20_000;
  expect(await codeOf(() => book.find(free.text))).toBe("dependency_unavailable");
  state.isAway = false;
  clock.time += 1_000;
  expect(await codeOf(() => book.find(free.text))).toBeUndefined();
});

test("a database that has stopped to answer is waited for once, and looked for once at a time", async () => {
  const { store, book, clock, mint, state } = await stageOfAway();
  const { text, token } = await mint();
  await book.find(text);
  const answers = Promise.withResolvers<void>();
  state.held = answers.promise;
  clock.time += 1_000;
  const first = book.find(text);
  expect(first).toBeInstanceOf(Promise);
  await first;
  const looks = state.looks;
  for (let calls = 0; calls < 20; calls += 1) {
    clock.time += 1_000;
    expect(book.find(text)).not.toBeInstanceOf(Promise);
  }
  expect(state.looks).toBe(looks);

  await store.tokens.revoke(token.id, by);
  state.held = undefined;
  answers.resolve();
  await Bun.sleep(50);
  clock.time += 1_000;
  expect(await codeOf(() => book.find(text))).toBe("token_inactive");
});

test("a database that can't be reached is asked five times a second, and nobody waits for that while calls come", async () => {
  const { book, clock, mint, state } = await stageOfAway();
  const { text } = await mint();
  await book.find(text);
  state.isAway = true;
  clock.time += 1_000;
  await book.find(text);
  const looks = state.looks;
  for (let calls = 0; calls < 20; calls += 1) {
    clock.time += 100;
    expect(book.find(text)).not.toBeInstanceOf(Promise);
    await Bun.sleep(1);
  }
  expect(state.looks - looks).toBe(10);
});

test("what was revoked while the database was away is refused within a second of its return, and at once by a call after a pause", async () => {
  const { store, book, clock, mint, state } = await stageOfAway();
  const tokens = [await mint(), await mint()];
  for (const { text } of tokens) await book.find(text);
  state.isAway = true;
  clock.time += 1_000;
  for (const { text } of tokens) await book.find(text);
  for (const { token } of tokens) await store.tokens.revoke(token.id, by);
  state.isAway = false;
  const [one, other] = tokens.map(({ text }) => text);
  clock.time += 400;
  await codeOf(() => book.find(one ?? ""));
  await Bun.sleep(50);
  expect(await codeOf(() => book.find(one ?? ""))).toBe("token_inactive");
  state.isAway = true;
  clock.time += 1_000;
  await codeOf(() => book.find(other ?? ""));
  state.isAway = false;
  clock.time += 1_000;
  expect(await codeOf(() => book.find(other ?? ""))).toBe("token_inactive");
});
