import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { Option } from "commander";
import {
  checkDatabaseCopy,
  checkExchangeLogCopy,
  copyDatabase,
  copyExchangeLog,
  type CopyReport,
  type TableCopy,
} from "../storage/copy.ts";
import type { DatabaseConfig, Storage } from "../storage/database.ts";
import { type CliCommand, complain } from "./command.ts";
import { describeDatabase } from "./database-fault.ts";
import { formatCount, formatJson, formatTable } from "./format.ts";
import { isThere, onDatabase, refuse } from "./on-database.ts";
import { controlSchema, exchangeSchema, type Schema, type SchemaName } from "./schemas.ts";

const help = `
Copies what is managed (projects, tokens, the audit) and the exchange log, from SQLite to PostgreSQL or the other way, into a new
database, whose tables are made: each of the two all or nothing, and read again to compare. The source is not changed. Of SQLite
the exchange log is the file exchanges.db beside the one that is named; with --only exchanges, the one that is named. Stop the
servers first, for what they change after the copy has begun is not in it; then start them with the new database's settings,
and the same ENCRYPTION_KEY.

  $ weir db copy --from data/weir.db --to postgres://user@host/weir
  $ PGPASSWORD=… weir db copy --from postgres://user@host/weir --to weir.db --json
  $ weir db copy --only control --from data/weir.db --to backup/weir.db
  $ weir db copy --only exchanges --from data/exchanges.db --to postgres://user@host/weir

A password is better given in PGPASSWORD than in a URL, which others on this machine can see. The exit code is 0 where all of
it was copied, 1 where it was not, 2 for a mistake in the options, 3 where a database can't be reached.
`;

/** `weir db`. */
export const dbCommand: CliCommand = {
  register(program) {
    program
      .command("db")
      .description("see to the database as a whole")
      .command("copy")
      .description("copy projects, tokens, the audit and the exchange log into another database")
      .requiredOption("--from <database>", "an SQLite file, or the URL of a PostgreSQL database")
      .requiredOption("--to <database>", "another one, new or empty")
      .addOption(
        new Option("--only <part>", "what is managed alone, or the exchange log").choices(["control", "exchanges"]),
      )
      .option("--json", "as JSON")
      .addHelpText("after", help)
      .action(copy);
  },
};

type CopyOptions = {
  readonly from: string;
  readonly to: string;
  readonly only?: SchemaName;
  readonly json?: boolean;
};

/** One of the two that are copied, and where it is and will be. */
type Part = { readonly from: Schema; readonly to: Schema };

type Copied = { readonly part: Part; readonly tables: readonly TableCopy[]; readonly audit?: CopyReport["audit"] };

async function copy({ from, to, only, json = false }: CopyOptions): Promise<void> {
  const parts = await findParts(readPlace("--from", from), readPlace("--to", to), only);
  for (const part of parts) await checkPart(part);
  const copied: Copied[] = [];
  // A failure ends the program, so that what was copied before it is told as soon as it is there.
  for (const part of parts) {
    const done = await copyPart(part, copied);
    copied.push(done);
    if (!json) console.log(describe(done).join("\n"));
  }
  if (json) console.log(formatJson(Object.fromEntries(copied.map((each) => [each.part.from.member, toJson(each)]))));
}

/** What is copied: both where both are there, or the one that is asked for. */
async function findParts(
  from: DatabaseConfig,
  to: DatabaseConfig,
  only: SchemaName | undefined,
): Promise<readonly Part[]> {
  if (!isThere(from)) refuse(`--from must name a database that is there; ${describeDatabase(from)} isn't`);
  const control = { from: controlSchema(from), to: controlSchema(to) };
  if (only === "control") return [control];
  const log =
    only === "exchanges"
      ? { from: exchangeSchema(from), to: exchangeSchema(to) }
      : { from: exchangeSchema(besides(from)), to: exchangeSchema(besides(to)) };
  if (only === "exchanges") return [log];
  if (isSameFile(log)) {
    complain([
      `The exchange log is not copied: ${describeDatabase(log.to.database)} lies beside both databases, and goes on being used`,
    ]);
    return [control];
  }
  return (await hasTables(log.from)) ? [control, log] : [control];
}

/** The exchange log's file beside an SQLite database; a PostgreSQL has both. */
function besides(database: DatabaseConfig): DatabaseConfig {
  return database.driver === "sqlite" ? { ...database, path: join(dirname(database.path), "exchanges.db") } : database;
}

function isSameFile({ from, to }: Part): boolean {
  if (from.database.driver !== "sqlite" || to.database.driver !== "sqlite") return false;
  const [one, other] = [from.database.path, to.database.path];
  return existsSync(one) && existsSync(other) && realpathSync(one) === realpathSync(other);
}

async function hasTables({ database, migrate }: Schema): Promise<boolean> {
  if (!isThere(database)) return false;
  const { applied } = await onDatabase(database, (storage) => migrate(storage).status(), { readOnly: true });
  return applied.length > 0;
}

/** Ends the program with what would be refused, before anything is made. */
async function checkPart({ from, to }: Part): Promise<void> {
  await refuseOther("--from", from);
  await refuseOther("--to", to);
  const checkCopy = from.name === "control" ? checkDatabaseCopy : checkExchangeLogCopy;
  await onDatabase(
    from.database,
    async (source) => {
      // Whether it can be reached, before the other one is touched.
      await from.migrate(source).status();
      if (!isThere(to.database)) return checkCopy(source, undefined);
      await onDatabase(to.database, (target) => checkCopy(source, target), { readOnly: true });
    },
    { readOnly: true },
  );
}

/** In SQLite each of the two has a file of its own. */
async function refuseOther(option: string, { name, database }: Schema): Promise<void> {
  if (database.driver === "postgres") return;
  const other = name === "control" ? exchangeSchema(database) : controlSchema(database);
  if (!(await hasTables(other))) return;
  refuse(
    name === "control"
      ? `${option} names an exchange log, ${database.path}: name the database of projects and tokens (weir.db), or say --only exchanges`
      : `${option} names a database of projects and tokens, ${database.path}: name the file of the exchange log (exchanges.db beside it), or leave --only exchanges out`,
  );
}

async function copyPart(part: Part, before: readonly Copied[]): Promise<Copied> {
  const { from, to } = part;
  return onDatabase(
    from.database,
    (source) =>
      onDatabase(
        to.database,
        async (target) => {
          try {
            await to.migrate(target).up();
            return await copyTables(part, source, target);
          } catch (error) {
            if (before.length > 0) complain([describeHalf(part)]);
            throw error;
          }
        },
        to.openOptions,
      ),
    { readOnly: true },
  );
}

async function copyTables(part: Part, source: Storage, target: Storage): Promise<Copied> {
  if (part.from.name === "exchanges") return { part, tables: await copyExchangeLog(source, target) };
  const { tables, audit } = await copyDatabase(source, target);
  if (!audit.ok)
    complain([
      `warning: the audit was changed at entry ${audit.brokenAt} before it was copied; it is so in the copy, too`,
    ]);
  return { part, tables, audit };
}

function describeHalf({ from, to }: Part): string {
  const place = ({ database }: Schema) => (database.driver === "sqlite" ? database.path : "the same URL");
  return `Projects, tokens and the audit were copied, the exchange log was not. Once this is mended, copy it alone: --only exchanges, with --from ${place(from)} and --to ${place(to)}`;
}

function readPlace(option: string, text: string): DatabaseConfig {
  if (/^postgres(?:ql)?:\/\//.test(text)) {
    if (!URL.canParse(text)) refuse(`${option} must be a URL as postgres://user@host/name, or an SQLite file`);
    return { driver: "postgres", url: text, poolSize: 2, maxIdle: 0, connectionLifetimeMs: 0 };
  }
  // What looks like the URL of something else is no file, and may hold a password.
  if (text === "" || /^\w+:\/\//.test(text))
    refuse(`${option} must name an SQLite file, or a PostgreSQL database as postgres://user@host/name`);
  return { driver: "sqlite", path: text };
}

function describe({ part: { from, to }, tables, audit }: Copied): readonly string[] {
  const rows = tables.map(({ name, rows: count, checksum }) => [name, formatCount(count), checksum.slice(0, 16)]);
  const right = audit ? `; ${formatCount(audit.checked)} entries of the audit are right` : "";
  return [
    `${from.label}, from ${describeDatabase(from.database)}:`,
    ...formatTable([["table", "rows", "checksum"], ...rows], [1]).map((line) => `  ${line}`),
    `Copied to ${describeDatabase(to.database)} and compared${right}.`,
  ];
}

function toJson({ part: { from, to }, ...report }: Copied): unknown {
  return { from: describeDatabase(from.database), to: describeDatabase(to.database), ...report };
}
