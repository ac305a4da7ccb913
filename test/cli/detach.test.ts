import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { findFreePort } from "../free-port.ts";
import { waitFor } from "../weir.ts";
import { containing, type Home, makeHome, matching } from "./program.ts";

/** Starts a server in the background, and ends it with the test. */
async function startDetached(home: Home, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await home.weir(["serve", "--detach", "--port", "0", ...args], env);
  expect([code, stdout]).toEqual([0, matching(/^[1-9]\d*\n$/)]);
  const pid = Number(stdout);
  return { pid, stderr, [Symbol.dispose]: () => void endProcess(pid) };
}

function endProcess(pid: number, signal: NodeJS.Signals = "SIGKILL"): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

async function findUrl(home: Home): Promise<string> {
  return (
    /"url":"([^"]+)"[^\n]*"listening"\}\n/.exec(await readFile(join(home.path, "data/weir.log"), "utf8"))?.[1] ?? ""
  );
}

test("--detach ends when the server listens, prints its process id, and leaves it with a log and a pid file", async () => {
  await using home = await makeHome();
  using server = await startDetached(home);
  expect(await (await fetch(`${await findUrl(home)}/live`)).json()).toEqual({ status: "ok" });
  const pidFile = join(home.path, "data/weir.pid");
  expect(await readFile(pidFile, "utf8")).toBe(`${server.pid}\n`);
  expect(server.stderr).toContain(`kill ${server.pid}`);
  endProcess(server.pid, "SIGTERM");
  await waitFor(() => !existsSync(pidFile), "the pid file stays");
});

for (const [kind, settings] of [
  ["one process", {}],
  ["several processes", { WEIR_WORKERS: "2" }],
  ["one process without telemetry", { TELEMETRY: "off" }],
] as const) {
  test(`--detach beside a gateway of ${kind} fails, says so, and leaves its pid file alone`, async () => {
    await using home = await makeHome();
    const port = String(await findFreePort());
    using server = await startDetached(home, ["--port", port], settings);
    for (const log of "WEIR_WORKERS" in settings ? ["weir-0.log", "weir-1.log"] : ["weir.log"]) {
      expect(server.stderr).toContain(join("data", log));
      expect(existsSync(join(home.path, "data", log))).toBe(true);
    }
    const pidFile = join(home.path, "data/weir.pid");
    for (const again of [port, String(await findFreePort())]) {
      const { code, stdout, stderr } = await home.weir(["serve", "--detach", "--port", again], settings);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toContain("data is in use by another Weir: stop it, or set another DATA_DIR");
      expect(stderr).toContain(
        "/weir.lock is held; where no other runs, DATA_DIR has to be on a file system with file locks",
      );
      expect(stderr).toContain(`names process ${server.pid}, which runs`);
    }
    expect(await readFile(pidFile, "utf8")).toBe(`${server.pid}\n`);
    const elsewhere = await home.weir(["serve", "--detach", "--port", port], { ...settings, DATA_DIR: "elsewhere" });
    expect([elsewhere.code, elsewhere.stderr]).toEqual([1, containing(`PORT ${port} on 127.0.0.1 is in use`)]);
    expect(existsSync(join(home.path, "elsewhere/weir.pid"))).toBe(false);
    endProcess(server.pid, "SIGTERM");
    await waitFor(() => !existsSync(pidFile), "the pid file stays");
  }, 60_000);
}

test("--detach names the folder or the file that can't be written to, its setting, and what to do", async () => {
  await using home = await makeHome({ taken: "a file" });
  const refusal = async (env: Readonly<Record<string, string>>, ...args: readonly string[]) => {
    const { code, stderr } = await home.weir(["serve", "--detach", "--port", "0", ...args], env);
    expect([code, stderr.match(/\n/g)]).toEqual([1, ["\n"]]);
    return stderr;
  };
  const why = "can't be written to: what should be a folder is a file";
  expect(await refusal({ DATA_DIR: "taken" })).toBe(`DATA_DIR taken ${why} (EEXIST). Set DATA_DIR to another place.\n`);
  expect(await refusal({ LOG_FILE: "taken/x.log" })).toContain(`LOG_FILE ${join(home.path, "taken/x.log")} ${why}`);
  expect(await refusal({}, "--pid-file", "taken/x.pid")).toContain(
    `--pid-file ${join(home.path, "taken/x.pid")} ${why}`,
  );
}, 60_000);

test("--detach on a port that is taken fails, and faults of the settings are told before anything is started", async () => {
  await using home = await makeHome();
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as AddressInfo;
  const taken = await home.weir(["serve", "--detach", "--port", String(port)]);
  other.close();
  expect([taken.code, taken.stderr]).toEqual([
    1,
    `PORT ${port} on 127.0.0.1 is in use. Stop what listens there, or choose another port (PORT=… or --port).\n`,
  ]);
  const faulty = await home.weir(["serve", "--detach", "--port", "abc"]);
  expect([faulty.code, faulty.stderr]).toEqual([2, containing("--port must be")]);
});

test("a stale pid file, of a process that is gone or of nobody, is no obstacle", async () => {
  await using home = await makeHome();
  const pidFile = await home.write("run/weir.pid", "not a number");
  const killed = await startDetached(home, ["--pid-file", pidFile]);
  endProcess(killed.pid);
  await waitFor(() => !endProcess(killed.pid, "SIGCONT"), "it does not end");
  expect(await readFile(pidFile, "utf8")).toBe(`${killed.pid}\n`);
  using server = await startDetached(home, ["--pid-file", pidFile]);
  expect(await readFile(pidFile, "utf8")).toBe(`${server.pid}\n`);
});
