import { isatty } from "node:tty";
import type { Command } from "commander";
import type { Storage } from "../storage/database.ts";
import { createMigration, everyStep, type SchemaStatus } from "../storage/migrate.ts";
import type { CliCommand } from "./command.ts";
import { describeDatabase } from "./database-fault.ts";
import { formatJson, formatTable } from "./format.ts";
import { addEncryptionCommands } from "./migrate-encryption.ts";
import { fail, isThere, loadControl, onDatabase, refuse } from "./on-database.ts";
import type { Options } from "./serve.ts";

const help = `
Works on the database of the settings: DATABASE_PATH, or DATABASE_URL with DB_DRIVER=postgres. A start does what "up" does,
so that it is needed only where the schema is to change before the program does.

  $ weir migrate status
  $ DB_DRIVER=postgres DATABASE_URL=postgres://user@host/weir weir migrate up
  $ weir migrate down --yes

With ENCRYPTION_KEY set, and every server started with it, what is plain still is sealed, and sealed anew:

  $ weir migrate encrypt
  $ ENCRYPTION_KEY="$NEW_KEY,$OLD_KEY" weir migrate rotate-key

The exit code is 0 where it was done, 1 where it failed, 2 for a mistake in the options or the settings, 3 where the database
can't be reached.
`;

/** `weir migrate`. */
export const migrateCommand: CliCommand = {
  register(program) {
    const migrate = program
      .command("migrate")
      .description("see to the database: its schema, and how its secrets are sealed")
      .addHelpText("after", help);
    const add = (name: string, about: string, isDefault = false) =>
      addFiles(migrate.command(name, { isDefault }).description(about));
    add("status", "show which steps the schema has, and which it lacks", true).action(showStatus);
    add("version", "print the last step that the schema has").action(showVersion);
    add("up", "do every step that is lacking, all or nothing")
      .option("--adopt", "let Weir's tables into a PostgreSQL database that holds another program's")
      .action(up);
    add("down", "take the last step back, with everything that it holds")
      .option("--yes", "don't ask, though it holds something")
      .action(down);
    addEncryptionCommands(add);
  },
};

const latest = everyStep.at(-1);

function addFiles(command: Command): Command {
  return command
    .option("--config <file>", "the configuration file (WEIR_CONFIG, weir.yaml)")
    .option("--env <file>", "the file with environment variables (.env)")
    .option("--json", "as JSON");
}

async function showStatus({ json, ...files }: Options): Promise<void> {
  const { database, status } = await readStatus(files);
  const { applied, pending, unknown } = status;
  const steps = [
    ...applied.map((name) => [unknown.includes(name) ? "of a newer version" : "done", name]),
    ...pending.map((name) => ["lacking", name]),
  ];
  print(json, { database, version: applied.at(-1) ?? null, ...status }, [
    `${database}:`,
    ...formatTable(steps).map((line) => `  ${line}`),
  ]);
}

async function showVersion({ json, ...files }: Options): Promise<void> {
  const { status } = await readStatus(files);
  const version = status.applied.at(-1);
  print(json, { version: version ?? null, latest }, [version ?? "none"]);
}

async function up({ json, adopt, ...files }: Options): Promise<void> {
  const { database } = await loadControl(files);
  const applied = await onDatabase(database, (storage) => createMigration(storage, { adopt: adopt === true }).up());
  print(
    json,
    { applied, version: latest },
    applied.length > 0 ? applied.map((name) => `${name}: done`) : [`There is nothing to do: it is at ${latest}.`],
  );
}

async function down({ json, yes, ...files }: Options): Promise<void> {
  const { database } = await loadControl(files);
  if (!isThere(database)) fail(`${describeDatabase(database)} isn't there: check DATABASE_PATH`);
  const [reverted, version] = await onDatabase(database, async (storage) => {
    const migration = createMigration(storage);
    if (yes !== true && (await holdsAnything(storage)) && !agrees())
      return refuse("Nothing was taken back, for the database holds something. Say --yes where nobody can be asked.");
    return [await migration.down(), (await migration.status()).applied.at(-1)] as const;
  });
  print(
    json,
    { reverted, version: version ?? null },
    reverted.length > 0 ? reverted.map((name) => `${name}: taken back`) : ["There is no step to take back."],
  );
}

async function readStatus(files: Options): Promise<{ database: string; status: SchemaStatus }> {
  const { database } = await loadControl(files);
  const status = isThere(database)
    ? await onDatabase(database, (storage) => createMigration(storage).status(), { readOnly: true })
    : { applied: [], pending: everyStep, unknown: [] };
  return { database: describeDatabase(database), status };
}

async function holdsAnything(storage: Storage): Promise<boolean> {
  const { applied } = await createMigration(storage).status();
  if (applied.length === 0) return false;
  for (const table of ["projects", "audit"] as const)
    if (await storage.db.selectFrom(table).select("id").limit(1).executeTakeFirst()) return true;
  return false;
}

function agrees(): boolean {
  return isatty(0) && isatty(1) && confirm("Take the last step back, and lose what it holds for good?");
}

function print(json: Options[string] | undefined, value: unknown, lines: readonly string[]): void {
  console.log(json === true ? formatJson(value) : lines.join("\n"));
}
