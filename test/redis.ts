import { findFreePort } from "./free-port.ts";

/** What `needs` says where there is none. */
export const whatRedisNeeds = "Redis (redis-server)";

/** A Redis of a test's own; it ends with its owner, and keeps nothing. */
export type TestRedis = AsyncDisposable & {
  readonly url: string;
  /** Stops it at once, with everything that it held. */
  readonly kill: () => Promise<void>;
  /** Starts it again at the same place, empty. */
  readonly restart: () => Promise<void>;
  /** Leaves it there without an answer, and lets it go on. */
  readonly freeze: () => void;
  readonly thaw: () => void;
};

/** Whether there is a Redis to test with. */
export function findRedis(): boolean {
  return Bun.which("redis-server") !== null;
}

/** Starts a Redis on a free port of this machine; with a password, only who knows it is let in. */
export async function startRedis({ password }: { readonly password?: string } = {}): Promise<TestRedis> {
  const port = await findFreePort();
  let server = await start(port, password);
  return {
    url: `redis://${password === undefined ? "" : `:${password}@`}127.0.0.1:${port}`,
    kill,
    async restart() {
      await kill();
      server = await start(port, password);
    },
    freeze: () => server.kill("SIGSTOP"),
    thaw: () => server.kill("SIGCONT"),
    [Symbol.asyncDispose]: kill,
  };

  async function kill(): Promise<void> {
    server.kill("SIGKILL");
    await server.exited;
  }
}

/** However this process ends, the shell reads the end of its input and stops the server by its id. */
const script = `
"$WEIR_REDIS" --port "$WEIR_REDIS_PORT" --bind 127.0.0.1 --save '' --appendonly no --loglevel warning "$@" </dev/null >/dev/null &
server=$!
echo "$server"
cat >/dev/null
kill -KILL "$server" 2>/dev/null
`;

async function start(port: number, password: string | undefined) {
  const secret = password === undefined ? [] : ["--requirepass", password];
  const child = Bun.spawn(["sh", "-c", script, "sh", ...secret], {
    cwd: "/tmp",
    env: { PATH: process.env["PATH"], WEIR_REDIS: Bun.which("redis-server") ?? "", WEIR_REDIS_PORT: String(port) },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  child.unref();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const id = Number(new TextDecoder().decode(value));
  await waitForAnswer(port);
  return {
    kill: (signal: "SIGKILL" | "SIGSTOP" | "SIGCONT") => {
      if (child.exitCode === null) process.kill(id, signal);
      if (signal === "SIGKILL") void child.stdin.end();
    },
    exited: child.exited,
  };
}

async function waitForAnswer(port: number): Promise<void> {
  const until = performance.now() + 10_000;
  for (;;) {
    try {
      const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
      socket.end();
      return;
    } catch (error) {
      if (performance.now() > until) throw new Error("The Redis for tests doesn't start", { cause: error });
      await Bun.sleep(10);
    }
  }
}
