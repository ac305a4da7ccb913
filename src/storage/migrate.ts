import { type Kysely, sql, type Transaction } from "kysely";
import { postgresSchema, type Storage } from "./database.ts";
import * as registered from "./migrations/index.ts";
import { forgetTypes, type SchemaChange } from "./schema-change.ts";

const everyChange: readonly SchemaChange[] = Object.values(registered).toSorted((one, other) =>
  one.name < other.name ? -1 : 1,
);

/** The names of all steps that this program knows, in their order. */
export const everyStep: readonly string[] = everyChange.map(({ name }) => name);

/** Where each of our schemas keeps what was done to it. */
const ownTables: ReadonlySet<string> = new Set(["schema_changes", "exchange_log_changes"]);
/** Of PostgreSQL's advisory locks, the one under which the schema changes. */
const lockId = 5_713_190_482;
/** How long another process may take for its schema change. */
const lockTimeout = "10min";

/** Where a database's schema is. */
export type SchemaStatus = {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Steps of a newer program. */
  readonly unknown: readonly string[];
};

/** The schema can't be brought to where this program needs it; the message says what to do. */
export class SchemaFault extends Error {
  override readonly name = "SchemaFault";
}

/** Changes the schema, one process at a time. `changes` are all there are, in order. */
export type Migration = {
  readonly status: () => Promise<SchemaStatus>;
  /** What `up` would do, by name; throws what it would throw before it begins. */
  readonly check: () => Promise<readonly string[]>;
  /** Does what is pending, all or nothing; gives the names. Throws `SchemaFault`. */
  readonly up: () => Promise<readonly string[]>;
  /** Which step `down` would take back; throws what it would throw before it begins. */
  readonly checkDown: () => Promise<string | undefined>;
  /** Takes the last step back; gives its name. Throws `SchemaFault`. */
  readonly down: () => Promise<readonly string[]>;
};

/** What is migrated. */
export type MigrationOptions = {
  readonly changes?: readonly SchemaChange[];
  /** The table that names those which were done. */
  readonly table?: "schema_changes" | "exchange_log_changes";
  /** What it is, and its SQLite file, as people know them. */
  readonly what?: string;
  readonly file?: string;
  /** What else can be done where a newer program's steps keep this one from running on it. */
  readonly wayOut?: string;
  /** Lets the tables into a PostgreSQL database that holds those of another program. */
  readonly adopt?: boolean;
};

/** Creates it, by itself for what projects, tokens and the audit are kept in. */
export function createMigration<T>(
  { slowDb, driver }: Pick<Storage<T>, "slowDb" | "driver">,
  {
    changes = everyChange,
    table: ownTable = "schema_changes",
    what = "The database",
    file = "DATABASE_PATH",
    wayOut = "",
    adopt = false,
  }: MigrationOptions = {},
): Migration {
  const qualified = sql.table(driver === "postgres" ? `${postgresSchema}.${ownTable}` : ownTable);

  return {
    status: () => readStatus(slowDb),
    check: () =>
      atOneMoment(async (trx) => {
        const status = await readStatus(trx);
        const pending = findPending(status);
        if (pending.length > 0 && status.applied.length === 0 && !adopt) await refuseForeignTables(trx);
        return pending.map(({ name }) => name);
      }),
    async up() {
      if (findPending(await readStatus(slowDb)).length === 0) return [];
      return alone(async (trx) => {
        // Another process may have been faster.
        const status = await readStatus(trx);
        const pending = findPending(status);
        if (pending.length > 0 && status.applied.length === 0) await prepare(trx);
        for (const change of pending) await perform(change.name, () => apply(change, trx));
        return pending.map(({ name }) => name);
      });
    },
    checkDown: async () => findLast(await readStatus(slowDb))?.name,
    down: () =>
      alone(async (trx) => {
        const last = findLast(await readStatus(trx));
        if (!last) return [];
        await perform(last.name, () => takeBack(last, trx));
        return [last.name];
      }),
  };

  async function readStatus(db: Kysely<T>): Promise<SchemaStatus> {
    const known = changes.map(({ name }) => name);
    const applied = await listApplied(db);
    return {
      applied,
      pending: known.filter((name) => !applied.includes(name)),
      unknown: applied.filter((name) => !known.includes(name)),
    };
  }

  function findPending({ pending, unknown }: SchemaStatus): readonly SchemaChange[] {
    const breaking = unknown.filter((name) => name.endsWith("!"));
    if (breaking.length > 0)
      throw new SchemaFault(
        `${what} was changed by a newer version of Weir (${breaking.join(", ")}), and this one can't run on it. Start that version${wayOut}`,
      );
    if (unknown.length > 0 && pending.length > 0)
      throw new SchemaFault(
        `${what} has steps that this version doesn't know (${unknown.join(", ")}) and lacks others (${pending.join(", ")}). Start the version that made it${wayOut}`,
      );
    return changes.filter(({ name }) => pending.includes(name));
  }

  function findLast({ applied, unknown }: SchemaStatus): SchemaChange | undefined {
    if (unknown.length > 0)
      throw new SchemaFault(
        `The last step, ${unknown.at(-1)}, is of a newer version of Weir, which alone can take it back`,
      );
    return changes.find(({ name }) => name === applied.at(-1));
  }

  /** What another process does meanwhile isn't seen: its tables would be taken for another program's. */
  function atOneMoment<R>(work: (trx: Transaction<T>) => Promise<R>): Promise<R> {
    return slowDb.transaction().setAccessMode("read only").setIsolationLevel("repeatable read").execute(work);
  }

  /** In one transaction, whose lock goes with it, whichever way it ends. */
  function alone<R>(work: (trx: Transaction<T>) => Promise<R>): Promise<R> {
    return slowDb.transaction().execute(async (trx) => {
      if (driver === "postgres") {
        await sql`set local lock_timeout = ${sql.lit(lockTimeout)}`.execute(trx);
        await sql`select pg_advisory_xact_lock(${sql.lit(lockId)})`.execute(trx);
      }
      return work(trx);
    });
  }

  async function prepare(trx: Transaction<T>): Promise<void> {
    if (!adopt) await refuseForeignTables(trx);
    if (driver === "postgres") {
      // Who may not make schemas may use one that was made for him.
      const { rows } = await sql`select 1 from pg_namespace where nspname = ${postgresSchema}`.execute(trx);
      if (rows.length === 0) await sql`create schema ${sql.id(postgresSchema)}`.execute(trx);
    }
    await sql`create table if not exists ${qualified} (name varchar(255) not null primary key, timestamp varchar(255) not null)`.execute(
      trx,
    );
  }

  async function apply(change: SchemaChange, trx: Transaction<T>): Promise<void> {
    await change.up(forgetTypes(trx));
    await sql`insert into ${qualified} (name, timestamp) values (${change.name}, ${new Date().toISOString()})`.execute(
      trx,
    );
  }

  async function takeBack(change: SchemaChange, trx: Transaction<T>): Promise<void> {
    await change.down(forgetTypes(trx));
    await sql`delete from ${qualified} where name = ${change.name}`.execute(trx);
  }

  async function listApplied(db: Kysely<T>): Promise<readonly string[]> {
    if (!(await listTables(db)).some(({ name, own }) => own && name === ownTable)) return [];
    const { rows } = await sql<{ name: string }>`select name from ${qualified}`.execute(db);
    return rows.map(({ name }) => name).toSorted();
  }

  async function listTables(db: Kysely<T>): Promise<readonly { readonly name: string; readonly own: boolean }[]> {
    if (driver === "sqlite") {
      const { rows } = await sql<{ name: string }>`select name from sqlite_master
        where type = 'table' and name not like 'sqlite\\_%' escape '\\'`.execute(db);
      return rows.map(({ name }) => ({ name, own: true }));
    }
    // Tables of extensions belong to the database, not to a program.
    const { rows } = await sql<{ name: string; schema: string }>`select c.relname as name, n.nspname as schema
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and not exists (
        select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
      )`.execute(db);
    return rows.map(({ name, schema }) => ({ name, own: schema === postgresSchema }));
  }

  async function refuseForeignTables(db: Kysely<T>): Promise<void> {
    const tables = await listTables(db);
    // Another of our schemas is there already: it was let in.
    if (tables.some(({ name, own }) => own && name !== ownTable && ownTables.has(name))) return;
    const foreign = tables.filter(({ name, own }) => !(own && name === ownTable));
    if (foreign.length === 0) return;
    const names = foreign.slice(0, 3).map(({ name }) => name);
    throw new SchemaFault(
      driver === "sqlite"
        ? `${file} holds the tables of another program (${names.join(", ")}): choose another file`
        : `DATABASE_URL names a database that holds the tables of another program (${names.join(", ")}). Use a database of its own, or run "weir migrate up --adopt": Weir's tables lie in the schema ${postgresSchema}, and nothing else is touched`,
    );
  }
}

async function perform(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SchemaFault(`The step ${name} failed, and nothing of it stays: ${why}`, { cause });
  }
}
