import { expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder, run, runChild } from "./child.ts";

/** Somebody else's project: it names code to run, and variables. */
const hostile = {
  "bunfig.toml": 'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n[test]\npreload = ["./evil.ts"]\n',
  "evil.ts": 'console.log("evil ran");',
  ".env": "HOSTILE=1\nNODE_ENV=hostile",
  ".env.local": "HOSTILE_LOCAL=1",
  ".env.production": "HOSTILE_PRODUCTION=1",
  "tsconfig.json": '{"compilerOptions":{"paths":{"node:os":["./evil.ts"]}}}',
  "package.json": '{"name":"hostile"}',
};

const program = `
  import { platform } from "node:os";
  const names = Object.keys(process.env).filter((name) => name.startsWith("HOSTILE"));
  console.log(typeof platform, names.length, new Worker(new URL("./worker.ts", import.meta.url)) instanceof Worker);
  process.exit();`;
const worker = "export {};";

const ours = (path: string) => ["--no-env-file", `--config=${join(path, "empty.toml")}`, "--no-install"];

test("a hostile working directory is loaded by Bun, and by nothing of it with our flags", async () => {
  await using theirs = await makeFolder(hostile);
  await using own = await makeFolder({ "main.ts": program, "worker.ts": worker, "empty.toml": "" });
  const start = (flags: readonly string[]) =>
    run([process.execPath, ...flags, join(own.path, "main.ts")], { env: {}, cwd: theirs.path });
  const [bare, guarded] = await Promise.all([start([]), start(ours(own.path))]);
  expect(bare.stdout).toStartWith("evil ran\nfunction 2 true\n");
  expect(guarded).toEqual({ stdout: "function 0 true\n", stderr: "", code: 0 });
});

test("a compiled program with autoloading off loads nothing of it, finds its worker and keeps NODE_ENV as it is", async () => {
  await using theirs = await makeFolder(hostile);
  await using own = await makeFolder({
    "main.ts": program.replace("process.exit", "console.log(process.env.NODE_ENV); process.exit"),
    "worker.ts": worker,
  });
  const outfile = join(own.path, "program");
  await Bun.build({
    entrypoints: [join(own.path, "main.ts"), join(own.path, "worker.ts")],
    define: { "process.env.NODE_ENV": "process.env.NODE_ENV" },
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false, execArgv: ["--max-http-header-size=131072"] },
  });
  const { stdout, stderr } = await run([outfile], { env: { NODE_ENV: "theirs" }, cwd: theirs.path });
  expect([stdout, stderr]).toEqual(["function 0 true\ntheirs\n", ""]);
}, 60_000);

test("process.execve starts the program anew in the same process, with the environment that it is given", async () => {
  await using own = await makeFolder({
    "main.ts": `
      console.log(process.pid, process.env.BUN_CONFIG_MAX_HTTP_REQUESTS ?? "unset");
      if (!process.env.BUN_CONFIG_MAX_HTTP_REQUESTS)
        process.execve(process.execPath, [process.execPath, Bun.main], { BUN_CONFIG_MAX_HTTP_REQUESTS: "65336" });`,
  });
  const { stdout } = await run([process.execPath, join(own.path, "main.ts")], { env: {}, cwd: own.path });
  const [first = "", second = ""] = stdout.trimEnd().split("\n");
  expect(second).toBe(first.replace("unset", "65336"));
});

test("TypeScript within node_modules runs, so the program can be installed as a package", async () => {
  await using own = await makeFolder({ "empty.toml": "" });
  const folder = join(own.path, "node_modules/weir-gateway");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "main.ts"), "const text: string = 'ran'; console.log(text);");
  const { stdout } = await run([process.execPath, ...ours(own.path), join(folder, "main.ts")], {
    env: {},
    cwd: own.path,
  });
  expect(stdout).toBe("ran\n");
});

test("the allocator reads how often it may give memory back, and does so every 100 ms where nobody says", async () => {
  const readInterval = async (env: Readonly<Record<string, string>>) => {
    const { stderr } = await runChild("", { env: { ...env, MIMALLOC_VERBOSE: "1" } });
    return /'purge_holes_min_interval': (\d+)/.exec(stderr)?.[1];
  };
  expect(await readInterval({})).toBe("100");
  expect(await readInterval({ MIMALLOC_PURGE_HOLES_MIN_INTERVAL: "500" })).toBe("500");
});
