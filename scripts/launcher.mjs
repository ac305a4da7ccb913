// Starts Bun the way this project needs it. Plain JavaScript for Node 18 or newer: it runs before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The program's entry. */
export const main = join(root, "src/cli/main.ts");

/** Runs Bun with these arguments in place of this process: its standard streams, its signals, its exit code. */
export function launch(args, { dev = false } = {}) {
  installWhatIsMissing({ dev });
  // Before the child starts, so that no signal ends this process alone. A terminal, or npm, may send the child the same
  // signal as well: the program takes one that comes twice at once as one.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]) {
    process.on(signal, () => child.kill(signal));
  }
  const child = spawn(findBun(), [...bunFlags, ...args], { stdio: "inherit", env: environment() });
  child.on("error", (error) => fail(`Bun could not be started: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

const bunFlags = [
  // The working directory may be somebody else's: its .env, and its bunfig.toml, which can name code to run, are not ours to load.
  "--no-env-file",
  `--config=${join(root, "bunfig.toml")}`,
  "--no-install",
  "--max-http-header-size=131072",
];

function environment() {
  return {
    // Read by Bun as it starts: without it, fetch queues beyond 256 requests at once. 65,336 is the most that it takes.
    BUN_CONFIG_MAX_HTTP_REQUESTS: "65336",
    // Read by its allocator: how often, in milliseconds, it gives free memory back, which takes time away from calls.
    MIMALLOC_PURGE_HOLES_MIN_INTERVAL: "500",
    ...process.env,
    // A gateway ends when this process is killed, which can't pass that on.
    WEIR_LAUNCHER_PROCESS: String(process.pid),
  };
}

function installWhatIsMissing({ dev }) {
  const lockFile = join(root, "package-lock.json");
  // A package that npm installed has no lock file: npm has seen to its dependencies.
  if (!existsSync(lockFile) || isInstalled(readPackages(lockFile), { dev })) return;
  // npm's words go to stderr: stdout is the program's.
  const { status } = npm(["ci", dev ? "--include=dev" : "--omit=dev", "--loglevel=error"], { stdio: ["ignore", 2, 2] });
  if (status !== 0) fail('The dependencies could not be installed. Run "npm ci" to see why.');
}

/** Whether what the lock file asks for is what lies in node_modules; what is for other platforms may be absent. */
function isInstalled(locked, { dev }) {
  const installed = readPackages(join(root, "node_modules/.package-lock.json"));
  return Object.entries(locked).every(([path, wanted]) => {
    if (path === "" || (wanted.dev && !dev)) return true;
    const found = installed[path];
    if (!found) return [wanted.optional, wanted.devOptional, wanted.peer].includes(true);
    return found.version === wanted.version && (!wanted.integrity || found.integrity === wanted.integrity);
  });
}

function readPackages(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).packages : {};
}

function npm(args, options) {
  const script = process.env.npm_execpath;
  // Within "npm start" the npm that runs us, which needs no shell on any system.
  if (script?.endsWith("npm-cli.js")) return spawnSync(process.execPath, [script, ...args], { cwd: root, ...options });
  return spawnSync("npm", args, { cwd: root, shell: process.platform === "win32", ...options });
}

/** The platform's own package holds the binary until the install script of "bun" has moved it; that script may be switched off. */
function findBun() {
  const { resolve } = createRequire(join(root, "package.json"));
  try {
    const manifest = resolve("bun/package.json");
    const { optionalDependencies } = JSON.parse(readFileSync(manifest, "utf8"));
    const binaries = Object.keys(optionalDependencies).map((name) => join(dirname(manifest), "..", name, "bin/bun"));
    return binaries.find(existsSync) ?? join(dirname(manifest), "bin/bun.exe");
  } catch {
    return fail('The package "bun" is missing. Install this package again, with its dependencies.');
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
