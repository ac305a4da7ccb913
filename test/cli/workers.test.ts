import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { findFreePort } from "../free-port.ts";
import type { Exchange } from "../../src/domain/exchange.ts";
import { runWeir, startWeir, waitFor, type Weir, type WeirOptions } from "../weir.ts";
import { openai } from "../wire/chat.ts";
import { openCall, send } from "../wire/client.ts";
import { openUpstream, type Upstream } from "../wire/upstream.ts";
import { makeHome, openUpstream as openProvider } from "./program.ts";

/** One that has lived for so long is replaced when it dies. */
const shortestLifeMs = 5000;
const pidFile = join(tmpdir(), `weir-workers-${process.pid}.pid`);

/** Streams wait for it before they end. */
const release = Promise.withResolvers<void>();
let upstream: Upstream;
let workers: Workers;
let startedAt: number;
/** All calls of theirs that were answered. */
const ids: string[] = [];
beforeAll(async () => {
  upstream = await openUpstream("openai", async (seen) => {
    await seen.body;
    if (seen.method === "GET") return seen.answer();
    seen.begin();
    seen.chunk(openai.say("one"));
    await release.promise;
    seen.chunk(openai.last);
    return seen.end();
  });
  workers = await startWorkers(["--pid-file", pidFile]);
  startedAt = performance.now();
}, 30_000);
afterAll(async () => {
  await workers[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

test.concurrent("one that dies soon after its start is replaced, or said to be missing", async () => {
  await using others = await startWorkers();
  const { weir, pids } = others;
  await killOne(others);
  await callMany(weir.port, 20);
  await waitFor(
    () => pids().length === 2 || /worker \d ended/.test(weir.output()),
    "One of two is missing, and nothing says so",
  );
}, 30_000);

test.concurrent("a signal to stop ends them for good where one is just about to be started again", async () => {
  await using others = await startWorkers();
  await killOne(others);
  await waitFor(() => /worker \d ended with 137 and is started again/.test(others.weir.output()), others.weir.output);
  others.weir.signal("SIGTERM");
  await waitFor(
    () => !isAlive(others.weir.pid),
    () => `It goes on:\n${others.weir.output()}`,
  );
}, 30_000);

test.concurrent("where the process that started them is killed, they end too, so that it can be started anew", async () => {
  await using others = await startWorkers();
  const pids = others.pids();
  // Its end is not waited for: whoever lives on holds its output.
  others.weir.signal("SIGKILL");
  await waitFor(
    () => !pids.some(isAlive),
    () => `${pids.filter(isAlive).length} of ${pids.length} go on without it`,
  );
}, 30_000);

test.concurrent("a port that they can't have ends them with 1, and port 0 with 2", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const port = portOf(other.address());
  const taken = await runWeir({ env: { WEIR_WORKERS: "2", PORT: String(port) } });
  other.close();
  expect(taken.code).toBe(1);
  expect(taken.stderr).toContain(`PORT ${port} on 127.0.0.1 is in use`);
  const none = await runWeir({ env: { WEIR_WORKERS: "2" } });
  expect([none.code, none.stderr]).toEqual([2, "WEIR_WORKERS needs a PORT that they can share, not 0"]);
}, 30_000);

test.concurrent("an address of the management that another gateway's processes listen on ends them with 1", async () => {
  const address = `127.0.0.1:${await findFreePort()}`;
  const env = { UPSTREAM_BASE_URL: upstream.url, MANAGEMENT_LISTEN_ADDR: address };
  await using _others = await startWorkers([], { env });
  const again = await runWeir({ env: { ...env, WEIR_WORKERS: "2", PORT: String(await findFreePort()) } });
  expect([again.code, again.stderr]).toEqual([
    1,
    `MANAGEMENT_LISTEN_ADDR ${address} is in use. Stop what listens there, or choose another port (in MANAGEMENT_LISTEN_ADDR).`,
  ]);
}, 30_000);

test.concurrent("a process that names itself one of several, and that none started, ends with 2 and says so", async () => {
  const { code, stderr } = await runWeir({ env: { WEIR_PROCESS_NUMBER: "0" } });
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^WEIR_PROCESS_NUMBER is set, .*: unset it$/)]);
}, 30_000);

test.concurrent("they can be started anew at once where the one that started them is killed, in the middle of a call too", async () => {
  const end = Promise.withResolvers<void>();
  await using slow = await openUpstream("openai", async (seen) => {
    await seen.body;
    seen.begin();
    seen.chunk(openai.say("one"));
    await end.promise;
    seen.chunk(openai.last);
    return seen.end();
  });
  const env = { UPSTREAM_BASE_URL: slow.url };
  await using others = await startWorkers([], { env });
  const { dataDir, port } = others.weir;
  const call = openCall(port, openai.call);
  await call.until("one");
  others.weir.signal("SIGKILL");
  await using weir = await startWeir({ env: { ...env, WEIR_WORKERS: "2", PORT: String(port), DATA_DIR: dataDir } });
  // The one whose folder is held by that call can't begin yet.
  await waitFor(() => /worker \d ended with 75 and is started again/.test(weir.output()), weir.output);
  end.resolve();
  expect((await call.answer).end).toBe("clean");
  await waitFor(() => weir.lines.filter(isListening).length === 2, weir.output);
  expect(await weir.stop()).toBe(0);
}, 60_000);

test.concurrent("one that takes another's place after a reload runs with what its siblings do: the start's fixed settings, the reload's others", async () => {
  using first = openProvider();
  using second = openProvider();
  using third = openProvider();
  const yaml = (url: string, token: string) =>
    `providers: { openai: { base_url: "${url}" } }\nauth: { management_token: "${token}" }\n`;
  const [token, newToken] = ["a-token-of-the-start", "a-token-of-the-reload"];
  await using others = await startWorkers([], {
    env: { AUTH_MODE: "open" },
    files: { "weir.yaml": yaml(first.url, token) },
  });
  const { weir, pids } = others;
  const path = join(dirname(weir.dataDir), "weir.yaml");
  writeFileSync(path, yaml(second.url, newToken));
  weir.signal("SIGHUP");
  const changed = () => weir.lines.filter((line) => line.includes("the configuration was changed")).length;
  await waitFor(() => changed() === 2, weir.output);
  // Nobody has asked for these to be read.
  writeFileSync(path, yaml(third.url, "a-token-of-nobody"));
  for (const pid of pids()) process.kill(pid, "SIGKILL");
  await waitFor(() => weir.lines.filter(isListening).length === 4, weir.output);

  await callMany(weir.port, 20);
  expect([first, second, third].map(({ seen }) => seen.length)).toEqual([0, 20, 0]);
  const manage = async (bearer: string) => {
    const request = { target: "/manage/projects", headers: [["authorization", `Bearer ${bearer}`]] as const };
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(weir.port, request)));
    return [...new Set(answers.map(({ status }) => status))];
  };
  expect([await manage(token), await manage(newToken)]).toEqual([[200], [401]]);
}, 30_000);

for (const [where, redirection] of [
  ["that they run in", ""],
  ["that only the first of them reads from", " >out.log 2>&1"],
] as const)
  test.concurrent(`where the terminal is closed ${where}, all of them end`, () => closeTerminal(redirection), 30_000);

/** Starts two in a terminal, closes it, and waits for the end of all. */
async function closeTerminal(redirection: string): Promise<void> {
  await using home = await makeHome();
  const log = (number: number) => join(home.path, `weir-${number}.log`);
  const port = String(await findFreePort());
  const terminal = Bun.spawn(
    ["script", "-qefc", `exec ${home.command("serve", "--pid-file", "weir.pid").join(" ")}${redirection}`, "/dev/null"],
    {
      cwd: home.path,
      env: { ...home.env, WEIR_WORKERS: "2", PORT: port, LOG_FILE: join(home.path, "weir.log") },
      stdio: ["pipe", "ignore", "ignore"],
    },
  );
  await waitFor(
    () => [0, 1].every((number) => readIfThere(log(number)).includes('"listening"')),
    () => `Not both listen:\n${readIfThere(log(0))}`,
  );
  const pid = Number(readIfThere(join(home.path, "weir.pid")));
  const pids = [pid, ...listChildren(pid)];
  terminal.kill("SIGKILL");
  try {
    await waitFor(
      () => !pids.some(isAlive) && isRefused(Number(port)),
      () => `${pids.filter(isAlive).length} of ${pids.length} go on without it`,
    );
  } finally {
    for (const each of pids.filter(isAlive)) process.kill(each, "SIGKILL");
  }
}

test.concurrent("a reload that was refused is not handed to one that takes another's place, as often as it dies", async () => {
  const yaml = `providers: { openai: { base_url: "${upstream.url}" } }\n`;
  await using others = await startWorkers([], { env: {}, files: { "weir.yaml": yaml, "a file": "" } });
  const { weir } = others;
  writeFileSync(
    join(dirname(weir.dataDir), "weir.yaml"),
    `${yaml}sinks: { file: { path: "a file/exchanges.jsonl" } }\n`,
  );
  weir.signal("SIGHUP");
  const refused = () => weir.lines.filter((line) => line.includes("the former one still holds")).length;
  await waitFor(() => refused() === 2, weir.output);
  for (const listening of [3, 4]) {
    await killOne(others);
    await waitFor(() => weir.lines.filter(isListening).length === listening, weir.output);
  }
  await callMany(weir.port, 20);
}, 30_000);

test.concurrent("one that has run is started again until what keeps it from starting is gone", async () => {
  await using others = await startWorkers();
  const { weir } = others;
  const folder = join(weir.dataDir, "worker-0");
  const aside = join(weir.dataDir, "aside");
  renameSync(folder, aside);
  writeFileSync(folder, "");
  for (let left = 2; left > 0; left -= 1) await killOne(others);
  await waitFor(() => /worker 0 ended with 1 and is started again/.test(weir.output()), weir.output);
  rmSync(folder);
  await waitFor(() => weir.lines.filter(isListening).length === 4, weir.output);
  await callMany(weir.port, 20);
}, 30_000);

test("two processes answer on one port, and each call is recorded once in the files of both together", async () => {
  const { weir, pids } = workers;
  expect(pids().length).toBe(2);
  expect(readFileSync(pidFile, "utf8")).toBe(`${weir.pid}\n`);
  ids.push(...(await callMany(weir.port, 300)));
  const files = await waitForRecords(weir);
  expect(Object.keys(files)).toEqual(["exchanges-0.jsonl", "exchanges-1.jsonl"]);
  // The system gives each of them half of the connections, more or less.
  for (const recorded of Object.values(files)) expect(recorded.length).toBeGreaterThan(ids.length / 10);
  expect(Object.values(files).flat().toSorted()).toEqual(ids.toSorted());
});

test("one that is killed is replaced, and the port goes on answering", async () => {
  const { weir, pids } = workers;
  await Bun.sleep(startedAt + shortestLifeMs - performance.now());
  const [killed = 0, other = 0] = await killOne(workers);
  while (weir.lines.filter(isListening).length < 3) ids.push(...(await callMany(weir.port, 5)));
  const now = pids();
  expect([now.length, now.includes(other), now.includes(killed)]).toEqual([2, true, false]);
  expect(weir.output()).toMatch(/^worker \d ended with 137 and is started again$/m);

  const before = await waitForRecords(weir);
  ids.push(...(await callMany(weir.port, 200)));
  for (const [name, recorded] of Object.entries(await waitForRecords(weir)))
    expect(recorded.length - (before[name]?.length ?? 0)).toBeGreaterThan(20);
}, 30_000);

test("at SIGTERM what is in flight in each of them ends, all end with 0, and every call of all is recorded once", async () => {
  const { weir, pids } = workers;
  const running = pids();
  const calls = Array.from({ length: 20 }, () => openCall(weir.port, openai.call));
  for (const call of calls) await call.until("one");
  weir.signal("SIGTERM");
  await waitFor(() => isRefused(weir.port), "New connections are still taken");
  expect(running.map(isAlive)).toEqual([true, true]);
  release.resolve();
  for (const { answer } of calls) {
    const { end, text, header } = await answer;
    expect([end, text]).toEqual(["clean", openai.say("one") + openai.last]);
    ids.push(header("x-weir-exchange-id") ?? "");
  }
  expect(await weir.exited).toBe(0);
  expect(running.map(isAlive)).toEqual([false, false]);
  expect(existsSync(pidFile)).toBe(false);
  expect(Object.values(readIds(weir)).flat().toSorted()).toEqual(ids.toSorted());
}, 30_000);

/** A program of two processes. */
type Workers = AsyncDisposable & { readonly weir: Weir; readonly pids: () => readonly number[] };

/** Starts one before the upstream, and gives it when both listen. */
async function startWorkers(
  args: readonly string[] = [],
  { env = { UPSTREAM_BASE_URL: upstream.url }, files = {} }: WeirOptions = {},
): Promise<Workers> {
  const port = await findFreePort();
  const weir = await startWeir({
    env: { WEIR_WORKERS: "2", PORT: String(port), ...env },
    files,
    args: ["serve", ...args],
  });
  const pids = () => listChildren(weir.pid);
  await waitFor(
    () => weir.lines.filter(isListening).length === 2,
    () => `Not both listen:\n${weir.output()}`,
  );
  const own = new Set(pids());
  return {
    weir,
    pids,
    async [Symbol.asyncDispose]() {
      for (const pid of [...own, ...pids()]) if (isAlive(pid)) process.kill(pid, "SIGKILL");
      await weir[Symbol.asyncDispose]();
    },
  };
}

/** Kills one of two with `kill -9`; gives which, and the other. */
async function killOne({ pids }: Workers): Promise<readonly number[]> {
  const [one = 0, ...others] = pids();
  process.kill(one, "SIGKILL");
  await waitFor(() => !pids().includes(one), "It does not end");
  return [one, ...others];
}

const isListening = (line: string) => line.includes('"msg":"listening"');

/** The ids of so many calls that were answered, each on a connection of its own. */
async function callMany(port: number, count: number): Promise<readonly string[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => send(port, { target: "/v1/models" })));
  expect(new Set(answers.map(({ status, end }) => `${status} ${end}`))).toEqual(new Set(["200 clean"]));
  return answers.map((answer) => answer.header("x-weir-exchange-id") ?? "");
}

/** The ids of what was recorded, by the name of the file. */
function readIds({ dataDir }: Weir): Readonly<Record<string, readonly string[]>> {
  const names = readdirSync(dataDir).filter((name) => name.endsWith(".jsonl"));
  const readFile = (name: string) =>
    readFileSync(join(dataDir, name), "utf8")
      .split("\n")
      .slice(0, -1)
      // Written by the program under test, whose schema has a test of its own.
      .map((line) => (JSON.parse(line) as Exchange).id);
  return Object.fromEntries(names.toSorted().map((name) => [name, readFile(name)]));
}

/** Waits until all calls are recorded, and gives what then is. */
async function waitForRecords(weir: Weir): Promise<ReturnType<typeof readIds>> {
  const missing = () => {
    const recorded = new Set(Object.values(readIds(weir)).flat());
    return ids.filter((id) => !recorded.has(id)).length;
  };
  await waitFor(
    () => missing() === 0,
    () => `${missing()} of ${ids.length} are not recorded`,
  );
  return readIds(weir);
}

/** The processes that a process has started, as Linux lists them. */
function listChildren(pid: number): readonly number[] {
  if (!isAlive(pid)) return [];
  const tasks = readdirSync(`/proc/${pid}/task`);
  const lists = tasks.map((task) => readIfThere(`/proc/${pid}/task/${task}/children`));
  return lists.flatMap((list) => list.split(" ").filter((child) => child !== "")).map(Number);
}

/** Nothing of a thread that has ended meanwhile. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Whether a new connection is refused. */
function isRefused(port: number): Promise<boolean> {
  return send(port, { target: "/live" }, 1000).then(
    ({ status }) => status === 0,
    () => true,
  );
}

/** A TCP server's address is never a pipe's name. */
function portOf(address: ReturnType<ReturnType<typeof createServer>["address"]>): number {
  return (address as AddressInfo).port;
}
