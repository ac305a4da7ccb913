import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import type { ControlConfig } from "../config/config.ts";
import { createAuditStore } from "../storage/audit.ts";
import type { ChainCheck } from "../storage/audit-chain.ts";
import { type AuditFileCheck, checkAuditFile, type Original } from "../storage/audit-file-check.ts";
import { openDatabase, type Storage } from "../storage/database.ts";
import { createMigration } from "../storage/migrate.ts";
import { type CliCommand, complain, type ExitCode } from "./command.ts";
import { formatCount, formatJson } from "./format.ts";
import { loadConfig } from "./load-config.ts";
import { accept, type Options, readFlags } from "./serve.ts";

const help = `
Each entry holds the hash of itself and of the one before it, so that a changed or a missing one is found. Without --file
the database and its copy in AUDIT_LOG_FILE are looked through and compared, or with AUDIT_STORE_IN_DB=false the file of
each process. Nothing is changed, and the server may run meanwhile.

  $ weir audit verify
  $ weir audit verify --file /backup/audit.log --json

The exit code is 0 where every entry is right, 1 where one isn't or the audit can't be read, 2 for a mistake in the options
or the settings, 3 where the database can't be reached.
`;

/** `weir audit`. */
export const auditCommand: CliCommand = {
  register(program) {
    program
      .command("audit")
      .description("look through the audit")
      .command("verify")
      .description("find the first entry that was changed or is missing")
      .option("--config <file>", "the configuration file (WEIR_CONFIG, weir.yaml)")
      .option("--env <file>", "the file with environment variables (.env)")
      .option("--file <file>", "only this file of the audit, and those that were moved away beside it")
      .option("--json", "as JSON")
      .addHelpText("after", help)
      .action(verify);
  },
};

/** What was found in all places. */
type Findings = { readonly database?: ChainCheck; readonly files: readonly FileFindings[] };

/** `toCopy` counts what the database has after the end of its copy. */
type FileFindings = AuditFileCheck & { readonly path: string; readonly toCopy?: number };

async function verify({ json, file, ...options }: Options): Promise<void> {
  const { database, files } = await orEnd(async () =>
    file === undefined ? verifyConfigured(options) : verifyNamed(String(file)),
  );
  const ok = [...(database ? [database] : []), ...files].every((each) => each.ok);
  const lines = [...(database ? [describeDatabase(database)] : []), ...files.map(describeFile)];
  console.log(json === true ? formatJson({ ok, ...(database ? { database } : {}), files }) : lines.join("\n"));
  if (!ok) process.exitCode = 1;
}

async function verifyNamed(path: string): Promise<Findings> {
  const check = await checkAuditFile(path);
  if (check.files === 0) throw new Unverifiable(2, `--file must name a file of the audit; ${path} isn't there`);
  return { files: [{ path, ...check }] };
}

async function verifyConfigured(options: Options): Promise<Findings> {
  const { control } = accept(await loadConfig({ flags: readFlags(options), serves: false }));
  return control.audit.inDatabase ? verifyDatabase(control) : verifyChains(control.audit.file);
}

async function verifyDatabase({ database: config, audit }: ControlConfig): Promise<Findings> {
  await using storage = await openExisting(config);
  try {
    await refuseEmpty(storage);
    const store = createAuditStore(storage);
    const database = await store.verify();
    return { database, files: [await verifyCopy(audit.file, store, database)] };
  } catch (error) {
    if (error instanceof Unverifiable || config.driver === "sqlite") throw error;
    throw new Unverifiable(3, `The database can't be asked: ${messageOf(error)}`);
  }
}

async function openExisting(config: ControlConfig["database"]): Promise<Storage> {
  if (config.driver === "sqlite" && !existsSync(config.path))
    throw new Unverifiable(1, `${config.path} isn't there: check DATABASE_PATH, or start the server once`);
  return openDatabase(config, () => undefined, { readOnly: true });
}

async function refuseEmpty(storage: Storage): Promise<void> {
  const { applied } = await createMigration(storage).status();
  if (applied.length === 0)
    throw new Unverifiable(1, "The database has no audit: check its name, or start the server once");
}

async function verifyCopy(path: string, original: Original, database: ChainCheck): Promise<FileFindings> {
  const check = await checkAuditFile(path, original);
  const toCopy = check.ok && database.ok ? Math.max(0, database.checked - (check.last ?? 0)) : 0;
  return { path, ...check, ...(toCopy > 0 ? { toCopy } : {}) };
}

async function verifyChains(path: string): Promise<Findings> {
  const paths = listChains(path);
  if (paths.length === 0)
    throw new Unverifiable(1, `${path} isn't there: check AUDIT_LOG_FILE, or start the server once`);
  return { files: await Promise.all(paths.map(async (each) => ({ path: each, ...(await checkAuditFile(each)) }))) };
}

/** The files of a single process and of several on one port, told by their current file or one that was moved away. */
function listChains(path: string): readonly string[] {
  const ending = extname(path);
  const stem = basename(path, ending);
  const found = existsSync(dirname(path)) ? readdirSync(dirname(path)) : [];
  const names = found.map((name) => name.replace(/\.\d{10,}$/, "")).filter((name) => isOfProcess(name, stem, ending));
  return [...new Set(names)].toSorted().map((name) => join(dirname(path), name));
}

function isOfProcess(name: string, stem: string, ending: string): boolean {
  if (!name.startsWith(stem) || !name.endsWith(ending)) return false;
  return /^(?:-\d{1,3})?$/.test(name.slice(stem.length, name.length - ending.length));
}

function describeDatabase({ ok, checked, brokenAt = 0 }: ChainCheck): string {
  return ok
    ? `ok      database: ${describeCount(checked)}`
    : `broken  database: entry ${brokenAt} was changed or is missing; ${describeCount(checked)} before it`;
}

function describeFile({
  path,
  ok,
  checked,
  reason,
  files,
  first = 0,
  last = 0,
  torn,
  toCopy = 0,
}: FileFindings): string {
  const range = checked === 0 ? "" : `, ${first} to ${last}${files > 1 ? `, in ${files} files` : ""}`;
  const notes = [
    ...(first > 1 ? [`begins with entry ${first}: what comes before lies elsewhere`] : []),
    ...(torn ? ["the last line is cut off, as a crash leaves it; the next start mends that"] : []),
    ...(toCopy > 0 ? [`the database has ${formatCount(toCopy)} more, which the server copies when it runs`] : []),
  ];
  return [
    ok
      ? `ok      ${path}: ${describeCount(checked)}${range}`
      : `broken  ${path}: ${reason}; ${describeCount(checked)} before it${range}`,
    ...notes.map((note) => `        ${note}`),
  ].join("\n");
}

function describeCount(entries: number): string {
  return entries === 1 ? "1 entry is right" : `${formatCount(entries)} entries are right`;
}

/** Ends the program with what keeps the audit from being looked through. */
async function orEnd<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    complain([messageOf(error)]);
    process.exit(error instanceof Unverifiable ? error.code : 1);
  }
}

/** The audit can't be looked through; `code` is the program's end. */
class Unverifiable extends Error {
  override readonly name = "Unverifiable";
  readonly code: ExitCode;

  constructor(code: ExitCode, message: string) {
    super(message);
    this.code = code;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
