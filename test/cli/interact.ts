import type { ChildResult } from "../runtime-contract/child.ts";
import { waitFor } from "../weir.ts";
import type { Home } from "./program.ts";

type Env = Readonly<Record<string, string>>;

/** Runs `weir` with this on its standard input. */
export async function pipe(home: Home, args: readonly string[], input: string, env: Env = {}): Promise<ChildResult> {
  const child = Bun.spawn([...home.command(...args)], {
    cwd: home.path,
    env: { ...home.env, ...env },
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, code };
}

/** A program on a terminal, with a person before it. */
export type Terminal = Disposable & {
  /** Waits until the screen shows this after what was seen before; gives what was shown up to its end. */
  readonly see: (pattern: RegExp) => Promise<string>;
  readonly type: (keys: string) => void;
  /** All that was ever shown. */
  readonly shown: () => string;
  readonly exited: Promise<number>;
};

/** Keys by what they do. */
export const keys = { enter: "\r", interrupt: "\u0003", end: "\u0004" } as const;

/** Runs `weir` on a terminal. */
export function openTerminal(home: Home, args: readonly string[], env: Env = {}): Terminal {
  const decoder = new TextDecoder();
  let shown = "";
  let seen = 0;
  const child = Bun.spawn([...home.command(...args)], {
    cwd: home.path,
    env: { ...home.env, TERM: "xterm", ...env },
    terminal: {
      cols: 200,
      rows: 50,
      data: (_, bytes) => void (shown += decoder.decode(bytes, { stream: true })),
    },
  });
  return {
    see: (pattern) =>
      waitFor(
        () => {
          const rest = shown.slice(seen);
          const match = pattern.exec(rest);
          if (!match) return undefined;
          seen += match.index + match[0].length;
          return rest.slice(0, match.index + match[0].length);
        },
        () => `The screen doesn't show ${pattern} after what was seen:\n${JSON.stringify(shown.slice(seen))}`,
        20_000,
      ),
    type: (text) => void child.terminal?.write(text),
    shown: () => shown,
    exited: child.exited,
    [Symbol.dispose]: () => child.kill("SIGKILL"),
  };
}

/** A program of `weir` that serves until it is disposed of. */
export type Served = AsyncDisposable & { readonly url: string };

/** Runs the mock of the providers. */
export function serveMock(home: Home): Promise<Served> {
  return serve(home, ["mock", "--port", "0"], {}, /listens on (http:\S+)/);
}

/** Runs a gateway with the files of that home. */
export function serveGateway(home: Home, env: Env = {}): Promise<Served> {
  return serve(home, ["serve"], env, /"url":"(http:[^"]+)".*"listening"/);
}

/** The environment in which every provider is the mock. */
export function allAt(url: string): Env {
  return { UPSTREAM_BASE_URL: url, ANTHROPIC_BASE_URL: url, GEMINI_BASE_URL: url };
}

async function serve(home: Home, args: readonly string[], env: Env, pattern: RegExp): Promise<Served> {
  const child = Bun.spawn([...home.command(...args)], {
    cwd: home.path,
    env: { ...home.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let output = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) output += decoder.decode(bytes, { stream: true });
  };
  void read(child.stdout);
  void read(child.stderr);
  const url = await waitFor(
    () => pattern.exec(output)?.[1],
    () => `weir ${args.join(" ")} doesn't listen:\n${output}`,
    25_000,
  );
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
