import { expect } from "bun:test";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ChildResult, type Folder, makeFolder, run } from "../runtime-contract/child.ts";

const root = join(import.meta.dir, "../..");
/** As the launcher starts it. */
const program = [
  process.execPath,
  "--no-env-file",
  `--config=${join(root, "bunfig.toml")}`,
  join(root, "src/cli/main.ts"),
];

/** A home folder of a test's own, and the program in it. */
export type Home = Folder & {
  /** The command of `weir`, for a shell or a spawn. */
  readonly command: (...args: string[]) => readonly string[];
  /** The environment that it is started with: nothing of this process's but `PATH`. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs `weir` to its end, in the folder. */
  readonly weir: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<ChildResult>;
  readonly write: (name: string, text: string) => Promise<string>;
};

/** Makes one with these files in it. */
export async function makeHome(files: Readonly<Record<string, string>> = {}): Promise<Home> {
  const folder = await makeFolder(files);
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder.path, XDG_DATA_HOME: join(folder.path, "share") };
  const command = (...args: string[]) => [...program, ...args];
  return {
    ...folder,
    env,
    command,
    weir: (args, more = {}) => run(command(...args), { env: { ...env, ...more }, cwd: folder.path }),
    async write(name, text) {
      const path = join(folder.path, name);
      await mkdir(dirname(path), { recursive: true });
      await Bun.write(path, text);
      return path;
    },
  };
}

/** A request as an upstream got it. */
export type Seen = { readonly method: string; readonly path: string; readonly headers: Headers; readonly body: string };

/** An upstream that gives the same answer to every call but those of the model `missing`, and notes what it got; its clock is `clockMs` ahead. */
export function openUpstream({ clockMs = 0 } = {}): Disposable & {
  readonly url: string;
  readonly port: number;
  readonly seen: readonly Seen[];
} {
  const seen: Seen[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const body = await request.text();
      const headers = { date: new Date(Date.now() + clockMs).toUTCString() };
      seen.push({ method: request.method, path: pathname + search, headers: request.headers, body });
      if (body.includes('"missing"'))
        return Response.json(
          { error: { message: "no such model", type: "invalid_request_error", code: "model_not_found" } },
          { status: 404, headers },
        );
      const answer = {
        id: "chatcmpl-1",
        object: "chat.completion",
        model: "gpt-4o-mini",
        choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
        usage: {
          prompt_tokens: 1200,
          completion_tokens: 30,
          total_tokens: 1230,
          prompt_tokens_details: { cached_tokens: 1000 },
        },
      };
      return Response.json(answer, { headers });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port ?? 0,
    seen,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** Stands for any text with this in it. */
export function containing(part: string): string {
  return expect.stringContaining(part) as string;
}

/** Stands for any text that the pattern fits. */
export function matching(pattern: RegExp): string {
  return expect.stringMatching(pattern) as string;
}
