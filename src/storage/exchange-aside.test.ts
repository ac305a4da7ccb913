import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFile, setExchangesAside } from "./exchange-aside.ts";

function makeFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "weir-aside-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function list(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => !name.endsWith(".lock"))
    .toSorted();
}

test("a log is set aside with what lies beside it, under a name of its own, and none is ever deleted", async () => {
  using folder = makeFolder();
  const path = join(folder.path, "exchanges.db");
  for (const text of ["1", "2", "3"]) {
    writeFileSync(path, text);
    writeFileSync(`${path}-wal`, text);
    const aside = await setExchangesAside(path, findFile(path), 1_000);
    expect(readFileSync(aside ?? "", "utf8")).toBe(text);
    expect(readFileSync(`${aside}-wal`, "utf8")).toBe(text);
  }
  expect(list(folder.path)).toEqual(
    [0, 1, 2].flatMap((ms) => ["", "-wal"].map((end) => `exchanges.corrupt-19700101T00000100${ms}Z.db${end}`)),
  );
});

test("a new log that another process has begun meanwhile is left alone", async () => {
  using folder = makeFolder();
  const path = join(folder.path, "exchanges.db");
  writeFileSync(path, "damaged");
  const damaged = findFile(path);
  await setExchangesAside(path, damaged, 1_000);
  writeFileSync(path, "new");
  expect(await setExchangesAside(path, damaged, 2_000)).toBeUndefined();
  expect(await setExchangesAside(path, undefined, 2_000)).toBeUndefined();
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(list(folder.path)).toEqual(["exchanges.corrupt-19700101T000001000Z.db", "exchanges.db"]);
});
