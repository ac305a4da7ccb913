import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { waitFor } from "../weir.ts";
import { containing, type Home, makeHome, matching } from "./program.ts";

/** Starts a server in the background, and ends it with the test. */
async function startDetached(home: Home, args: readonly string[] = []) {
  const { code, stdout, stderr } = await home.weir(["serve", "--detach", "--port", "0", ...args]);
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

test("--detach fails with what the server says, and names a process that may be in the way", async () => {
  await using home = await makeHome();
  using server = await startDetached(home);
  const again = await home.weir(["serve", "--detach", "--port", "0"]);
  expect([again.code, again.stdout]).toEqual([1, ""]);
  expect(again.stderr).toContain("outbox.db is in use by another process");
  expect(again.stderr).toContain(`names process ${server.pid}, which runs`);
  expect(await readFile(join(home.path, "data/weir.pid"), "utf8")).toBe(`${server.pid}\n`);
});

test("--detach on a port that is taken fails, and faults of the settings are told before anything is started", async () => {
  await using home = await makeHome();
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as AddressInfo;
  const taken = await home.weir(["serve", "--detach", "--port", String(port)]);
  other.close();
  expect([taken.code, taken.stderr]).toEqual([
    1,
    `PORT ${port} is in use on 127.0.0.1. Stop what listens there, or choose another port.\n`,
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
