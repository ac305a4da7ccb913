import { expect } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { getPriority } from "node:os";
import { needs } from "../needs.ts";
import { startWeir, waitFor } from "../weir.ts";

/** Niceness by the thread's name (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html). */
async function readNiceness(pid: number): Promise<ReadonlyMap<string, number>> {
  const tasks = `/proc/${pid}/task`;
  // A thread may have ended meanwhile.
  const read = (id: string) => readFile(`${tasks}/${id}/stat`, "utf8").catch(() => "");
  const stats = await Promise.all((await readdir(tasks)).map(read));
  return new Map(
    stats.filter(Boolean).map((stat) => {
      const nameEnd = stat.lastIndexOf(")");
      const niceness = stat.slice(nameEnd + 2).split(" ")[16];
      return [stat.slice(stat.indexOf("(") + 1, nameEnd), Number(niceness)];
    }),
  );
}

needs("Linux", process.platform === "linux")("the HTTP thread gives way, and no other does", async () => {
  using upstream = Bun.serve({ port: 0, fetch: () => Response.json({}) });
  await using weir = await startWeir({ env: { UPSTREAM_BASE_URL: upstream.url.origin } });
  expect((await fetch(`${weir.url}/v1/models`)).status).toBe(200);
  const niceness = await waitFor(async () => {
    const found = await readNiceness(weir.pid);
    return found.get("HTTP Client") === getPriority() + 5 ? found : undefined;
  }, "Bun's HTTP thread is not eased");
  expect([...niceness].filter(([name, nice]) => name !== "HTTP Client" && nice !== getPriority())).toEqual([]);
});
