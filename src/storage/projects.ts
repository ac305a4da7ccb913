import type { Transaction } from "kysely";
import type { Actor, AuditEvent } from "../domain/audit.ts";
import { mask, type NewProject, type Project, type ProjectChange, type ProjectId } from "../domain/project.ts";
import type { Vault } from "../lib/seal.ts";
import type { Changes } from "./change.ts";
import { containsText } from "./contains-text.ts";
import type { Storage } from "./database.ts";
import { difference } from "./difference.ts";
import { type Page, type Paged, toPaged } from "./page.ts";
import { revokeTokens } from "./revoke-tokens.ts";
import { createSpentReader } from "./spent.ts";
import { readStored } from "./stored-json.ts";
import { writeBound } from "./write-bound.ts";
import type { ProjectRow, ProviderKeyRow, Tables } from "./tables.ts";

/** There is a project of that name already. */
export class NameTaken extends Error {
  override readonly name = "NameTaken";
}

/** What the store of projects is made of. */
export type ProjectStoreParts = {
  readonly storage: Pick<Storage, "db">;
  readonly changes: Changes;
  readonly vault: Vault;
  readonly now: () => number;
};

/** Reads and changes projects. */
export type ProjectStore = ReturnType<typeof createProjectStore>;

/** The place that a provider's key is sealed for. */
export function keyContext(projectId: string, provider: string): string {
  return `${projectId}/${provider}`;
}

/** Creates the store of projects. Nothing is ever deleted. */
export function createProjectStore({ storage: { db }, changes, vault, now }: ProjectStoreParts) {
  return {
    readSpent: createSpentReader(db, "project", now),
    /** The latest first. */
    async list(
      { isActive, search }: { readonly isActive?: boolean | undefined; readonly search?: string | undefined },
      page: Page,
    ): Promise<Paged<Project>> {
      let query = db
        .selectFrom("projects")
        .selectAll()
        .orderBy("id", "desc")
        .limit(page.limit + 1);
      if (isActive !== undefined) query = query.where("is_active", "=", isActive ? 1 : 0);
      if (search !== undefined) query = query.where(containsText("name", search));
      if (page.after !== undefined) query = query.where("id", "<", page.after);
      if (page.offset) query = query.offset(page.offset);
      const { items, ...rest } = toPaged(await query.execute(), page);
      const keys = await listKeys(items.map(({ id }) => id));
      return { items: items.map((row) => readProject(row, keys)), ...rest };
    },
    find: (id: ProjectId) => find(db, id),
    /** Throws `NameTaken`. */
    add: (wanted: NewProject, actor: Actor): Promise<Project> =>
      changes.run(actor, async (trx, epoch) => {
        const id = Bun.randomUUIDv7();
        const at = now();
        await refuseTakenName(trx, wanted.name, id);
        const isActive = wanted.isActive ?? true;
        await trx
          .insertInto("projects")
          .values({
            id,
            name: wanted.name,
            is_active: isActive ? 1 : 0,
            deactivated_at: isActive ? null : at,
            created_at: at,
            updated_at: at,
            metadata: JSON.stringify(wanted.metadata ?? {}),
            policy: JSON.stringify(wanted.policy ?? {}),
            settings: JSON.stringify(wanted.settings ?? {}),
            limits: writeBound(wanted.limits),
            budgets: writeBound(wanted.budgets),
            epoch,
          })
          .execute();
        await writeKeys(trx, id, wanted.keys ?? {});
        const value = await found(trx, id);
        return { value, events: [{ action: "project.create", outcome: "success", projectId: id, after: show(value) }] };
      }),
    /** `undefined` where there is none; throws `NameTaken`. */
    update: (
      id: ProjectId,
      change: ProjectChange,
      actor: Actor,
    ): Promise<{ readonly project: Project; readonly revokedTokens: number } | undefined> =>
      changes.run(actor, async (trx, epoch) => {
        const before = await find(trx, id);
        if (!before) return { value: undefined, events: [] };
        if (change.name !== undefined) await refuseTakenName(trx, change.name, id);
        const at = now();
        await trx
          .updateTable("projects")
          .set({ ...writeChange(before, change, at), epoch })
          .where("id", "=", id)
          .execute();
        await writeKeys(trx, id, change.keys ?? {});
        const revoked = change.revokeTokens === true ? await revokeTokens(trx, { projectId: id, epoch, at }) : 0;
        const project = await found(trx, id);
        const events: AuditEvent[] = [
          {
            action: actionOf(before, project),
            outcome: "success",
            projectId: id,
            ...difference(show(before), show(project)),
          },
          ...(change.revokeTokens === true
            ? [{ action: "token.revoke_batch", outcome: "success", projectId: id, after: { revoked } } as const]
            : []),
        ];
        return { value: { project, revokedTokens: revoked }, events };
      }),
    /** Whether any project, active or not, has a key for that provider. */
    async hasKeyFor(provider: string): Promise<boolean> {
      const row = await db
        .selectFrom("provider_keys")
        .select("project_id")
        .where("provider", "=", provider)
        .limit(1)
        .executeTakeFirst();
      return row !== undefined;
    },
  };

  function writeChange(before: Project, change: ProjectChange, at: number) {
    const { name, isActive, metadata, policy, settings, limits, budgets } = change;
    return {
      updated_at: at,
      ...(name === undefined ? {} : { name }),
      ...(isActive === undefined || isActive === before.isActive
        ? {}
        : { is_active: isActive ? 1 : 0, deactivated_at: isActive ? null : at }),
      ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }),
      ...(policy === undefined ? {} : { policy: JSON.stringify({ ...before.policy, ...policy }) }),
      ...(settings === undefined ? {} : { settings: JSON.stringify({ ...before.settings, ...settings }) }),
      ...(limits === undefined ? {} : { limits: writeBound(limits && { ...before.limits, ...limits }) }),
      ...(budgets === undefined ? {} : { budgets: writeBound(budgets) }),
    };
  }

  async function writeKeys(
    trx: Transaction<Tables>,
    id: ProjectId,
    keys: Readonly<Record<string, string | null>>,
  ): Promise<void> {
    for (const [provider, key] of Object.entries(keys)) {
      await trx.deleteFrom("provider_keys").where("project_id", "=", id).where("provider", "=", provider).execute();
      if (key === null) continue;
      const sealed = vault.seal(key, keyContext(id, provider));
      await trx
        .insertInto("provider_keys")
        .values({ project_id: id, provider, sealed, shown: mask(key) })
        .execute();
    }
  }

  async function listKeys(ids: readonly ProjectId[]): Promise<readonly ProviderKeyRow[]> {
    return ids.length === 0 ? [] : db.selectFrom("provider_keys").selectAll().where("project_id", "in", ids).execute();
  }
}

type Reader = Pick<Transaction<Tables>, "selectFrom">;

async function find(db: Reader, id: ProjectId): Promise<Project | undefined> {
  const row = await db.selectFrom("projects").selectAll().where("id", "=", id).executeTakeFirst();
  if (!row) return undefined;
  return readProject(row, await db.selectFrom("provider_keys").selectAll().where("project_id", "=", id).execute());
}

async function found(db: Reader, id: ProjectId): Promise<Project> {
  const project = await find(db, id);
  if (!project) throw new Error(`The project ${id} is gone in the middle of its change`);
  return project;
}

async function refuseTakenName(db: Reader, name: string, id: ProjectId): Promise<void> {
  const other = await db
    .selectFrom("projects")
    .select("id")
    .where("name", "=", name)
    .where("id", "!=", id)
    .executeTakeFirst();
  if (other) throw new NameTaken(`There is a project named ${JSON.stringify(name)} already`);
}

/** Makes a project of its row and the key rows of all that were asked for. */
export function readProject(row: ProjectRow, keys: readonly ProviderKeyRow[]): Project {
  const own = keys.filter(({ project_id }) => project_id === row.id);
  return {
    id: row.id,
    name: row.name,
    shownKeys: Object.fromEntries(own.map(({ provider, shown }) => [provider, shown])),
    isActive: row.is_active === 1,
    ...(row.deactivated_at === null ? {} : { deactivatedAt: row.deactivated_at }),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    metadata: readStored(row.metadata),
    policy: readStored(row.policy),
    settings: readStored(row.settings),
    ...(row.limits === null ? {} : { limits: readStored(row.limits) }),
    ...(row.budgets === null ? {} : { budgets: readStored(row.budgets) }),
  };
}

function actionOf(before: Project, after: Project): AuditEvent["action"] {
  if (before.isActive === after.isActive) return "project.update";
  return after.isActive ? "project.activate" : "project.deactivate";
}

function show(project: Project): Readonly<Record<string, unknown>> {
  const { name, shownKeys, isActive, metadata, policy, settings, limits, budgets } = project;
  return { name, provider_keys: shownKeys, is_active: isActive, metadata, policy, settings, limits, budget: budgets };
}
