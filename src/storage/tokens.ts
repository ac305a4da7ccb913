import { createHmac, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Transaction } from "kysely";
import type { Actor, AuditEvent } from "../domain/audit.ts";
import type { Project, ProjectId } from "../domain/project.ts";
import {
  createTokenText,
  maskToken,
  type NewToken,
  type Token,
  type TokenChange,
  type TokenId,
} from "../domain/token.ts";
import type { Vault } from "../lib/seal.ts";
import type { Changes } from "./change.ts";
import type { Storage } from "./database.ts";
import { difference } from "./difference.ts";
import { type Page, type Paged, toPaged } from "./page.ts";
import { keyContext, readProject } from "./projects.ts";
import { revokeTokens } from "./revoke-tokens.ts";
import { createSpentReader } from "./spent.ts";
import { readStored } from "./stored-json.ts";
import type { Tables, TokenRow } from "./tables.ts";
import { createTokenUses } from "./token-uses.ts";
import { writeBound } from "./write-bound.ts";

/** There is no such project. */
export class ProjectUnknown extends Error {
  override readonly name = "ProjectUnknown";
}

/** The project is not active, so it gets no tokens. */
export class ProjectInactive extends Error {
  override readonly name = "ProjectInactive";
}

/** A token with the project that it opens, as the data plane needs both. */
export type TokenAccess = {
  readonly token: Token;
  readonly project: Project;
  /** The project's keys in the clear, by provider; `undefined` for one that can't be unsealed. */
  readonly keys: ReadonlyMap<string, string | undefined>;
};

/** What the store of tokens is made of. */
export type TokenStoreParts = {
  readonly storage: Pick<Storage, "db">;
  readonly changes: Changes;
  readonly vault: Vault;
  /** The database's own secret, without which hashes of tokens are worth nothing. */
  readonly pepper: Uint8Array;
  readonly now: () => number;
};

/** What tokens are looked for by. */
export type TokenFilter = {
  readonly projectId?: string | undefined;
  readonly isActive?: boolean | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresBefore?: number | undefined;
};

/** Reads and changes tokens. */
export type TokenStore = ReturnType<typeof createTokenStore>;

/** The SHA-256 of a token's text, which is all of it that is kept anywhere in memory. */
export function digestToken(text: string): string {
  return Bun.SHA256.hash(text, "hex");
}

/** Creates the store of tokens. Nothing is ever deleted. */
export function createTokenStore({ storage: { db }, changes, vault, pepper, now }: TokenStoreParts) {
  return {
    ...createTokenUses({ db, now }),
    readSpent: createSpentReader(db, "token", now),
    /** The latest first. */
    async list({ projectId, isActive, expiresBefore }: TokenFilter, page: Page): Promise<Paged<Token>> {
      let query = db
        .selectFrom("tokens")
        .selectAll()
        .orderBy("id", "desc")
        .limit(page.limit + 1);
      if (projectId !== undefined) query = query.where("project_id", "=", projectId);
      if (isActive === true)
        query = query
          .where("is_active", "=", 1)
          .where((table) => table.or([table("expires_at", "is", null), table("expires_at", ">", now())]));
      if (isActive === false)
        query = query.where((table) => table.or([table("is_active", "=", 0), table("expires_at", "<=", now())]));
      if (expiresBefore !== undefined) query = query.where("expires_at", "<", Math.ceil(expiresBefore));
      if (page.after !== undefined) query = query.where("id", "<", page.after);
      if (page.offset) query = query.offset(page.offset);
      const { items, ...rest } = toPaged(await query.execute(), page);
      return { items: items.map(readToken), ...rest };
    },
    find: (id: TokenId) => find(db, id),
    /** Gives the token's text too, this once; throws `ProjectUnknown` and `ProjectInactive`. */
    add: (wanted: NewToken, actor: Actor): Promise<{ readonly token: Token; readonly text: string }> =>
      changes.run(actor, async (trx, epoch) => {
        await refuseInactiveProject(trx, wanted.projectId);
        const text = createTokenText(randomBytes, crc32);
        const at = now();
        const isActive = wanted.isActive ?? true;
        const id = Bun.randomUUIDv7();
        await trx
          .insertInto("tokens")
          .values({
            id,
            project_id: wanted.projectId,
            hash: hashDigest(digestToken(text)),
            shown: maskToken(text),
            name: wanted.name ?? null,
            expires_at: wanted.expiresAt ?? null,
            max_requests: wanted.maxRequests ?? null,
            is_active: isActive ? 1 : 0,
            deactivated_at: isActive ? null : at,
            created_at: at,
            updated_at: at,
            last_used_at: null,
            request_count: 0,
            cache_hit_count: 0,
            user_id: wanted.userId ?? null,
            allowed_models: wanted.allowedModels ? JSON.stringify(wanted.allowedModels) : null,
            metadata: JSON.stringify(wanted.metadata ?? {}),
            limits: writeBound(wanted.limits),
            budgets: writeBound(wanted.budgets),
            epoch,
          })
          .execute();
        const token = await found(trx, id);
        const event = { action: "token.create", outcome: "success", after: show(token) } as const;
        return { value: { token, text }, events: [{ ...event, projectId: token.projectId, tokenId: id }] };
      }),
    /** `undefined` where there is none. A counter is never written. */
    update: (id: TokenId, change: TokenChange, actor: Actor): Promise<Token | undefined> =>
      changes.run(actor, async (trx, epoch) => {
        const before = await find(trx, id);
        if (!before) return { value: undefined, events: [] };
        await trx
          .updateTable("tokens")
          .set({ ...writeChange(before, change), epoch })
          .where("id", "=", id)
          .execute();
        const after = await found(trx, id);
        return { value: after, events: [about(after, "token.update", difference(show(before), show(after)))] };
      }),
    /** Says whether there is such a token; revoking it again changes nothing. */
    revoke: (id: TokenId, actor: Actor): Promise<boolean> =>
      changes.run(actor, async (trx, epoch) => {
        const token = await find(trx, id);
        if (!token) return { value: false, events: [] };
        const at = now();
        if (token.isActive)
          await trx
            .updateTable("tokens")
            .set({ is_active: 0, deactivated_at: at, updated_at: at, epoch })
            .where("id", "=", id)
            .execute();
        const reason = token.isActive ? {} : { reason: "it was revoked already" };
        return { value: true, events: [about(token, "token.revoke", reason)] };
      }),
    /** Revokes every active token of a project; `undefined` where there is no such project. */
    revokeAll: (
      projectId: ProjectId,
      actor: Actor,
    ): Promise<{ readonly revoked: number; readonly total: number } | undefined> =>
      changes.run(actor, async (trx, epoch) => {
        const project = await trx.selectFrom("projects").select("id").where("id", "=", projectId).executeTakeFirst();
        if (!project) return { value: undefined, events: [] };
        const revoked = await revokeTokens(trx, { projectId, epoch, at: now() });
        const { total } = await trx
          .selectFrom("tokens")
          .select((table) => table.fn.countAll<number>().as("total"))
          .where("project_id", "=", projectId)
          .executeTakeFirstOrThrow();
        const event = { action: "token.revoke_batch", outcome: "success", projectId, after: { revoked } } as const;
        return { value: { revoked, total }, events: [event] };
      }),
    /** Deactivates what has expired, a thousand at most; returns how many those were. */
    async deactivateExpired(actor: Actor): Promise<number> {
      const expired = await db
        .selectFrom("tokens")
        .select("id")
        .where("is_active", "=", 1)
        .where("expires_at", "<=", now())
        .limit(1000)
        .execute();
      if (expired.length === 0) return 0;
      const ids = expired.map(({ id }) => id);
      return changes.run(actor, async (trx, epoch) => {
        const at = now();
        const { numUpdatedRows } = await trx
          .updateTable("tokens")
          .set({ is_active: 0, deactivated_at: at, updated_at: at, epoch })
          .where("id", "in", ids)
          .where("is_active", "=", 1)
          .where("expires_at", "<=", at)
          .executeTakeFirstOrThrow();
        const count = Number(numUpdatedRows);
        const event = { action: "token.expire", outcome: "success", after: { count } } as const;
        return { value: count, events: count > 0 ? [event] : [] };
      });
    },
    /** What a token opens, by the digest of its text; `undefined` where there is no such token. */
    async findAccess(digest: string): Promise<TokenAccess | undefined> {
      const row = await db.selectFrom("tokens").selectAll().where("hash", "=", hashDigest(digest)).executeTakeFirst();
      if (!row) return undefined;
      const [project, keys] = await Promise.all([
        db.selectFrom("projects").selectAll().where("id", "=", row.project_id).executeTakeFirstOrThrow(),
        db.selectFrom("provider_keys").selectAll().where("project_id", "=", row.project_id).execute(),
      ]);
      return {
        token: readToken(row),
        project: readProject(project, keys),
        keys: new Map(keys.map(({ provider, sealed }) => [provider, tryUnseal(row.project_id, provider, sealed)])),
      };
    },
    /** What was changed after a change of that number, in any process, and the number of the last one, which is all where none is given. */
    async changedSince(epoch: number | undefined): Promise<{
      readonly epoch: number;
      readonly tokens: readonly TokenId[];
      readonly projects: readonly ProjectId[];
    }> {
      const state = await db.selectFrom("state").select("epoch").executeTakeFirstOrThrow();
      if (epoch === undefined || state.epoch === epoch) return { epoch: state.epoch, tokens: [], projects: [] };
      const [tokens, projects] = await Promise.all([
        db.selectFrom("tokens").select("id").where("epoch", ">", epoch).execute(),
        db.selectFrom("projects").select("id").where("epoch", ">", epoch).execute(),
      ]);
      return { epoch: state.epoch, tokens: tokens.map(({ id }) => id), projects: projects.map(({ id }) => id) };
    },
  };

  function hashDigest(digest: string): string {
    return createHmac("sha256", pepper).update(Buffer.from(digest, "hex")).digest("hex");
  }

  function tryUnseal(projectId: string, provider: string, sealed: string): string | undefined {
    try {
      return vault.unseal(sealed, keyContext(projectId, provider));
    } catch {
      return undefined;
    }
  }

  function writeChange(before: Token, change: TokenChange) {
    const at = now();
    const { name, isActive, expiresAt, maxRequests, userId, allowedModels, metadata, limits, budgets } = change;
    return {
      updated_at: at,
      ...(name === undefined ? {} : { name }),
      ...(isActive === undefined || isActive === before.isActive
        ? {}
        : { is_active: isActive ? 1 : 0, deactivated_at: isActive ? null : at }),
      ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
      ...(maxRequests === undefined ? {} : { max_requests: maxRequests }),
      ...(userId === undefined ? {} : { user_id: userId }),
      ...(allowedModels === undefined ? {} : { allowed_models: allowedModels && JSON.stringify(allowedModels) }),
      ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }),
      ...(limits === undefined ? {} : { limits: writeBound(limits && { ...before.limits, ...limits }) }),
      ...(budgets === undefined ? {} : { budgets: writeBound(budgets) }),
    };
  }
}

type Reader = Pick<Transaction<Tables>, "selectFrom">;

async function find(db: Reader, id: TokenId): Promise<Token | undefined> {
  const row = await db.selectFrom("tokens").selectAll().where("id", "=", id).executeTakeFirst();
  return row && readToken(row);
}

async function found(db: Reader, id: TokenId): Promise<Token> {
  const token = await find(db, id);
  if (!token) throw new Error(`The token ${id} is gone in the middle of its change`);
  return token;
}

async function refuseInactiveProject(db: Reader, id: ProjectId): Promise<void> {
  const project = await db.selectFrom("projects").select("is_active").where("id", "=", id).executeTakeFirst();
  if (!project) throw new ProjectUnknown(`There is no project with the id ${JSON.stringify(id)}`);
  if (project.is_active !== 1) throw new ProjectInactive("The project is not active");
}

function readToken(row: TokenRow): Token {
  return {
    id: row.id,
    projectId: row.project_id,
    shown: row.shown,
    isActive: row.is_active === 1,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    requestCount: row.request_count,
    cacheHitCount: row.cache_hit_count,
    metadata: readStored(row.metadata),
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.max_requests === null ? {} : { maxRequests: row.max_requests }),
    ...(row.deactivated_at === null ? {} : { deactivatedAt: row.deactivated_at }),
    ...(row.last_used_at === null ? {} : { lastUsedAt: row.last_used_at }),
    ...(row.user_id === null ? {} : { userId: row.user_id }),
    ...(row.allowed_models === null ? {} : { allowedModels: readStored(row.allowed_models) }),
    ...(row.limits === null ? {} : { limits: readStored(row.limits) }),
    ...(row.budgets === null ? {} : { budgets: readStored(row.budgets) }),
  };
}

function about({ id, projectId }: Token, action: AuditEvent["action"], more: Partial<AuditEvent>): AuditEvent {
  return { action, outcome: "success", projectId, tokenId: id, ...more };
}

function show(token: Token): Readonly<Record<string, unknown>> {
  const { name, expiresAt, maxRequests, isActive, userId, allowedModels, metadata, limits, budgets } = token;
  return {
    name,
    expires_at: expiresAt === undefined ? undefined : new Date(expiresAt).toISOString(),
    max_requests: maxRequests,
    is_active: isActive,
    user_id: userId,
    allowed_models: allowedModels,
    metadata,
    limits,
    budget: budgets,
  };
}
