import { cp, symlink } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { needs } from "../needs.ts";
import { type Folder, makeFolder } from "../runtime-contract/child.ts";
import { waitFor } from "../weir.ts";

const repository = join(import.meta.dir, "../..");
const test = needs("node, on Linux", Bun.which("node") !== null && process.platform === "linux");

/** The program with its launcher, as a clone has it; nothing is installed, since it has no lock file. */
async function makeClone(): Promise<Folder> {
  const clone = await makeFolder();
  await cp(join(repository, "scripts"), join(clone.path, "scripts"), { recursive: true });
  for (const name of ["src", "node_modules", "package.json", "bunfig.toml"])
    await symlink(join(repository, name), join(clone.path, name));
  return clone;
}

function start({ path }: Folder, before: readonly string[], after: readonly string[] = []) {
  const command = [...before, "node", join(path, "scripts/weir.mjs"), "serve", ...after];
  return Bun.spawn(command, {
    cwd: path,
    env: { PATH: process.env["PATH"], HOME: path, PORT: "0", LOG_FORMAT: "json" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

/** Waits for the line that says it. */
async function waitUntilItListens(output: ReadableStream<Uint8Array>): Promise<void> {
  let text = "";
  for await (const bytes of output) {
    text += new TextDecoder().decode(bytes);
    if (text.includes('"msg":"listening"')) return;
  }
  throw new Error(`It doesn't listen:\n${text}`);
}

/** The processes that a process has started, and that these have, as Linux lists them. */
function listDescendants(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    listChildren(`/proc/${pid}/task/${task}/children`),
  );
  return [...children, ...children.filter(isAlive).flatMap(listDescendants)];
}

/** None of a thread that has ended meanwhile. */
function listChildren(path: string): readonly number[] {
  try {
    return readFileSync(path, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function end(pids: readonly number[]): void {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
}

test("a gateway whose launcher is killed ends too, so that it can be started anew on its port and data", async () => {
  await using clone = await makeClone();
  for (let times = 0; times < 2; times += 1) {
    const launcher = start(clone, []);
    await waitUntilItListens(launcher.stdout);
    const started = listDescendants(launcher.pid);
    expect(started.length).toBeGreaterThan(0);
    launcher.kill("SIGKILL");
    await waitFor(() => !started.some(isAlive), "The gateway goes on").finally(() => end(started));
  }
}, 60_000);

test("a gateway goes on where what is gone is the shell that started its launcher, or where it was detached", async () => {
  await using clone = await makeClone();
  const shell = start(clone, ["sh", "-c", '"$@"; true', "sh"]);
  await waitUntilItListens(shell.stdout);
  const started = listDescendants(shell.pid);
  shell.kill("SIGKILL");
  await Bun.sleep(1500);
  expect(started.map(isAlive)).toEqual(started.map(() => true));
  end(started);

  const detaching = start(clone, [], ["--detach"]);
  const pid = Number(await detaching.stdout.text());
  expect(await detaching.exited).toBe(0);
  await Bun.sleep(1500);
  expect(isAlive(pid)).toBe(true);
  end([pid]);
}, 60_000);
