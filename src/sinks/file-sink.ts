import { access, constants } from "node:fs/promises";
import { createRecentIds } from "./recent-ids.ts";
import { openRotatingFile, type RotatingFile } from "./rotating-file.ts";
import type { DeliveryResult, Sink, SinkRecord } from "./sink.ts";

/** What an outbox may deliver twice after a crash lies within these. */
const tailBytes = 32 * 1_048_576;
const mostIds = 32_768;

/** Opens a file of JSON lines as a sink: no exchange is written twice, though it be delivered again. Throws what is wrong with the path in words. */
export async function openFileSink(parts: FileSinkParts): Promise<Sink> {
  const { path } = parts;
  const file = open(parts);
  const written = createRecentIds({ max: mostIds });
  await file.readLast(tailBytes, (line) => {
    const id = findId(line);
    if (id !== undefined) written.add(id);
  });

  function write(batch: readonly SinkRecord[]): DeliveryResult {
    let fresh = batch.filter(({ id }) => !written.has(id));
    try {
      while (fresh.length > 0) {
        const count = file.append(fresh.map(({ json }) => json));
        for (const { id } of fresh.slice(0, count)) written.add(id);
        fresh = fresh.slice(count);
      }
      return { kind: "delivered" };
    } catch (error) {
      return { kind: "retry", reason: `${path} can't be written: ${describeError(error)}` };
    }
  }

  return {
    name: "file",
    batch: { count: 1000, bytes: 2_097_152 },
    deadlineMs: 30_000,
    target: path,
    deliver: (batch) => Promise.resolve(write(batch)),
    check: async () => {
      await access(path, constants.W_OK).catch((error: unknown) => {
        throw new Error(`${path} can't be written: ${describeError(error)}`, { cause: error });
      });
    },
    close() {
      file.close();
      return Promise.resolve();
    },
  };
}

type FileSinkParts = Parameters<typeof openRotatingFile>[0];

function open(parts: FileSinkParts): RotatingFile {
  try {
    return openRotatingFile(parts);
  } catch (error) {
    throw new Error(
      `${parts.path} can't be opened (${describeError(error)}): set FILE_EVENT_LOG to a file that can be written`,
      { cause: error },
    );
  }
}

function findId(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const id = typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
    return typeof id === "string" ? id : undefined;
  } catch {
    return undefined;
  }
}

function describeError(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOSPC") return "no room left on the device";
  return typeof code === "string" ? code : String(error);
}
