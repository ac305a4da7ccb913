import { type CopyReport, copyDatabase } from "../storage/copy.ts";
import type { DatabaseConfig } from "../storage/database.ts";
import { createMigration } from "../storage/migrate.ts";
import { type CliCommand, complain } from "./command.ts";
import { describeDatabase } from "./database-fault.ts";
import { formatCount, formatJson, formatTable } from "./format.ts";
import { isThere, onDatabase, refuse } from "./on-database.ts";

const help = `
Copies everything, from SQLite to PostgreSQL or the other way, into a new database, whose tables are made: all or nothing,
and read again to compare. The source is not changed. Stop the servers first, for what they change after the copy has begun
is not in it; then start them with the new database's settings, and the same ENCRYPTION_KEY.

  $ weir db copy --from data/weir.db --to postgres://user@host/weir
  $ PGPASSWORD=… weir db copy --from postgres://user@host/weir --to weir.db --json

A password is better given in PGPASSWORD than in a URL, which others on this machine can see. The exit code is 0 where all of
it was copied, 1 where nothing was, 2 for a mistake in the options, 3 where a database can't be reached.
`;

/** `weir db`. */
export const dbCommand: CliCommand = {
  register(program) {
    program
      .command("db")
      .description("see to the database as a whole")
      .command("copy")
      .description("copy projects, tokens and the audit into another database")
      .requiredOption("--from <database>", "an SQLite file, or the URL of a PostgreSQL database")
      .requiredOption("--to <database>", "another one, new or empty")
      .option("--json", "as JSON")
      .addHelpText("after", help)
      .action(copy);
  },
};

type CopyOptions = { readonly from: string; readonly to: string; readonly json?: boolean };

async function copy(options: CopyOptions): Promise<void> {
  const [from, to] = [readPlace("--from", options.from), readPlace("--to", options.to)];
  if (!isThere(from)) refuse(`--from must name a database that is there; ${describeDatabase(from)} isn't`);
  const report = await onDatabase(
    from,
    async (source) => {
      // Whether it can be reached, before the other one is touched.
      await createMigration(source).status();
      return onDatabase(to, async (target) => {
        await createMigration(target).up();
        return copyDatabase(source, target);
      });
    },
    { readOnly: true },
  );
  if (!report.audit.ok)
    complain([
      `warning: the audit was changed at entry ${report.audit.brokenAt} before it was copied; it is so in the copy, too`,
    ]);
  console.log(
    options.json
      ? formatJson({ from: describeDatabase(from), to: describeDatabase(to), ...report })
      : describe(report, describeDatabase(to)).join("\n"),
  );
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

function describe({ tables, audit }: CopyReport, to: string): readonly string[] {
  const rows = tables.map(({ name, rows: count, checksum }) => [name, formatCount(count), checksum.slice(0, 16)]);
  return [
    ...formatTable([["table", "rows", "checksum"], ...rows], [1]),
    `Copied to ${to} and compared; ${formatCount(audit.checked)} entries of the audit are right.`,
  ];
}
