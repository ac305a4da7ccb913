import type { Expression, ExpressionBuilder, SqlBool, Transaction } from "kysely";
import type { Actor, AuditEntry, AuditEvent } from "../domain/audit.ts";
import { type ChainCheck, type ChainEnd, createChainCheck, joinEntries, readEntry } from "./audit-chain.ts";
import { containsText } from "./contains-text.ts";
import type { Storage } from "./database.ts";
import { type Page, type Paged, toPaged } from "./page.ts";
import type { AuditRow, Tables } from "./tables.ts";

/** Where entries are copied to, or kept where the database keeps none. */
export type AuditFile = {
  /** Takes entries that were committed; never throws. */
  readonly copy: (rows: readonly AuditRow[]) => void;
  /** Joins events to the file's own chain and writes them through to the disk; throws where it can't. */
  readonly append: (actor: Actor, events: readonly AuditEvent[]) => void;
};

/** What the audit is made of. */
export type AuditParts = {
  readonly enabled: boolean;
  readonly inDatabase: boolean;
  readonly file?: AuditFile | undefined;
  readonly now: () => number;
};

/** Writes what was done, in the transaction in which it is done. */
export type Audit = {
  /** Writes entries after `end`, which is locked; gives what the transaction has to leave as the end, and what to copy once it is committed. */
  readonly write: (
    trx: Transaction<Tables>,
    end: ChainEnd,
    actor: Actor,
    events: readonly AuditEvent[],
  ) => Promise<readonly AuditRow[]>;
  /** Tells the file of what was committed. */
  readonly committed: (rows: readonly AuditRow[]) => void;
};

/** Creates the writer. */
export function createAudit({ enabled, inDatabase, file, now }: AuditParts): Audit {
  return {
    async write(trx, end, actor, events) {
      if (!enabled || events.length === 0) return [];
      if (!inDatabase) {
        file?.append(actor, events);
        return [];
      }
      const rows = joinEntries(end, actor, events, { at: now(), createId: () => Bun.randomUUIDv7() });
      await trx.insertInto("audit").values(rows).execute();
      return rows;
    },
    committed: (rows) => file?.copy(rows),
  };
}

/** What entries are looked for by; times in milliseconds since the epoch, both inclusive. */
export type AuditFilter = {
  readonly action?: string | undefined;
  readonly actor?: string | undefined;
  readonly projectId?: string | undefined;
  readonly tokenId?: string | undefined;
  readonly requestId?: string | undefined;
  readonly outcome?: string | undefined;
  readonly clientAddress?: string | undefined;
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  readonly search?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
};

/** Reads entries. */
export type AuditStore = ReturnType<typeof createAuditStore>;

/** Creates the store of entries that are in the database. */
export function createAuditStore({ db }: Pick<Storage, "db">) {
  return {
    /** The latest first. */
    async list(filter: AuditFilter, page: Page): Promise<Paged<AuditEntry>> {
      let query = db
        .selectFrom("audit")
        .selectAll()
        .where((table) => table.and(conditions(table, filter)))
        .orderBy("seq", "desc")
        .limit(page.limit + 1);
      if (page.offset) query = query.offset(page.offset);
      if (page.after !== undefined) {
        const last = await db.selectFrom("audit").select("seq").where("id", "=", page.after).executeTakeFirst();
        if (last) query = query.where("seq", "<", last.seq);
      }
      const { items, ...rest } = toPaged(await query.execute(), page);
      return { items: items.map(readEntry), ...rest };
    },
    async find(id: string): Promise<AuditEntry | undefined> {
      const row = await db.selectFrom("audit").selectAll().where("id", "=", id).executeTakeFirst();
      return row && readEntry(row);
    },
    /** Looks through the whole chain; a missing end is found by what the database knows of it, and so is one that is too long. */
    async verify(): Promise<ChainCheck> {
      const check = createChainCheck();
      for (;;) {
        // It is read before the rows, so that where no row is left it is not behind them.
        const end = await db.selectFrom("state").select(["audit_seq", "audit_hash"]).executeTakeFirstOrThrow();
        const rows = await after(check.end().seq, 1000);
        for (const row of rows)
          if (!check.add(row)) return { ok: false, checked: check.checked(), brokenAt: check.end().seq + 1 };
        if (rows.length > 0) continue;
        const { seq, hash } = check.end();
        if (seq === end.audit_seq && hash === end.audit_hash) return { ok: true, checked: check.checked() };
        const right = Math.min(seq, end.audit_seq);
        return { ok: false, checked: right, brokenAt: right + 1 };
      }
    },
    /** Entries after one, in their order, for the file that copies them. */
    after,
  };

  function after(seq: number, limit: number): Promise<readonly AuditRow[]> {
    return db.selectFrom("audit").selectAll().where("seq", ">", seq).orderBy("seq").limit(limit).execute();
  }
}

const searched = [
  "action",
  "outcome",
  "reason",
  "actor",
  "project_id",
  "token_id",
  "request_id",
  "client_address",
  "method",
  "path",
  "user_agent",
] as const;

function conditions(table: ExpressionBuilder<Tables, "audit">, filter: AuditFilter): Expression<SqlBool>[] {
  const same = [
    ["action", filter.action],
    ["actor", filter.actor],
    ["project_id", filter.projectId],
    ["token_id", filter.tokenId],
    ["request_id", filter.requestId],
    ["outcome", filter.outcome],
    ["client_address", filter.clientAddress],
    ["method", filter.method],
    ["path", filter.path],
  ] as const;
  const found: Expression<SqlBool>[] = same.flatMap(([column, value]) =>
    value === undefined ? [] : [table(column, "=", value)],
  );
  if (filter.from !== undefined) found.push(table("at", ">=", Math.ceil(filter.from)));
  if (filter.to !== undefined) found.push(table("at", "<=", Math.floor(filter.to)));
  const { search } = filter;
  if (search !== undefined) {
    const inJson = JSON.stringify(search).slice(1, -1);
    found.push(table.or([...searched.map((column) => containsText(column, search)), containsText("changes", inJson)]));
  }
  return found;
}
