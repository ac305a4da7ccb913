import { hash } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { createPriceData, type PriceData, type PriceProvider, readPriceProviders } from "./price-data.ts";

/** Price data that an operator has fetched, as it lies in a file. */
type PriceFile = {
  readonly version: string;
  /** Where it came from. */
  readonly from: string;
  readonly providers: readonly PriceProvider[];
};

const fileShape = z.object({ version: z.string().min(1), from: z.string(), providers: z.unknown() });

/** Reads price data that was fetched; `undefined` where there is none. Throws what is wrong with it. */
export async function readPriceFile(path: string): Promise<PriceData | undefined> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const { version, providers } = fileShape.parse(JSON.parse(text));
  return createPriceData(version, readPriceProviders(providers));
}

/** Makes a file of price data as it is published, with a version of the day and of what is in it; throws where it is none. */
export function createPriceFile(published: unknown, { from, now }: { readonly from: string; readonly now: Date }) {
  const providers = readPriceProviders(published);
  const digest = hash("sha256", JSON.stringify(providers), "hex").slice(0, 8);
  return { version: `${now.toISOString().slice(0, 10)}+${digest}`, from, providers } satisfies PriceFile;
}

/** Puts a file of price data in the place of the former one, whole or not at all. */
export async function writePriceFile(path: string, file: PriceFile): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    const handle = await open(draft, "w", 0o600);
    try {
      await handle.writeFile(JSON.stringify(file));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** When the file was last changed, in milliseconds since the epoch; `undefined` where there is none. */
export async function findPriceFileChange(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mtimeMs;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
