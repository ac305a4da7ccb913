import { rm } from "node:fs/promises";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };

/** Writes `bin/weir`: the program, its workers and the runtime in one file for this platform, or for the one named (`bun-linux-arm64`). */
const root = join(import.meta.dir, "..");
const outfile = join(root, "bin/weir");
const target = Bun.argv[2];

const commit = readCommit();
const built = commit === "unknown" ? "unknown" : new Date().toISOString();

const { outputs } = await Bun.build({
  entrypoints: [
    join(root, "src/cli/main.ts"),
    join(root, "src/telemetry/worker.ts"),
    join(root, "src/telemetry/exchange-desk-worker.ts"),
  ],
  // Names stay, so that a stack trace says where it comes from.
  minify: { syntax: true, whitespace: true, identifiers: false },
  sourcemap: "inline",
  define: {
    WEIR_VERSION: JSON.stringify(manifest.version),
    WEIR_COMMIT: JSON.stringify(commit),
    WEIR_BUILT: JSON.stringify(built),
    // Bun would write in what it is at build time; it is the operator's to set.
    "process.env.NODE_ENV": "process.env.NODE_ENV",
  },
  compile: {
    outfile,
    ...(target === undefined ? {} : { target: readTarget(target) }),
    autoloadDotenv: false,
    autoloadBunfig: false,
    execArgv: ["--max-http-header-size=131072"],
  },
});
// The program holds its source maps; those written beside it are copies.
for (const { kind, path } of outputs) if (kind === "sourcemap") await rm(path);
console.log(`bin/weir ${manifest.version} (commit ${commit}, built ${built})`);

function readCommit(): string {
  const { success, stdout } = Bun.spawnSync(["git", "-C", root, "rev-parse", "--short=12", "HEAD"], {
    stderr: "ignore",
  });
  return success ? stdout.toString().trim() : "unknown";
}

function readTarget(name: string): Bun.Build.CompileTarget {
  if (!isTarget(name)) throw new Error(`A target looks like bun-linux-x64 or bun-darwin-arm64, not "${name}"`);
  return name;
}

function isTarget(name: string): name is Bun.Build.CompileTarget {
  return /^bun-(?:linux|darwin)-(?:x64|arm64)(?:-musl|-modern|-baseline)*$/.test(name);
}
