import { isatty } from "node:tty";
import { type Command, Option } from "commander";
import type { SchemaStatus } from "../storage/migrate.ts";
import type { CliCommand } from "./command.ts";
import { describeDatabase } from "./database-fault.ts";
import { formatJson, formatTable } from "./format.ts";
import { loadConfig } from "./load-config.ts";
import { addEncryptionCommands } from "./migrate-encryption.ts";
import { fail, isThere, onDatabase, refuse } from "./on-database.ts";
import { controlSchema, exchangeSchema, type Schema, usesExchangeLog } from "./schemas.ts";
import { accept, type Options, readFlags } from "./serve.ts";

const help = `
Works on the databases of the settings: control (projects, tokens and the audit) in DATABASE_PATH, or in DATABASE_URL with
DB_DRIVER=postgres; and the exchange log in exchanges.db of DATA_DIR, or in that PostgreSQL, too. A start does what "up" does,
so that it is needed only where a schema is to change before the program does.

  $ weir migrate status
  $ DB_DRIVER=postgres DATABASE_URL=postgres://user@host/weir weir migrate up
  $ weir migrate down --only control --yes

With ENCRYPTION_KEY set, and every server started with it, what is plain still is sealed, and sealed anew:

  $ weir migrate encrypt
  $ ENCRYPTION_KEY="$NEW_KEY,$OLD_KEY" weir migrate rotate-key

The exit code is 0 where it was done, 1 where it failed, 2 for a mistake in the options or the settings, 3 where a database
can't be reached.
`;

/** `weir migrate`. */
export const migrateCommand: CliCommand = {
  register(program) {
    const migrate = program
      .command("migrate")
      .description("see to the databases: their schemas, and how secrets are sealed")
      .addHelpText("after", help);
    const add = (name: string, about: string, isDefault = false) =>
      addFiles(migrate.command(name, { isDefault }).description(about));
    const addForSchemas = (name: string, about: string, isDefault = false) =>
      add(name, about, isDefault).addOption(
        new Option("--only <schema>", "one of them alone").choices(["control", "exchanges"]),
      );
    addForSchemas("status", "show which steps the schemas have, and which they lack", true).action(showStatus);
    addForSchemas("version", "print the last step that each schema has").action(showVersion);
    addForSchemas("up", "do every step that is lacking, all or nothing in each schema")
      .option("--adopt", "let Weir's tables into a PostgreSQL database that holds another program's")
      .action(up);
    addForSchemas("down", "take the last step of each schema back, with everything that it holds")
      .option("--yes", "don't ask, though it holds something")
      .action(down);
    addEncryptionCommands(add);
  },
};

function addFiles(command: Command): Command {
  return command
    .option("--config <file>", "the configuration file (WEIR_CONFIG, weir.yaml)")
    .option("--env <file>", "the file with environment variables (.env)")
    .option("--json", "as JSON");
}

async function showStatus({ json, only, ...files }: Options): Promise<void> {
  const found = await readStatus(files, only);
  const about = found.map(({ schema, status }) => ({
    schema,
    value: { database: describeDatabase(schema.database), version: status.applied.at(-1) ?? null, ...status },
    lines: describe(schema, status),
  }));
  const counts = found.map(({ schema, status }) => `${schema.label}: ${countSteps(schema, status)}`);
  if (json === true) printJson(about);
  else console.log([counts.join(", "), ...about.flatMap(({ lines }) => ["", ...lines])].join("\n"));
}

async function showVersion({ json, only, ...files }: Options): Promise<void> {
  const found = await readStatus(files, only);
  const about = found.map(({ schema, status }) => ({
    schema,
    value: { version: status.applied.at(-1) ?? null, latest: schema.steps.at(-1) },
  }));
  if (json === true) return printJson(about);
  for (const { schema, value } of about) console.log(`${schema.label}: ${value.version ?? "none"}`);
}

async function up({ json, only, adopt, ...files }: Options): Promise<void> {
  const schemas = await findSchemas(files, only);
  const options = { adopt: adopt === true };
  // What would be refused is known before anything changes.
  for (const { database, migrate, openOptions } of schemas)
    if (isThere(database)) await onDatabase(database, (storage) => migrate(storage, options).check(), openOptions);
  const done: Done[] = [];
  for (const schema of schemas) {
    const { database, openOptions, steps, label } = schema;
    const applied = await onDatabase(database, (storage) => schema.migrate(storage, options).up(), openOptions);
    const version = steps.at(-1);
    done.push({ schema, value: { applied, version } });
    if (json !== true) tell(label, applied, "done", `There is nothing to do: it is at ${version}.`);
  }
  if (json === true) printJson(done);
}

async function down({ json, only, yes, ...files }: Options): Promise<void> {
  const wanted = await findSchemas(files, only);
  const [first] = wanted;
  const schemas = wanted.filter(({ database }) => isThere(database));
  if (first && !schemas.includes(first))
    fail(
      `${describeDatabase(first.database)} isn't there: check ${first.name === "control" ? "DATABASE_PATH" : "DATA_DIR"}`,
    );
  const losses: string[] = [];
  for (const { database, migrate, holdsAnything, label } of schemas)
    await onDatabase(database, async (storage) => {
      const step = await migrate(storage).checkDown();
      if (step !== undefined && (await holdsAnything(storage))) losses.push(`${label}: ${step}`);
    });
  if (losses.length > 0 && yes !== true && !agrees(losses))
    refuse(
      `Nothing was taken back, for what is held would be lost with it (${losses.join(", ")}). Say --yes where nobody can be asked, and --only control or --only exchanges for one of them.`,
    );
  const done: Done[] = [];
  for (const schema of wanted) {
    const [reverted, version] = await takeBack(schema);
    done.push({ schema, value: { reverted, version: version ?? null } });
    if (json !== true) tell(schema.label, reverted, "taken back", "There is no step to take back.");
  }
  if (json === true) printJson(done);
}

async function takeBack({ database, migrate }: Schema): Promise<readonly [readonly string[], string | undefined]> {
  if (!isThere(database)) return [[], undefined];
  return onDatabase(database, async (storage) => {
    const migration = migrate(storage);
    return [await migration.down(), (await migration.status()).applied.at(-1)];
  });
}

/** What is meant: both, or one; an exchange log that nothing writes only where it is there. */
async function findSchemas(files: Options, only: Options[string] | undefined): Promise<readonly Schema[]> {
  const config = accept(await loadConfig({ flags: readFlags(files), serves: false }));
  const control = controlSchema(config.control.database);
  const log = exchangeSchema(config.telemetry.exchangeLog.database);
  if (only === "control") return [control];
  if (only === "exchanges") return [log];
  return usesExchangeLog(config) || (await readOne(log)).applied.length > 0 ? [control, log] : [control];
}

async function readStatus(
  files: Options,
  only: Options[string] | undefined,
): Promise<readonly { readonly schema: Schema; readonly status: SchemaStatus }[]> {
  const schemas = await findSchemas(files, only);
  return Promise.all(schemas.map(async (schema) => ({ schema, status: await readOne(schema) })));
}

async function readOne({ database, migrate, steps }: Schema): Promise<SchemaStatus> {
  if (!isThere(database)) return { applied: [], pending: steps, unknown: [] };
  return onDatabase(database, (storage) => migrate(storage).status(), { readOnly: true });
}

function countSteps({ steps }: Schema, { applied, unknown }: SchemaStatus): string {
  const newer = unknown.length > 0 ? ` and ${unknown.length} of a newer version` : "";
  return `${applied.length - unknown.length} of ${steps.length}${newer}`;
}

function describe({ label, database }: Schema, { applied, pending, unknown }: SchemaStatus): readonly string[] {
  const steps = [
    ...applied.map((name) => [unknown.includes(name) ? "of a newer version" : "done", name]),
    ...pending.map((name) => ["lacking", name]),
  ];
  return [`${label} (${describeDatabase(database)}):`, ...formatTable(steps).map((line) => `  ${line}`)];
}

function agrees(losses: readonly string[]): boolean {
  return isatty(0) && isatty(1) && confirm(`Take back ${losses.join(", ")}, and lose what is held for good?`);
}

type Done = { readonly schema: Schema; readonly value: unknown };

function tell(label: string, names: readonly string[], done: string, nothing: string): void {
  for (const name of names) console.log(`${label}: ${name}: ${done}`);
  if (names.length === 0) console.log(`${label}: ${nothing}`);
}

function printJson(about: readonly Done[]): void {
  console.log(formatJson(Object.fromEntries(about.map(({ schema, value }) => [schema.member, value]))));
}
