import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Exchange } from "../src/domain/exchange.ts";

const root = join(import.meta.dir, "..");

/** As the launcher starts it. */
const command = [
  process.execPath,
  "--no-env-file",
  `--config=${join(root, "bunfig.toml")}`,
  "--no-install",
  "--max-http-header-size=131072",
  join(root, "src/cli/main.ts"),
];

/** What the program is started with: nothing of this process's environment but `PATH`. */
export type WeirOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** Files of its working directory, `weir.yaml` for instance. */
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
};

/** The whole program as a process of its own, in a directory that goes with it. */
export type Weir = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly dataDir: string;
  /** What it has written to standard output, by line. */
  readonly lines: readonly string[];
  /** Its code, or the signal's, when it has ended. */
  readonly exited: Promise<number>;
  /** All that it has written so far, errors too. */
  readonly output: () => string;
  /** Sends a signal and waits for the end; gives the exit code. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number>;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** `kill -9`. */
  readonly kill: () => Promise<number>;
  /** The exchanges that its file sink has. */
  readonly records: () => Promise<readonly Exchange[]>;
  readonly waitForRecord: (matches: (exchange: Exchange) => boolean, limitMs?: number) => Promise<Exchange>;
  /** Resident memory in bytes: now, and the most since the start. */
  readonly memory: () => { readonly now: number; readonly peak: number };
};

/** Starts `weir serve` on a free port, and gives it when it listens. */
export async function startWeir(options: WeirOptions = {}): Promise<Weir> {
  const program = await spawn(options);
  const { child, lines, output, directory, dataDir } = program;
  const url = await waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`Weir ended with ${child.exitCode}:\n${output()}`);
      return readUrl(lines) ?? readUrl(await readLines(options.env?.["LOG_FILE"]));
    },
    () => {
      child.kill("SIGKILL");
      return `Weir does not listen:\n${output()}`;
    },
    30_000,
  );
  const records = () => readRecords(join(dataDir, "exchanges.jsonl"));
  const stop = (signal: NodeJS.Signals = "SIGTERM") => {
    child.kill(signal);
    return child.exited;
  };
  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid,
    dataDir,
    lines,
    exited: child.exited,
    output,
    stop,
    signal: (signal) => child.kill(signal),
    kill: () => stop("SIGKILL"),
    records,
    waitForRecord: (matches, limitMs = 20_000) =>
      waitFor(
        async () => (await records()).find(matches),
        () => `No such record; the last line said:\n${lines.at(-1)}`,
        limitMs,
      ),
    memory: () => readMemory(child.pid),
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Starts `weir` with what it can't run with, and gives how it ended. */
export async function runWeir(options: WeirOptions): Promise<{ code: number; stdout: string; stderr: string }> {
  const { child, lines, errors, directory } = await spawn(options);
  const timer = setTimeout(() => child.kill("SIGKILL"), 25_000);
  const code = await child.exited;
  clearTimeout(timer);
  await rm(directory, { recursive: true, force: true });
  return { code, stdout: lines.join("\n"), stderr: errors.join("\n") };
}

/** Waits until something is there: asks again every few milliseconds, for a bounded time. */
export async function waitFor<T>(
  find: () => T | undefined | Promise<T | undefined>,
  complaint: string | (() => string),
  limitMs = 20_000,
): Promise<T> {
  const until = performance.now() + limitMs;
  for (;;) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > until) throw new Error(typeof complaint === "string" ? complaint : complaint());
    await Bun.sleep(5);
  }
}

async function spawn({ env = {}, files = {}, args = ["serve"] }: WeirOptions) {
  const directory = await mkdtemp(join(tmpdir(), "weir-"));
  const dataDir = join(directory, "data");
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  const child = Bun.spawn([...command, ...args], {
    cwd: directory,
    env: {
      PATH: process.env["PATH"],
      HOME: directory,
      BUN_CONFIG_MAX_HTTP_REQUESTS: "65336",
      PORT: "0",
      DATA_DIR: dataDir,
      ...env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const lines: string[] = [];
  const errors: string[] = [];
  const read = [keepLines(child.stdout, lines), keepLines(child.stderr, errors)];
  const exited = child.exited.then(async (code) => {
    await Promise.all(read);
    return code;
  });
  const output = () => [...lines, ...errors].join("\n");
  return {
    child: {
      pid: child.pid,
      exited,
      kill: child.kill.bind(child),
      get exitCode() {
        return child.exitCode ?? (child.signalCode === null ? null : 128);
      },
    },
    lines,
    errors,
    output,
    directory,
    dataDir,
  };
}

async function keepLines(stream: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  }
  if (rest !== "") lines.push(rest);
}

function readUrl(lines: readonly string[]): string | undefined {
  const text = lines.join("\n");
  return /"url":"(http:\/\/[^"]+)".*"msg":"listening"/.exec(text)?.[1] ?? /listens on (http:\S+)/.exec(text)?.[1];
}

/** The lines of a log file, if there is one. */
async function readLines(path: string | undefined): Promise<readonly string[]> {
  return path === undefined ? [] : (await readFile(path, "utf8").catch(() => "")).split("\n");
}

async function readRecords(path: string): Promise<readonly Exchange[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.split("\n").slice(0, -1);
  // Written by the program under test, whose schema has a test of its own.
  return lines.map((line) => JSON.parse(line) as Exchange);
}

/** As Linux counts it. */
function readMemory(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const read = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
  return { now: read("VmRSS"), peak: read("VmHWM") };
}
