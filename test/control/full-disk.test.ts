import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../needs.ts";
import { startWeir, waitFor } from "../weir.ts";
import { openManage } from "../limits/ask.ts";
import { managementToken } from "./control.ts";

const canMount = process.getuid?.() === 0 && process.platform === "linux" && Bun.which("mount") !== null;
const run = (...command: string[]) => Bun.spawnSync(command, { stderr: "ignore" }).success;

needs("root on Linux, to make a small disk", canMount)(
  "while the database's disk is full, counted tokens get 503 and health says why; with room again all is well by itself",
  async () => {
    const disk = mkdtempSync(join(tmpdir(), "weir-database-"));
    expect(run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk)).toBe(true);
    try {
      using upstream = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json({ ok: true }) });
      await using weir = await startWeir({
        env: {
          DATABASE_PATH: join(disk, "weir.db"),
          AUDIT_ENABLED: "false",
          SINKS: "file",
          MANAGEMENT_TOKEN: managementToken,
          AUTH_MODE: "token",
          UPSTREAM_API_KEY: "sk-up-0123456789",
          UPSTREAM_BASE_URL: `http://127.0.0.1:${upstream.port}`,
        },
      });
      const manage = openManage(() => weir.url);
      const { id } = await manage.createProject();
      const { token } = await manage.createToken(id, { max_requests: 100_000 });
      const call = async () => {
        const answer = await fetch(`${weir.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
        return `${answer.status} ${answer.headers.get("x-weir-error") ?? ""}`;
      };
      const health = async () => {
        const { status, database } = (await (await fetch(`${weir.url}/health`)).json()) as {
          status: string;
          database: { status: string };
        };
        return `${status} ${database.status}`;
      };
      const isUp = async () => /^weir_database_up (\d)$/m.exec(await (await fetch(`${weir.url}/metrics`)).text())?.[1];
      expect(await call()).toBe("200 ");
      const filler = join(disk, "filler");
      expect(run("dd", "if=/dev/zero", `of=${filler}`, "bs=4096")).toBe(false);
      await waitFor(async () => (await call()) === "503 dependency_unavailable" || undefined, "It is still counted");
      await waitFor(async () => (await health()) === "degraded not_writable" || undefined, "Health does not show it");
      expect(await isUp()).toBe("0");
      expect(weir.output()).not.toContain("cannot rollback");

      rmSync(filler);
      await waitFor(
        async () => (await health()).endsWith(" ok") || undefined,
        () => weir.output(),
      );
      expect([await call(), await isUp()]).toEqual(["200 ", "1"]);
    } finally {
      run("umount", "-l", disk);
      rmSync(disk, { recursive: true, force: true });
    }
  },
  60_000,
);
