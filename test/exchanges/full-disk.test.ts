import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../needs.ts";
import { type Books, readBooks } from "../telemetry/books.ts";
import { callSome, countCalls, type Made } from "./consumers.ts";
import { openGateway, readDelivered } from "./gateway.ts";
import { proveTruth } from "./proof.ts";

const canMount = process.getuid?.() === 0 && process.platform === "linux" && Bun.which("mount") !== null;

needs("root on Linux, to make a small disk", canMount)(
  "on a full disk and through kill -9 calls are answered, and with room again log and sums say what was served but for what was counted as dropped",
  async () => {
    using disk = mountDisk();
    await using gateway = await openGateway({
      kind: "sqlite",
      hasBudgets: false,
      env: { SINKS: "store", DATA_DIR: join(disk.path, "data"), DATABASE_PATH: join(disk.path, "weir.db") },
    });
    const numbers = countCalls();
    const made: Made[] = [];
    const callAll = async (count: number) => {
      const calling = { url: gateway.url(), identities: gateway.identities, numbers, size: 20_000 };
      const some = await callSome(count, calling);
      expect(some.filter(({ got }) => got === undefined).map(({ call }) => call)).toEqual([]);
      made.push(...some);
    };
    await callAll(50);
    const filler = join(disk.path, "filler");
    fill(filler);
    await callAll(350);
    // Where the outbox was full first, nothing is left that the log could be too full for.
    const isFull = ({ reason, dropped }: Books) =>
      reason === "database or disk is full" || (dropped["disk_full"] ?? 0) > 0;
    await readBooks(gateway.url(), isFull);
    await gateway.kill();
    await gateway.restart();
    await callAll(50);
    rmSync(filler);
    await callAll(50);

    const [outbox = ""] = gateway.outboxes;
    const { received, delivered, dropped } = await readDelivered(outbox, 40_000);
    const lost = dropped.disk_full ?? 0;
    expect({ received, delivered, dropped }).toEqual({
      received: made.length,
      delivered: made.length - lost,
      dropped: lost === 0 ? {} : { disk_full: lost },
    });
    await proveTruth(gateway, made, lost);
    // A full disk is told as one.
    expect(gateway.control.weirs[0]?.output()).not.toContain("cannot rollback");
  },
  120_000,
);

/** Writes until nothing more fits. */
function fill(path: string): void {
  const { success } = Bun.spawnSync(["dd", "if=/dev/zero", `of=${path}`, "bs=4096"], { stderr: "ignore" });
  expect(success).toBe(false);
}

/** A disk of 24 MB. */
function mountDisk(): { readonly path: string; readonly [Symbol.dispose]: () => void } {
  const path = mkdtempSync(join(tmpdir(), "weir-disk-"));
  const { exitCode, stderr } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", path]);
  if (exitCode !== 0) throw new Error(`No disk: ${stderr.toString()}`);
  return {
    path,
    [Symbol.dispose]: () => {
      Bun.spawnSync(["umount", "-l", path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
