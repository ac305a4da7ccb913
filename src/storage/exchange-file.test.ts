import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openExchangeFile } from "./exchange-file.ts";

test("room is given back when no other process writes, and one that does is no fault", async () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-file-"));
  const path = join(folder, "exchanges.db");
  const file = openExchangeFile(path, { durable: false });
  const other = new Database(path);
  other.run("create table filled (bytes blob)");
  other.run("insert into filled values (zeroblob(16000000))");
  other.run("delete from filled");
  const readPages = () => Number(other.query<{ page_count: number }, []>("pragma page_count").get()?.page_count);
  const before = readPages();
  other.run("begin immediate");
  file.shrink();
  other.run("rollback");
  expect(readPages()).toBe(before);
  file.shrink();
  expect(readPages()).toBeLessThan(before);
  other.close();
  await file.close();
  rmSync(folder, { recursive: true });
});
