import { hash } from "node:crypto";
import type { Actor, AuditEntry, AuditEvent } from "../domain/audit.ts";
import { storableText } from "./storable-text.ts";
import { readStored } from "./stored-json.ts";
import type { AuditRow } from "./tables.ts";

/** The end of the chain: where the next entry is joined. */
export type ChainEnd = { readonly seq: number; readonly hash: string };

/** Joins entries to the end of a chain. `createId` gives a UUID v7. */
export function joinEntries(
  end: ChainEnd,
  actor: Actor,
  events: readonly AuditEvent[],
  { at, createId }: { readonly at: number; readonly createId: () => string },
): readonly AuditRow[] {
  const rows: AuditRow[] = [];
  for (const { action, outcome, reason, projectId, tokenId, before, after } of events) {
    const last = rows.at(-1) ?? end;
    const row = {
      seq: last.seq + 1,
      id: createId(),
      at,
      action,
      outcome,
      reason: write(reason),
      actor: storableText(actor.name),
      origin: actor.origin,
      project_id: write(projectId),
      token_id: write(tokenId),
      request_id: write(actor.requestId),
      client_address: write(actor.clientAddress),
      method: write(actor.method),
      path: write(actor.path),
      user_agent: write(actor.userAgent),
      changes: before || after ? JSON.stringify({ before, after }) : null,
      previous: last.hash,
    };
    rows.push({ ...row, hash: hashEntry(row) });
  }
  return rows;
}

/** A text as it will be read again: the hash is of that. */
function write(text: string | undefined): string | null {
  return text === undefined ? null : storableText(text);
}

/** The SHA-256 of an entry and, through `previous`, of all before it. */
export function hashEntry(row: Omit<AuditRow, "hash">): string {
  const parts = [
    row.previous,
    row.seq,
    row.id,
    row.at,
    row.action,
    row.outcome,
    row.reason,
    row.actor,
    row.origin,
    row.project_id,
    row.token_id,
    row.request_id,
    row.client_address,
    row.method,
    row.path,
    row.user_agent,
    row.changes,
  ];
  return hash("sha256", JSON.stringify(parts), "hex");
}

/** What looking through a chain found: how many entries are right, and the first that isn't. */
export type ChainCheck = { readonly ok: boolean; readonly checked: number; readonly brokenAt?: number };

/** Looks through a chain, entry by entry. `first` is the end before the first one, where that is known. */
export function createChainCheck(first: ChainEnd = { seq: 0, hash: "" }): {
  /** Says whether the entry is the next one, unchanged. */
  readonly add: (row: AuditRow) => boolean;
  readonly end: () => ChainEnd;
  readonly checked: () => number;
} {
  let end = first;
  let checked = 0;
  return {
    add(row) {
      const fits = row.seq === end.seq + 1 && row.previous === end.hash && hashEntry(row) === row.hash;
      if (!fits) return false;
      end = { seq: row.seq, hash: row.hash };
      checked += 1;
      return true;
    },
    end: () => end,
    checked: () => checked,
  };
}

/** An entry as it is told to others. */
export function readEntry(row: AuditRow): AuditEntry {
  const changes = row.changes === null ? {} : readStored(row.changes);
  // What is in the column was written from these very types.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const kinds = { action: row.action, outcome: row.outcome } as Pick<AuditEntry, "action" | "outcome">;
  return {
    ...kinds,
    seq: row.seq,
    id: row.id,
    at: row.at,
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.project_id === null ? {} : { projectId: row.project_id }),
    ...(row.token_id === null ? {} : { tokenId: row.token_id }),
    ...changes,
    actor: readActor(row),
    previous: row.previous,
    hash: row.hash,
  };
}

function readActor(row: AuditRow): Actor {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const origin = row.origin as Actor["origin"];
  return {
    name: row.actor,
    origin,
    ...(row.request_id === null ? {} : { requestId: row.request_id }),
    ...(row.client_address === null ? {} : { clientAddress: row.client_address }),
    ...(row.method === null ? {} : { method: row.method }),
    ...(row.path === null ? {} : { path: row.path }),
    ...(row.user_agent === null ? {} : { userAgent: row.user_agent }),
  };
}
