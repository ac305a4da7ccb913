import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runtimeSettings } from "../src/cli/runtime-settings.ts";
import { needs } from "./needs.ts";
import { makeFolder } from "./runtime-contract/child.ts";
import type { Folder } from "./runtime-contract/child.ts";

const repository = join(import.meta.dir, "..");
const node = Bun.which("node");
const testWithNode = needs("node and npm", node !== null && Bun.which("npm") !== null);

/** Prints how it was started, then ends with the code that it is told, or drains on a signal. */
const program = `
  const { CODE, BUN_CONFIG_MAX_HTTP_REQUESTS, MIMALLOC_PURGE_HOLES_MIN_INTERVAL, HOSTILE } = process.env;
  console.log(JSON.stringify({ args: process.argv.slice(2), flags: process.execArgv, requests: BUN_CONFIG_MAX_HTTP_REQUESTS, purge: MIMALLOC_PURGE_HOLES_MIN_INTERVAL, hostile: HOSTILE }));
  if (CODE) process.exit(Number(CODE));
  let signals = [];
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => {
    if (signals.push(signal) > 1) return;
    setTimeout(() => { console.log(new Set(signals).size, signals[0]); process.exit(7); }, 100);
  });
  setInterval(() => {}, 1000);
  console.log("up");`;

const locked = {
  "node_modules/bun": { version: "1.0.0", integrity: "sha512-bun" },
  "node_modules/for-tests": { version: "1.0.0", dev: true },
  "node_modules/for-elsewhere": { version: "1.0.0", optional: true },
};

/** Stands for npm: notes what it is asked for, and installs that. */
const npm = `
  import { appendFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
  const args = process.argv.slice(2);
  appendFileSync("npm.log", args.join(" ") + "\\n");
  if (process.env.NPM_FAILS) process.exit(1);
  console.log("npm speaks");
  const packages = ${JSON.stringify(locked)};
  delete packages["node_modules/for-elsewhere"];
  if (args.includes("--omit=dev")) delete packages["node_modules/for-tests"];
  mkdirSync("node_modules", { recursive: true });
  writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages }));
  if (!existsSync("node_modules/bun")) symlinkSync(process.env.REAL_BUN, "node_modules/bun");`;

/** A clone of the project with another program in it, nothing installed. */
async function makeClone(): Promise<Folder> {
  const clone = await makeFolder({
    "package-lock.json": JSON.stringify({ packages: { "": {}, ...locked } }),
    "npm-cli.js": npm,
    ".env": "HOSTILE=1",
  });
  for (const name of ["scripts", "package.json", "bunfig.toml"]) {
    await cp(join(repository, name), join(clone.path, name), { recursive: true });
  }
  await mkdir(join(clone.path, "src/cli"), { recursive: true });
  await writeFile(join(clone.path, "src/cli/main.ts"), program);
  return clone;
}

let clone: Folder;
beforeAll(async () => {
  clone = await makeClone();
});
afterAll(() => clone[Symbol.asyncDispose]());

function spawn(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd = clone.path,
  detached = false,
) {
  return Bun.spawn([...command], {
    cwd,
    detached,
    env: {
      PATH: process.env["PATH"],
      HOME: clone.path,
      npm_execpath: join(clone.path, "npm-cli.js"),
      REAL_BUN: join(repository, "node_modules/bun"),
      ...env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function launch(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
) {
  const child = spawn(["node", join(clone.path, "scripts", script), ...args], env, cwd);
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, code };
}

const npmLog = () => Bun.file(join(clone.path, "npm.log")).text();

testWithNode(
  "a fresh clone installs what the program needs, once, then runs it; its output is the program's alone",
  async () => {
    const first = await launch("run.mjs", ["src/cli/main.ts", "serve", "--port", "0"], { CODE: "3" });
    expect(first.code).toBe(3);
    expect(first.stderr).toBe("npm speaks\n");
    expect(JSON.parse(first.stdout)).toEqual({
      args: ["serve", "--port", "0"],
      flags: [
        "--no-env-file",
        `--config=${join(clone.path, "bunfig.toml")}`,
        "--no-install",
        "--max-http-header-size=131072",
      ],
      requests: runtimeSettings.BUN_CONFIG_MAX_HTTP_REQUESTS,
      purge: runtimeSettings.MIMALLOC_PURGE_HOLES_MIN_INTERVAL,
    });
    const second = await launch("run.mjs", ["src/cli/main.ts"], { CODE: "0" });
    expect([second.code, second.stderr]).toEqual([0, ""]);
    expect(await npmLog()).toBe("ci --omit=dev --loglevel=error\n");
  },
);

testWithNode("tests install what only development needs as well", async () => {
  await launch("run.mjs", ["src/cli/main.ts"], { CODE: "0" });
  await launch("run.mjs", ["--print", "1"]);
  await launch("run.mjs", ["--print", "1"]);
  expect(await npmLog()).toBe("ci --omit=dev --loglevel=error\nci --include=dev --loglevel=error\n");
});

testWithNode(
  "a package of another version than the lock file's is installed anew, and where that fails it says so",
  async () => {
    await launch("run.mjs", ["src/cli/main.ts"], { CODE: "0" });
    const installed = join(clone.path, "node_modules/.package-lock.json");
    const kept = await Bun.file(installed).text();
    await writeFile(installed, kept.replace("1.0.0", "0.9.0"));
    const failed = await launch("run.mjs", ["src/cli/main.ts"], { NPM_FAILS: "1" });
    expect([failed.code, failed.stdout]).toEqual([1, ""]);
    expect(failed.stderr).toContain('Run "npm ci" to see why');
    await writeFile(installed, kept);
  },
);

testWithNode(
  "weir, started in somebody else's directory, gets its arguments and loads nothing from there",
  async () => {
    await using theirs = await makeFolder({
      ".env": "HOSTILE=2",
      "bunfig.toml": 'preload = ["./evil.ts"]',
      "evil.ts": 'console.log("evil");',
    });
    await chmod(join(clone.path, "scripts/weir.mjs"), 0o755);
    await symlink(join(clone.path, "scripts/weir.mjs"), join(theirs.path, "weir"));
    const child = spawn(
      [join(theirs.path, "weir"), "run", "--", "x"],
      { CODE: "0", BUN_CONFIG_MAX_HTTP_REQUESTS: "9" },
      theirs.path,
    );
    expect(JSON.parse(await child.stdout.text())).toMatchObject({ args: ["run", "--", "x"], requests: "9" });
    expect(await child.exited).toBe(0);
  },
);

const stops = [
  ["SIGTERM", "to npm alone", (pid: number) => process.kill(pid, "SIGTERM")],
  ["SIGINT", "to npm and all that it started", (pid: number) => process.kill(-pid, "SIGINT")],
] as const;

for (const [signal, whom, stop] of stops) {
  testWithNode(`npm start, ${signal} ${whom}: the program drains, and its exit code is npm's`, async () => {
    await launch("run.mjs", ["src/cli/main.ts"], { CODE: "0" });
    const child = spawn(["npm", "start"], {}, clone.path, true);
    let output = "";
    for await (const bytes of child.stdout) {
      output += new TextDecoder().decode(bytes);
      if (output.endsWith("up\n")) stop(child.pid);
    }
    expect(output).toEndWith(`up\n1 ${signal}\n`);
    expect(await child.exited).toBe(7);
  });
}

test("the npm package holds what its start needs", async () => {
  const { files, bin } = (await Bun.file(join(repository, "package.json")).json()) as {
    files: string[];
    bin: Record<string, string>;
  };
  expect(files).toContain(bin["weir"] ?? "");
  for (const name of ["src", "scripts/launcher.mjs", "bunfig.toml"]) expect(files).toContain(name);
});
