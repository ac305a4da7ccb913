import { crc32 } from "node:zlib";
import { Refusal, type RefusalCode } from "../domain/refusal.ts";
import { compileGlobs } from "../lib/glob.ts";
import { isTokenText, type TokenId } from "../domain/token.ts";
import { digestToken, type TokenAccess, type TokenStore } from "../storage/tokens.ts";
import type { Clock } from "./arrival.ts";
import { compilePolicy, type RuleSource } from "./policy.ts";

/** What a token lets its bearer do, ready for the request path. */
export type Pass = TokenAccess &
  RuleSource & {
    /** The digest of the token's text. */
    readonly digest: string;
    /** How often in succession it was refused for want of requests. */
    refused: number;
    /** Its database isn't asked before this monotonic millisecond: it has said often enough that no request is left. */
    askAgainAt: number;
  };

/** Tokens that were asked for lately, in memory: a warm one costs no database work, and none outlives its revocation by a second. */
export type TokenBook = {
  /** The pass of a token that may call now; throws a `Refusal`. Only what isn't known yet has to be waited for. */
  readonly find: (text: string) => Pass | Promise<Pass>;
  /** Throws a `Refusal` where the pass may not call any more. */
  readonly check: (pass: Pass) => void;
  /** Counts one request, which goes upstream now; throws a `Refusal` where none is left. Only a counted life has to be waited for. */
  readonly use: (pass: Pass) => Promise<void> | undefined;
  /** Takes back a request that never reached an upstream; never rejects. */
  readonly giveBack: (pass: Pass) => Promise<void>;
  /** Counts an answer from the cache, which takes nothing from a life's requests. */
  readonly countHit: (pass: Pass) => void;
  /** The pass as it is now, with what was changed since; throws a `Refusal` where it may not call any more. */
  readonly renew: (pass: Pass) => Pass | Promise<Pass>;
  /** Something was changed by this very process; it holds when this is done. */
  readonly changed: () => Promise<void>;
  /** Tokens that are in it. */
  readonly count: () => number;
  /** Writes down what was counted. */
  readonly close: () => Promise<void>;
};

/** What the book is made of. */
export type TokenBookParts = {
  readonly tokens: Pick<TokenStore, "findAccess" | "spend" | "giveBack" | "addUses" | "changedSince">;
  /** A number that differs once another process has changed the database, where that is known without asking it. */
  readonly version: () => number | undefined;
  readonly clock: Clock;
  readonly onTrouble: (error: unknown, phrase: string) => void;
};

/** Changes of others are looked for when they were last looked for this long ago, and waited for after the second. Milliseconds. */
const lookAfterMs = 200;
const waitAfterMs = 700;
/** A database that doesn't answer is waited for this long, once: what has just been away isn't. Milliseconds. */
const patienceMs = 300;
const longPatienceMs = 5_000;
/** What is known holds for so long without it: a restart takes less, and a token that was revoked elsewhere must not live on for ever. Milliseconds. */
const holdsForMs = 600_000;

const flushEveryMs = 500;
/** After so many refusals in vain a used up token costs the database nothing for a moment; milliseconds. */
const patientRefusals = 50;
const usedUpMs = 200;

/** Entries of each kind. */
const mostKnown = 20_000;

/** Creates an empty book. */
export function createTokenBook({ tokens, version, clock, onTrouble }: TokenBookParts): TokenBook {
  const known = new Map<string, Pass>();
  const unknown = new Set<string>();
  const uses = new Map<TokenId, { count: number; hits: number; lastUsedAt: number }>();
  /** The last change that was heard of; unknown until it was looked for once. */
  let epoch: number | undefined;
  let seenVersion: number | undefined;
  /** When everything of others was known for the last time. */
  let freshAt = clock.elapsed();
  /** A database in trouble is left alone until then. */
  let lookAgainAt = 0;
  let looking: Promise<void> | undefined;
  /** Until then it is taken to be away still, and so is it as long as this look goes on, which nobody waits for any more. */
  let awayUntil = 0;
  let unanswered: Promise<void> | undefined;
  /** This process changed something, which the version doesn't tell. */
  let stale = false;
  /** Grows with each change that was heard of, so that a look-up knows that it may have read what was before. */
  let generation = 0;
  let flushTimer: ReturnType<typeof setTimeout> | undefined;
  let flushing: Promise<void> | undefined;

  return {
    find(text) {
      const digest = digestToken(text);
      // What is known is one.
      if (!known.has(digest) && !isTokenText(text, crc32)) throw new Refusal("token_invalid");
      return whenFresh(digest);
    },
    check,
    use(pass) {
      const { token } = pass;
      if (token.maxRequests === undefined) {
        count(token.id, 1);
        return undefined;
      }
      if (clock.elapsed() < pass.askAgainAt) throw refuse("quota_exceeded", pass);
      return spend(pass);
    },
    async giveBack({ token }) {
      if (token.maxRequests === undefined) return count(token.id, -1);
      await tokens
        .giveBack(token.id)
        .catch((error: unknown) => onTrouble(error, "a request could not be given back to its token"));
    },
    countHit: ({ token }) => count(token.id, 0, 1),
    renew: ({ digest }) => whenFresh(digest),
    count: () => known.size,
    async changed() {
      stale = true;
      // What is being read may have been read before the change.
      await looking;
      if (stale) await look();
    },
    async close() {
      clearTimeout(flushTimer);
      await flushing;
      await flush();
    },
  };

  function whenFresh(digest: string): Pass | Promise<Pass> {
    const now = clock.elapsed();
    const age = now - freshAt;
    if (age < lookAfterMs) return open(digest);
    const current = version();
    if (!stale && current !== undefined && current === seenVersion) {
      freshAt = now;
      return open(digest);
    }
    if (now < lookAgainAt) return open(digest);
    const looked = look(current);
    if (now < awayUntil) unanswered = looked;
    return age < waitAfterMs || looked === unanswered ? open(digest) : waitFor(looked, age).then(() => open(digest));
  }

  /** A database that doesn't answer is not waited for by everybody. */
  async function waitFor(looked: Promise<void>, age: number): Promise<void> {
    await Promise.race([looked, Bun.sleep(age > holdsForMs ? longPatienceMs : patienceMs)]);
    if (looking === looked) unanswered = looked;
  }

  function open(digest: string): Pass | Promise<Pass> {
    const pass = known.get(digest);
    if (!pass) return findUnknown(digest);
    if (clock.elapsed() - freshAt > holdsForMs) throw new Refusal("dependency_unavailable");
    check(pass);
    return pass;
  }

  function check(pass: Pass): void {
    const { token, project } = pass;
    if (!token.isActive) throw refuse("token_inactive", pass);
    if (token.expiresAt !== undefined && token.expiresAt <= clock.now()) throw refuse("token_expired", pass);
    if (!project.isActive) throw refuse("project_inactive", pass);
  }

  async function findUnknown(digest: string): Promise<Pass> {
    if (unknown.has(digest)) throw new Refusal("token_unknown");
    const access = await readAccess(digest);
    if (!access) {
      if (unknown.size >= mostKnown) unknown.clear();
      unknown.add(digest);
      throw new Refusal("token_unknown");
    }
    const pass = { ...access, ...readRules(access), digest, refused: 0, askAgainAt: 0 };
    if (known.size >= mostKnown) for (const oldest of known.keys()) if (known.delete(oldest)) break;
    known.set(digest, pass);
    check(pass);
    return pass;
  }

  /** What is read while something is being changed may be from before the change, so it is read again. */
  async function readAccess(digest: string): Promise<TokenAccess | undefined> {
    try {
      for (;;) {
        const before = generation;
        const access = await tokens.findAccess(digest);
        if (before === generation) return access;
      }
    } catch (error) {
      onTrouble(error, "a token could not be looked up");
      throw new Refusal("dependency_unavailable");
    }
  }

  function look(current = version()): Promise<void> {
    looking ??= learn(current).finally(() => {
      looking = undefined;
    });
    return looking;
  }

  async function learn(current: number | undefined): Promise<void> {
    const at = clock.elapsed();
    stale = false;
    try {
      const changes = await tokens.changedSince(epoch);
      if (epoch === undefined) forgetAll();
      else if (changes.epoch !== epoch) forget(new Set(changes.tokens), new Set(changes.projects));
      epoch = changes.epoch;
      seenVersion = current;
      freshAt = at;
    } catch (error) {
      stale = true;
      const now = clock.elapsed();
      lookAgainAt = now + lookAfterMs;
      awayUntil = now + waitAfterMs;
      onTrouble(error, "changes of projects and tokens could not be read");
    }
  }

  function forgetAll(): void {
    generation += 1;
    unknown.clear();
    known.clear();
  }

  function forget(changedTokens: ReadonlySet<string>, changedProjects: ReadonlySet<string>): void {
    generation += 1;
    unknown.clear();
    for (const [digest, { token }] of known)
      if (changedTokens.has(token.id) || changedProjects.has(token.projectId)) known.delete(digest);
  }

  async function spend(pass: Pass): Promise<void> {
    const { token } = pass;
    if (await tryToSpend(token.id)) {
      pass.refused = 0;
      return;
    }
    // It may have been changed, or be used up: a change is heard of by now.
    await look();
    check(known.get(pass.digest) ?? pass);
    pass.refused += 1;
    if (pass.refused % patientRefusals === 0) pass.askAgainAt = clock.elapsed() + usedUpMs;
    throw refuse("quota_exceeded", pass);
  }

  async function tryToSpend(id: TokenId): Promise<boolean> {
    try {
      return await tokens.spend(id);
    } catch (error) {
      onTrouble(error, "a token's request could not be counted");
      throw new Refusal("dependency_unavailable");
    }
  }

  function count(id: TokenId, by: number, hits = 0): void {
    const entry = uses.get(id);
    if (entry) {
      entry.count += by;
      entry.hits += hits;
      entry.lastUsedAt = clock.now();
    } else uses.set(id, { count: by, hits, lastUsedAt: clock.now() });
    flushTimer ??= setTimeout(() => {
      flushing = flush();
    }, flushEveryMs);
  }

  async function flush(): Promise<void> {
    flushTimer = undefined;
    if (uses.size === 0) return;
    const taken = [...uses].map(([id, use]) => ({ id, ...use }));
    uses.clear();
    try {
      await tokens.addUses(taken);
    } catch (error) {
      onTrouble(error, "uses of tokens could not be written down and are tried again");
      for (const { id, count: by, hits } of taken) count(id, by, hits);
    }
  }
}

function readRules({ project, token: { allowedModels } }: TokenAccess): RuleSource {
  const policy = compilePolicy(project.policy);
  return { ...(policy && { policy }), ...(allowedModels && { allowedModels: compileGlobs(allowedModels) }) };
}

function refuse(code: RefusalCode, pass: Pass): Refusal {
  return new Refusal(code, { subject: subjectOf(pass) });
}

/** Whose calls are made with a pass. */
export function subjectOf({ token }: Pass): { readonly projectId: string; readonly tokenId: string } {
  return { projectId: token.projectId, tokenId: token.id };
}
