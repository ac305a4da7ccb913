import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Actor } from "../domain/audit.ts";
import { createAudit, createAuditStore } from "./audit.ts";
import { type AuditFileParts, openAuditFile } from "./audit-file.ts";
import { listAuditParts } from "./audit-parts.ts";
import { createChanges } from "./change.ts";
import { type DatabaseConfig, openDatabase } from "./database.ts";
import { createMigration } from "./migrate.ts";

/** A folder of a test's own. */
export function makeAuditFolder(): { readonly path: string; readonly [Symbol.dispose]: () => void } {
  const path = mkdtempSync(join(tmpdir(), "weir-audit-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const actor: Actor = {
  name: "management_token",
  origin: "api",
  path: "/manage/projects",
  userAgent: 'a\u2028"test"\n',
};

/** A database and the audit's file beside it, as the program has them. */
export async function openAudited(
  folder: string,
  options: Partial<AuditFileParts> & { readonly database?: DatabaseConfig } = {},
) {
  const { database = { driver: "sqlite", path: join(folder, "weir.db") }, inDatabase = true, times, ...more } = options;
  const storage = await openDatabase(database, () => {});
  await createMigration(storage).up();
  const store = createAuditStore(storage);
  const troubles: string[] = [];
  const path = join(folder, "audit.log");
  const file = openAuditFile({
    path,
    createFolder: true,
    maxFileBytes: 100_000_000,
    inDatabase,
    auditStore: store,
    now: Date.now,
    onTrouble: ({ message }) => void troubles.push(message),
    // Closing copies all, however slow the machine.
    times: { close: 20_000, ...(times ?? { delay: 1, retry: 10 }) },
    ...more,
  });
  const changes = createChanges({
    storage,
    audit: createAudit({ enabled: true, inDatabase, file, now: Date.now }),
  });
  return {
    path,
    storage,
    store,
    file,
    troubles,
    changes,
    /** Makes so many entries, one after the other. */
    async note(count: number, name = "x"): Promise<void> {
      for (let number = 0; number < count; number += 1)
        await changes.note(actor, [
          {
            action: "project.update",
            outcome: "success",
            projectId: "p",
            before: { name: "é" },
            after: { name, 1: -0.5 },
          },
        ]);
    },
    async [Symbol.asyncDispose]() {
      await file.close();
      await storage.close();
    },
  };
}

/** The lines of the audit's file, and of those that were moved away before it. */
export function readAuditLines(path: string): readonly string[] {
  return [...listAuditParts(path), ...(existsSync(path) ? [path] : [])].flatMap((name) =>
    readFileSync(name, "utf8").split("\n").slice(0, -1),
  );
}

/** The numbers of the entries in them. */
export function readSeqs(path: string): readonly number[] {
  return readAuditLines(path).map((line) => Number(/^\{"seq":(\d+),[^]*\}$/.exec(line)?.[1]));
}

/** 1 to `count`. */
export function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
