import { existsSync } from "node:fs";
import { join } from "node:path";
import { isatty } from "node:tty";
import type { Command } from "commander";
import { findNearest } from "../config/nearest.ts";
import { type DeadLetterDesk, openDeadLetterDesk } from "../outbox/dead-letter-desk.ts";
import { readStoredStatus, type StoredStatus } from "../outbox/read-status.ts";
import { type CliCommand, complain } from "./command.ts";
import { formatJson, formatNumberOf } from "./format.ts";
import { loadConfig } from "./load-config.ts";
import { describeLetters, describeStatus } from "./outbox-tables.ts";
import { accept, type Options, readFlags } from "./serve.ts";
import { listWorkerFolders } from "./workers.ts";

const help = `
Works on <DATA_DIR>/outbox.db, beside the server that runs on it or without one. Each of several processes on one port has an
outbox of its own, and all of them are worked on, each named; a program's run has one too, in a folder elsewhere. One alone:

  $ DATA_DIR=data/worker-0 weir outbox
  $ DATA_DIR=~/.local/share/weir/runs/1 weir outbox

A dead letter is a record that a sink refused for good; "weir outbox dead" says why.

  $ weir outbox dead --sink langfuse --limit 5
  $ weir outbox retry --sink langfuse
  $ weir outbox purge --yes

The exit code is 0 where it was done, 1 where it failed, 2 for a mistake in the options or the settings.
`;

/** `weir outbox`. */
export const outboxCommand: CliCommand = {
  register(program) {
    const outbox = program
      .command("outbox")
      .description("show what waits for the sinks, and see to what they refused")
      .addHelpText("after", help);
    const add = (name: string, about: string, isDefault = false) =>
      addFiles(outbox.command(name, { isDefault }).description(about));
    add("status", "count what each sink got, has to get, and refused", true).action(showStatus);
    withSink(add("dead", "list the dead letters, the newest first"))
      .option("--limit <number>", "how many at most", "20")
      .action(showDead);
    withSink(add("retry", "give the dead letters to their sinks again")).action(retry);
    withSink(add("purge", "forget the dead letters for good")).option("--yes", "don't ask first").action(purge);
  },
};

function addFiles(command: Command): Command {
  return command
    .option("--config <file>", "the configuration file (WEIR_CONFIG, weir.yaml)")
    .option("--env <file>", "the file with environment variables (.env)")
    .option("--json", "as JSON");
}

function withSink(command: Command): Command {
  return command.option("--sink <name>", "of this sink alone");
}

async function showStatus({ json, ...files }: Options): Promise<void> {
  const found = await onOutboxes(files, (outboxes) =>
    outboxes.map(({ name, path }) => ({ name, status: readStoredStatus({ path }) })),
  );
  const sum = (read: (status: StoredStatus) => number) => found.reduce((total, { status }) => total + read(status), 0);
  const status = {
    bytes: sum(({ bytes }) => bytes),
    deadLetters: sum(({ deadLetters }) => deadLetters),
    bodiesShed: sum(({ bodiesShed }) => bodiesShed),
    sinks: found.flatMap(({ name, status: { sinks } }) => sinks.map((sink) => ({ ...inOutbox(name), ...sink }))),
  };
  print(json, status, describeStatus(status));
}

async function showDead({ json, sink, limit, ...files }: Options): Promise<void> {
  const most = /^[1-9]\d{0,3}$/.test(String(limit))
    ? Number(limit)
    : refuse(`--limit must be a number from 1 to 9999, not "${String(limit)}"`);
  const found = await atDesks(files, sink, (desk, of, name) =>
    desk.deadLetters(of, most).map((letter) => ({ ...inOutbox(name), ...letter })),
  );
  const letters = found
    .flat()
    .toSorted((one, other) => other.at - one.at)
    .slice(0, most);
  const rows = letters.map(({ at, ...letter }) => ({ ...letter, at: new Date(at).toISOString() }));
  print(json, { deadLetters: rows }, letters.length === 0 ? ["There are no dead letters."] : describeLetters(letters));
}

/** Which of several outboxes something lies in. */
function inOutbox(name: string | undefined): { readonly outbox?: string } {
  return name === undefined ? {} : { outbox: name };
}

async function retry({ json, sink, ...files }: Options): Promise<void> {
  const retried = sumOf(await atDesks(files, sink, (desk, of) => desk.retryDead(of)));
  const when = "by the server that runs on this DATA_DIR within seconds, or else when it starts";
  const words =
    retried === 0
      ? "There are no dead letters to try again."
      : `${formatNumberOf(retried, "dead letter")} will be given to ${sinkName(sink)} again: ${when}.`;
  print(json, { retried }, [words]);
}

async function purge({ json, sink, yes, ...files }: Options): Promise<void> {
  if (yes !== true && !agrees(sink)) refuse("Nothing was forgotten. Say --yes where nobody can be asked.");
  const purged = sumOf(await atDesks(files, sink, (desk, of) => desk.purgeDead(of)));
  print(json, { purged }, [
    purged === 0 ? "There are no dead letters." : `${formatNumberOf(purged, "dead letter")} forgotten.`,
  ]);
}

function agrees(sink: Options[string] | undefined): boolean {
  return isatty(0) && isatty(1) && confirm(`Forget all dead letters of ${sinkName(sink)} for good?`);
}

function sinkName(sink: Options[string] | undefined): string {
  return sink === undefined ? "every sink" : String(sink);
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Does something with the dead letters of one sink or of all, in each outbox; a sink that none of them knows is a mistake. */
function atDesks<T>(
  files: Options,
  sink: Options[string] | undefined,
  work: (desk: DeadLetterDesk, sink: string | undefined, outbox: string | undefined) => T,
): Promise<readonly T[]> {
  const wanted = sink === undefined ? undefined : String(sink);
  return onOutboxes(files, (outboxes) => {
    const known = [
      ...new Set(outboxes.flatMap(({ path }) => readStoredStatus({ path }).sinks.map(({ name }) => name))),
    ];
    if (wanted !== undefined && !known.includes(wanted)) refuse(describeUnknown(wanted, known));
    return outboxes.map(({ name, path }) => {
      const desk = openDeadLetterDesk({ path });
      try {
        return work(desk, wanted, name);
      } finally {
        desk.close();
      }
    });
  });
}

function describeUnknown(name: string, known: readonly string[]): string {
  const nearest = findNearest(name, known);
  return `--sink must be one of ${known.join(", ")}, not "${name}"${nearest === undefined ? "" : `; did you mean ${nearest}?`}`;
}

/** An outbox file, by its name in DATA_DIR where there are several. */
type OutboxFile = { readonly name?: string; readonly path: string };

/** Does something with the outbox files that the settings name, or ends the program with what is wrong with them. */
async function onOutboxes<T>(files: Options, work: (outboxes: readonly OutboxFile[]) => T): Promise<T> {
  const { dataDir, telemetry } = accept(await loadConfig({ flags: readFlags(files), serves: false }));
  if (telemetry.outbox.backend === "memory")
    refuse("EVENT_BUS=in-memory keeps its outbox for the server's own time: ask the server's /health.");
  try {
    return work(listOutboxes(dataDir));
  } catch (error) {
    complain([error instanceof Error ? error.message : String(error)]);
    process.exit(1);
  }
}

/** The one of a single process, and those of several, as far as they are there; where none is, the first. */
function listOutboxes(dataDir: string): readonly OutboxFile[] {
  const names = ["", ...listWorkerFolders(dataDir)].map((folder) => join(folder, "outbox.db"));
  const found = names.map((name) => ({ name, path: join(dataDir, name) })).filter(({ path }) => existsSync(path));
  return found.every(({ name }) => name === "outbox.db") ? [{ path: join(dataDir, "outbox.db") }] : found;
}

function refuse(fault: string): never {
  complain([fault]);
  process.exit(2);
}

function print(json: Options[string] | undefined, value: unknown, lines: readonly string[]): void {
  console.log(json === true ? formatJson(value) : lines.join("\n"));
}
