import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig, type LoadOptions } from "./load-config.ts";

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "weir-config-"));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

/** A working directory with these files, and what is loaded in it. */
async function loadIn(files: Readonly<Record<string, string>>, options: LoadOptions = {}) {
  const directory = await mkdtemp(join(root, "cwd-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return loadConfig({ env: {}, directory, ...options });
}

async function portIn(files: Readonly<Record<string, string>>, options: LoadOptions = {}): Promise<number> {
  const result = await loadIn(files, options);
  if (result.kind === "faults") throw new Error(result.faults.join("\n"));
  return result.config.port;
}

test("an empty directory gives the defaults", async () => {
  expect(await portIn({})).toBe(3000);
});

test(".env and weir.yaml of the working directory are read, .env first", async () => {
  expect(await portIn({ "weir.yaml": "port: 4001" })).toBe(4001);
  expect(await portIn({ "weir.yaml": "port: 4001", ".env": "PORT=4002" })).toBe(4002);
  expect(await portIn({ ".env": "PORT=4002", ".env.local": "PORT=4003" })).toBe(4002);
});

test("--env takes the place of .env", async () => {
  expect(await portIn({ ".env": "PORT=4002", other: "PORT=4004" }, { flags: { "--env": "other" } })).toBe(4004);
});

test("the file is named by an option, the environment or .env, under its old name too", async () => {
  const files = { "weir.yaml": "port: 4001", "mine.yaml": "port: 4005" };
  expect(await portIn(files, { flags: { "--config": "mine.yaml" } })).toBe(4005);
  expect(await portIn(files, { env: { WEIR_CONFIG: "mine.yaml" } })).toBe(4005);
  expect(await portIn({ ...files, ".env": "API_CONFIG_PATH=./mine.yaml" })).toBe(4005);
});

test("a named file that isn't there is a fault beside all others", async () => {
  const result = await loadIn({}, { flags: { "--config": "gone.yaml", "--env": "gone.env" }, env: { PORT: "abc" } });
  expect(result.kind === "faults" && result.faults).toEqual([
    expect.stringMatching(/^--env must name a file that can be read, not ".*gone\.env" \(ENOENT\)$/),
    expect.stringMatching(/^--config must name a file that can be read, not ".*gone\.yaml" \(ENOENT\)$/),
    expect.stringMatching(/^PORT must be/),
  ]);
});

test("a usual file that can't be read is a fault", async () => {
  const directory = await mkdtemp(join(root, "cwd-"));
  await mkdir(join(directory, ".env"));
  const result = await loadConfig({ env: {}, directory });
  expect(result.kind === "faults" && result.faults).toEqual([".env must be a file that can be read (EISDIR)"]);
});

test("a directory of somebody else's is left alone, but for files that are named", async () => {
  const files = { ".env": "PORT=abc", "weir.yaml": "port: abc", "mine.yaml": "port: 4005" };
  expect(await portIn(files, { workingFiles: false })).toBe(3000);
  expect(await portIn(files, { workingFiles: false, flags: { "--config": "mine.yaml" } })).toBe(4005);
});

test("a command's own defaults give way to everything", async () => {
  expect(await portIn({}, { defaults: { PORT: "0" } })).toBe(0);
  expect(await portIn({ "weir.yaml": "port: 4001" }, { defaults: { PORT: "0" } })).toBe(4001);
});

test("the environment of the process is read by itself", async () => {
  const directory = await mkdtemp(join(root, "cwd-"));
  process.env["METRICS_PATH"] = "/from-process";
  const result = await loadConfig({ directory });
  delete process.env["METRICS_PATH"];
  expect(result.kind === "ok" && result.config.metrics.path).toBe("/from-process");
});
