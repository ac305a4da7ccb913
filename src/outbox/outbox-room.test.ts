import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Outbox, SinkCounts } from "./outbox.ts";
import { openSqliteOutbox } from "./sqlite-outbox.ts";
import { imbalance, makeDirectory, makeRecord, makeRecords, readIds, totalDropped } from "./test-support.ts";

const mb = 1_048_576;
const all = { count: Infinity, bytes: Infinity };

test("a full outbox gives up refusals first, then bodies, then the oldest records, each counted", () => {
  using directory = makeDirectory();
  const outbox = openSqliteOutbox({ path: join(directory.path, "outbox.db"), sinks: ["a", "b"], maxBytes: 2 * mb });
  outbox.append(makeRecords("early", 20, { characters: 5000 }));
  outbox.append(
    Array.from({ length: 400 }, (_, at) => ({
      id: `no-${at}`,
      refusal: true,
      json: makeRecord(`no-${at}`, { characters: 3000 }).json,
    })),
  );
  const fill = (prefix: string) => outbox.append(makeRecords(prefix, 20, { characters: 8000 }));

  for (let at = 0; shedOf(outbox).outbox_full === undefined; at += 1) fill(`one${at}`);
  expect(shedOf(outbox).outbox_full).toBeLessThanOrEqual(400);
  expect(outbox.size().bodiesShed).toBe(0);
  expect(readIds(outbox, "a").slice(0, 2)).toEqual(["early-0", "early-1"]);

  for (let at = 0; outbox.size().bodiesShed === 0; at += 1) fill(`two${at}`);
  expect(shedOf(outbox).outbox_full).toBe(400);
  const [oldest, ...more] = outbox.read("a", all);
  expect(oldest?.exchange).toMatchObject({ id: "early-0", model: "m", bodies_shed: true });
  expect(oldest?.exchange.input).toBeUndefined();
  expect(oldest?.exchange.output).toBeUndefined();
  expect(more.at(-1)?.exchange.input).toBeString();

  for (let at = 0; shedOf(outbox).outbox_full === 400; at += 1) {
    // Records without bodies: nothing of them can be given up but themselves.
    outbox.append(
      Array.from({ length: 400 }, (_, n) => ({
        id: `bare${at}-${n}`,
        refusal: false,
        json: JSON.stringify({ id: n, path: makeRecord("", { characters: 1000 }).json }),
      })),
    );
  }
  expect(readIds(outbox, "a")).not.toContain("early-0");
  for (const sink of ["a", "b"]) expect(imbalance(outbox.counts(sink))).toBe(0);
  expect(outbox.size().bytes).toBeLessThan(2.5 * mb);
  outbox.close();
});

test("what a sink has already taken is not counted as dropped for it", () => {
  using directory = makeDirectory();
  const outbox = openSqliteOutbox({ path: join(directory.path, "outbox.db"), sinks: ["a", "b"], maxBytes: mb });
  for (let at = 0; (outbox.counts("b").dropped.outbox_full ?? 0) === 0; at += 1) {
    outbox.append(
      Array.from({ length: 100 }, (_, n) => ({
        id: `${at}-${n}`,
        refusal: true,
        json: makeRecord("x", { characters: 2000 }).json,
      })),
    );
    outbox.ack("a", Infinity);
  }
  expect(outbox.counts("a")).toMatchObject({ dropped: {}, pending: 0 });
  expect(imbalance(outbox.counts("b"))).toBe(0);
  outbox.close();
});

test("what is older than the bound is dropped for who still waited for it", () => {
  using directory = makeDirectory();
  let now = 1_000_000;
  const outbox = openSqliteOutbox({
    path: join(directory.path, "outbox.db"),
    sinks: ["a", "b"],
    maxAgeMs: 60_000,
    now: () => now,
  });
  outbox.append(makeRecords("old", 3));
  now += 50_000;
  outbox.append(makeRecords("new", 2));
  outbox.ack("a", 2);
  now += 15_000;
  expect(readIds(outbox, "a")).toEqual(["new-0", "new-1"]);
  expect(outbox.counts("a")).toMatchObject({ delivered: 2, pending: 2, dropped: { outbox_age: 1 } });
  expect(outbox.counts("b")).toMatchObject({ delivered: 0, pending: 2, dropped: { outbox_age: 3 } });
  outbox.close();
});

test("0 switches the bounds off", () => {
  using directory = makeDirectory();
  let now = 0;
  const outbox = openSqliteOutbox({
    path: join(directory.path, "outbox.db"),
    sinks: ["a"],
    maxAgeMs: 0,
    maxBytes: 0,
    now: () => now,
  });
  outbox.append(makeRecords("x", 100, { characters: 50_000 }));
  now += 1e12;
  expect(readIds(outbox, "a")).toHaveLength(100);
  expect(outbox.counts("a").dropped).toEqual({});
  outbox.close();
});

test("an emptied file gives its room back to the disk", () => {
  using directory = makeDirectory();
  let now = 1_000_000;
  const path = join(directory.path, "outbox.db");
  const outbox = openSqliteOutbox({ path, sinks: ["a"], now: () => now });
  for (let at = 0; at < 30; at += 1) outbox.append(makeRecords(`x${at}`, 20, { characters: 50_000 }));
  outbox.ack("a", 600);
  outbox.append(makeRecords("y", 1));
  const full = statSync(path).size;
  for (let at = 0; at < 10; at += 1) {
    now += 1000;
    outbox.read("a", { count: 1, bytes: 1 });
  }
  outbox.close();
  expect(full).toBeGreaterThan(12 * mb);
  expect(statSync(path).size).toBeLessThan(full - 8 * mb);
});

const whyNotMounted = tryMount();
if (whyNotMounted !== undefined) process.stderr.write(`no test on a full disk: ${whyNotMounted}\n`);

test.skipIf(whyNotMounted !== undefined)(
  "on a full disk appending never throws, sheds in order, counts, and recovers",
  () => {
    using directory = makeDirectory();
    expect(mount(directory.path)).toBeUndefined();
    try {
      fillAndFree(directory.path);
    } finally {
      Bun.spawnSync(["umount", "--lazy", directory.path]);
    }
  },
);

/** Mounts a small file system; says why it can't. */
function mount(path: string): string | undefined {
  const { success, stderr } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", path]);
  return success ? undefined : stderr.toString().trim();
}

function tryMount(): string | undefined {
  if (process.platform !== "linux" || Bun.which("mount") === null) return "no mount here";
  using directory = makeDirectory();
  const reason = mount(directory.path);
  if (reason === undefined) Bun.spawnSync(["umount", directory.path]);
  return reason;
}

function fillAndFree(directory: string): void {
  const path = join(directory, "outbox.db");
  let now = 1_000_000;
  const outbox = openSqliteOutbox({ path, sinks: ["a", "b"], now: () => now });
  expect(statSync(`${path}.reserve`).size).toBe(4 * mb);
  outbox.append(makeRecords("no", 200, { characters: 2000, refusal: true }));
  for (let at = 0; at < 100; at += 1) outbox.append(makeRecords(`x${at}`, 40, { characters: 16_000 }));
  // 64 MB of text that compresses to a half went into 24 MB.
  expect(outbox.size().bodiesShed).toBeGreaterThan(0);
  expect(outbox.counts("a").dropped.disk_full).toBeGreaterThanOrEqual(200);
  expect(imbalance(outbox.counts("a"))).toBe(0);
  expect(outbox.counts("a").pending).toBe(outbox.read("a", all).length);
  expect(readIds(outbox, "a").at(-1)).toBe("x99-39");

  // Somebody else takes all that is left, down to the last byte.
  outbox.ack("a", Infinity);
  hog(join(directory, "hog"));
  for (let at = 0; at < 30; at += 1) outbox.append(makeRecords(`y${at}`, 40, { characters: 16_000 }));
  const full = outbox.counts("a");
  expect(imbalance(full)).toBe(0);
  expect(full.received).toBe(200 + 4000 + 1200);
  expect(imbalance(outbox.counts("b"))).toBe(0);

  rmSync(join(directory, "hog"));
  outbox.ack("b", Infinity);
  now += 5000;
  outbox.append(makeRecords("z", 10));
  now += 5000;
  outbox.append(makeRecords("zz", 10));
  expect(readIds(outbox, "b").slice(-20, -10)).toEqual(makeRecords("z", 10).map(({ id }) => id));
  const counts = [outbox.counts("a"), outbox.counts("b")];
  outbox.close();
  const again = openSqliteOutbox({ path, sinks: ["a", "b"], now: () => now });
  expect([again.counts("a"), again.counts("b")]).toEqual(counts);
  again.close();
}

function hog(path: string): void {
  const file = Bun.spawnSync(["dd", "if=/dev/zero", `of=${path}`, "bs=4096"], { stderr: "ignore" });
  expect(file.success).toBe(false);
}

test("where the system bounds the size of files, nothing throws and the books add up", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const script = join(directory.path, "child.ts");
  writeFileSync(
    script,
    `
    import { openSqliteOutbox } from ${JSON.stringify(join(import.meta.dir, "sqlite-outbox.ts"))};
    import { imbalance, makeRecords } from ${JSON.stringify(join(import.meta.dir, "test-support.ts"))};
    const outbox = openSqliteOutbox({ path: ${JSON.stringify(path)}, sinks: ["a"] });
    for (let at = 0; at < 60; at += 1) outbox.append(makeRecords("x" + at, 20, { characters: 16_000 }));
    const counts = outbox.counts("a");
    const readable = outbox.read("a", { count: Infinity, bytes: Infinity }).length;
    outbox.close();
    console.log(JSON.stringify({ ...counts, readable, imbalance: imbalance(counts) }));
    `,
  );
  const child = Bun.spawnSync(["bash", "-c", `ulimit -f 6144; exec "${process.execPath}" "${script}"`]);
  expect(child.stderr.toString()).toBe("");
  const counts = JSON.parse(child.stdout.toString()) as SinkCounts;
  expect(counts).toMatchObject({ received: 1200, imbalance: 0, readable: counts.pending });
  expect(counts.dropped.disk_full).toBeGreaterThan(0);
  const again = openSqliteOutbox({ path, sinks: ["a"] });
  expect(imbalance(again.counts("a"))).toBe(0);
  again.append(makeRecords("later", 1));
  expect(readIds(again, "a").at(-1)).toBe("later-0");
  again.close();
});

test("while another process holds the file, what can't be written is counted and nothing is shed", () => {
  using directory = makeDirectory();
  const path = join(directory.path, "outbox.db");
  const outbox = openSqliteOutbox({ path, sinks: ["a"] });
  outbox.append(makeRecords("x", 3));
  const other = new Database(path);
  other.run("BEGIN IMMEDIATE");
  outbox.append(makeRecords("y", 2));
  other.run("COMMIT");
  other.close();
  expect(outbox.counts("a")).toMatchObject({ received: 5, pending: 3, dropped: { disk_full: 2 } });
  expect(readIds(outbox, "a")).toHaveLength(3);
  outbox.close();
  // It waits for ten seconds, in many short sleeps.
}, 60_000);

function shedOf(outbox: Outbox): { readonly outbox_full?: number } {
  expect(totalDropped(outbox.counts("a").dropped)).toBe(outbox.counts("a").dropped.outbox_full ?? 0);
  return outbox.counts("a").dropped;
}
