import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How a Bun of its own is started. */
export type ChildOptions = {
  readonly flags?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
};

/** What a Bun of its own printed, and how it ended. */
export type ChildResult = { readonly stdout: string; readonly stderr: string; readonly code: number };

/** Runs a script in a Bun of its own, with none of this process's environment. */
export async function runChild(
  source: string,
  { flags = [], args = [], env = {}, cwd }: ChildOptions = {},
): Promise<ChildResult> {
  await using folder = await makeFolder({ "script.ts": source });
  // Awaited here: the folder goes when this returns.
  return await run([process.execPath, ...flags, join(folder.path, "script.ts"), ...args], {
    env,
    cwd: cwd ?? folder.path,
  });
}

/** Runs a program to its end. */
export async function run(
  command: readonly string[],
  { env, cwd }: { readonly env: Readonly<Record<string, string>>; readonly cwd: string },
): Promise<ChildResult> {
  const child = Bun.spawn([...command], { cwd, env: { ...env }, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, code };
}

/** A folder that goes when its owner does. */
export type Folder = AsyncDisposable & { readonly path: string };

/** Makes a folder with these files in it. */
export async function makeFolder(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "weir-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
