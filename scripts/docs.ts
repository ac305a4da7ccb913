import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeEnvExample, writeReference } from "../src/config/reference.ts";
import { registry } from "../src/config/registry.ts";
import { listTopics } from "../src/config/topics.ts";
import { writeExchangeSchema } from "./exchange-schema.ts";

/** Finds the files below `root` that are not what the declarations in the code make of them, and writes them anew unless it only checks. */
export async function makeDocs(root: string, { check }: { check: boolean }): Promise<readonly string[]> {
  const topics = listTopics(registry);
  const made = {
    "docs/configuration.md": writeReference(topics),
    ".env.example": writeEnvExample(topics),
    "docs/exchange.schema.json": writeExchangeSchema(),
  };
  const stale: string[] = [];
  for (const [path, text] of Object.entries(made)) {
    const found = await readFile(join(root, path), "utf8").catch(() => undefined);
    if (found === text) continue;
    stale.push(path);
    if (!check) await writeFile(join(root, path), text);
  }
  return stale;
}

if (import.meta.main) {
  const check = process.argv.includes("--check");
  const stale = await makeDocs(join(import.meta.dirname, ".."), { check });
  for (const path of stale) console.log(check ? `${path} is stale; run: bun scripts/docs.ts` : `${path} written`);
  if (check && stale.length > 0) process.exitCode = 1;
}
