import { existsSync } from "node:fs";
import { createLineReader } from "../lib/lines.ts";
import type { AuditStore } from "./audit.ts";
import { type ChainCheck, type ChainEnd, hashEntry } from "./audit-chain.ts";
import { isTornLine, readAuditLine } from "./audit-line.ts";
import { listAuditParts } from "./audit-parts.ts";
import type { AuditRow } from "./tables.ts";

/** What looking through a file, with those that were moved away beside it, found. */
export type AuditFileCheck = ChainCheck & {
  /** What is wrong with the entry `brokenAt`. */
  readonly reason?: string;
  /** How many files there are. */
  readonly files: number;
  /** The numbers of the first and the last entry that are right. */
  readonly first?: number;
  readonly last?: number;
  /** The last line is cut off, as a crash leaves it: the next writer takes it away. */
  readonly torn: boolean;
};

/** The database that a file is a copy of. */
export type Original = Pick<AuditStore, "after">;

/** Looks through the chain in a file; with `original`, also whether each entry is the one that the database has. */
export async function checkAuditFile(path: string, original?: Original): Promise<AuditFileCheck> {
  for (let attempt = 1; ; attempt += 1) {
    const files = listFiles(path);
    const check = await checkFiles(files, original);
    // A file that was moved away meanwhile was read twice, or not at all.
    if (check.ok || attempt === 3 || listFiles(path).length === files.length) return check;
  }
}

function listFiles(path: string): readonly string[] {
  return [...listAuditParts(path), ...(existsSync(path) ? [path] : [])];
}

async function checkFiles(files: readonly string[], original: Original | undefined): Promise<AuditFileCheck> {
  const steps = followChain(files);
  let first: number | undefined;
  let last: number | undefined;
  let fault: Fault | undefined;
  let torn = false;
  for await (const step of original ? compare(steps, original) : steps) {
    switch (step.kind) {
      case "entry":
        first ??= step.row.seq;
        last = step.row.seq;
        break;
      case "torn":
        torn = true;
        break;
      case "fault":
        fault = step;
        break;
    }
  }
  return {
    ok: fault === undefined,
    checked: first === undefined || last === undefined ? 0 : last - first + 1,
    ...(fault ? { brokenAt: fault.at, reason: fault.reason } : {}),
    files: files.length,
    ...(first === undefined || last === undefined ? {} : { first, last }),
    torn,
  };
}

/** An entry that is right, or what ends the way through the file. */
type Step =
  | { readonly kind: "entry"; readonly row: AuditRow; readonly place: string }
  | { readonly kind: "torn" }
  | Fault;

type Fault = { readonly kind: "fault"; readonly at: number; readonly reason: string };

async function* followChain(files: readonly string[]): AsyncGenerator<Step> {
  let end: ChainEnd | undefined;
  for (const name of files) {
    let number = 0;
    for await (const { text, isWhole } of readLines(name)) {
      number += 1;
      if (!isWhole && name === files.at(-1) && isTornLine(text)) {
        yield { kind: "torn" };
        return;
      }
      const place = `line ${number} of ${name}`;
      const row = isWhole ? readAuditLine(text) : undefined;
      if (!row) {
        yield { kind: "fault", at: (end?.seq ?? 0) + 1, reason: `${place} is not as it was written` };
        return;
      }
      const fault = findFault(row, end, place);
      yield fault ?? { kind: "entry", row, place };
      if (fault) return;
      end = row;
    }
  }
}

/** What keeps an entry from being the next one; before the first that is there, others may have been. */
function findFault(row: AuditRow, end: ChainEnd | undefined, place: string): Fault | undefined {
  const { seq, previous } = end ? { seq: end.seq + 1, previous: end.hash } : { seq: row.seq, previous: row.previous };
  if (row.seq > seq)
    return { kind: "fault", at: seq, reason: `${place} is entry ${row.seq}: what comes before is missing` };
  if (row.seq < seq)
    return { kind: "fault", at: seq, reason: `${place} is entry ${row.seq}, which is out of its place` };
  if (hashEntry(row) !== row.hash) return { kind: "fault", at: seq, reason: `${place} was changed` };
  if (row.previous !== previous || (seq === 1) !== (previous === ""))
    return { kind: "fault", at: seq, reason: `${place} doesn't follow from the entry before it, which was changed` };
  return undefined;
}

/** Entries that are asked for at once. */
const batch = 500;

async function* compare(steps: AsyncIterable<Step>, original: Original): AsyncGenerator<Step> {
  let waiting: Extract<Step, { kind: "entry" }>[] = [];
  for await (const step of steps) {
    if (step.kind === "entry") waiting.push(step);
    if (step.kind === "entry" && waiting.length < batch) continue;
    const fault = yield* compareSome(waiting, original);
    if (fault) return;
    waiting = [];
    if (step.kind !== "entry") yield step;
  }
  yield* compareSome(waiting, original);
}

/** Gives what is the same, and ends with what isn't. */
async function* compareSome(
  entries: readonly Extract<Step, { kind: "entry" }>[],
  original: Original,
): AsyncGenerator<Step, boolean> {
  const known = await original.after((entries[0]?.row.seq ?? 1) - 1, entries.length);
  const hashes = new Map(known.map(({ seq, hash }) => [seq, hash]));
  for (const entry of entries) {
    const { seq, hash } = entry.row;
    if (hashes.get(seq) !== hash) {
      const what = hashes.has(seq)
        ? "is another entry than the one in the database"
        : "is an entry that the database doesn't have";
      yield { kind: "fault", at: seq, reason: `${entry.place} ${what}` };
      return true;
    }
    yield entry;
  }
  return false;
}

/** What is cut off at the end of the file is not whole. */
async function* readLines(name: string): AsyncGenerator<{ readonly text: string; readonly isWhole: boolean }> {
  let texts: string[] = [];
  const reader = createLineReader({ line: (text) => void texts.push(text), maxLineChars: Infinity });
  for await (const chunk of Bun.file(name).stream()) {
    reader.push(chunk);
    for (const text of texts) yield { text, isWhole: true };
    texts = [];
  }
  reader.end();
  for (const text of texts) yield { text, isWhole: false };
}
