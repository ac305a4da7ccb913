import { openAudited } from "../../src/storage/audit-test-support.ts";
import type { DatabaseConfig } from "../../src/storage/database.ts";

/** How a process that writes entries is started: its one argument, as JSON. */
export type WriterOptions = {
  readonly folder: string;
  readonly inDatabase?: boolean;
  readonly maxFileBytes?: number;
  readonly database?: DatabaseConfig;
  /** Entries; without it, entries until the end. */
  readonly count?: number;
  /** How long after a commit the copy is made. Milliseconds. */
  readonly delay?: number;
  /** Whether it stays then, and neither copies nor closes. */
  readonly stays?: boolean;
};

/** Writes entries into the audit, and says each once it is written. */
export async function writeEntries({
  count = Infinity,
  delay = 1,
  stays = false,
  ...options
}: WriterOptions): Promise<void> {
  await using audited = await openAudited(options.folder, { ...options, times: { delay, retry: 10 } });
  for (let number = 0; number < count; number += 1) {
    await audited.note(1, `${process.pid}-${number}`);
    process.stdout.write(`${process.pid}-${number}\n`);
  }
  if (stays) await Bun.sleep(60_000);
}

/** Starts one. */
export function startWriter(options: WriterOptions): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  return Bun.spawn([process.execPath, import.meta.path, JSON.stringify(options)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

if (import.meta.main) await writeEntries(JSON.parse(process.argv.at(-1) ?? "{}") as WriterOptions);
