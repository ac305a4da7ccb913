import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeDocs } from "./docs.ts";

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "weir-docs-"));
  await mkdir(join(root, "docs"));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

test("files that are missing or changed are stale until they are made", async () => {
  const all = ["docs/configuration.md", ".env.example", "docs/exchange.schema.json"];
  expect(await makeDocs(root, { check: true })).toEqual(all);
  expect(await makeDocs(root, { check: false })).toEqual(all);
  expect(await makeDocs(root, { check: true })).toEqual([]);
  await appendFile(join(root, ".env.example"), "PORT=1\n");
  expect(await makeDocs(root, { check: true })).toEqual([".env.example"]);
});

test("the repository's own are what the code makes of them", async () => {
  expect(await makeDocs(join(import.meta.dirname, ".."), { check: true })).toEqual([]);
});
