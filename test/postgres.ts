import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Client } from "pg";
import { findFreePort } from "./free-port.ts";

/** What `needs` says where there is none. */
export const whatPostgresNeeds = "PostgreSQL (initdb and postgres, or a server's URL in WEIR_TEST_POSTGRES)";

/** A database of a test's own; it goes with its owner. */
export type TestDatabase = AsyncDisposable & { readonly url: string };

/** Whether there is a PostgreSQL to test with: a server that `WEIR_TEST_POSTGRES` names, or the programs to start one. */
export function findPostgres(): boolean {
  return givenServer() !== undefined || (findPrograms() !== undefined && findUser() !== undefined);
}

/** Makes an empty database, on the one server of this process, which is started for the first and ends with the process. */
export async function createDatabase(): Promise<TestDatabase> {
  const server = await openServer();
  const name = `weir_${randomBytes(6).toString("hex")}`;
  await run(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => run(server, `drop database if exists ${name} with (force)`),
  };
}

/** Runs a statement on a connection of its own, and gives its rows. */
export async function queryPostgres(url: string, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function run(url: string, sql: string): Promise<void> {
  await queryPostgres(url, sql);
}

let opening: Promise<string> | undefined;

function openServer(): Promise<string> {
  const given = givenServer();
  opening ??= given === undefined ? startServer() : Promise.resolve(given);
  return opening;
}

function givenServer(): string | undefined {
  const url = process.env["WEIR_TEST_POSTGRES"];
  return url === "" ? undefined : url;
}

/**
 * The server is a child of a shell that reads from this process: however this one ends, the shell reads the end, stops the
 * server by its id, and takes its files away.
 */
const script = `
trap '' INT TERM HUP
folder="$(mktemp -d)" || exit 1
{
  "$WEIR_PG_BIN/initdb" -D "$folder/data" -U weir -A trust -E UTF8 --no-locale --no-sync >"$folder/log" 2>&1 &&
    "$WEIR_PG_BIN/postgres" -D "$folder/data" -p "$WEIR_PG_PORT" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \\
      -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200 >>"$folder/log" 2>&1 ||
    cat "$folder/log" >&2
} </dev/null &
server=$!
cat >/dev/null
[ -f "$folder/data/postmaster.pid" ] && kill -INT "$(head -n 1 "$folder/data/postmaster.pid")"
wait "$server"
rm -rf "$folder"
`;

async function startServer(): Promise<string> {
  const port = await findFreePort();
  const user = findUser() ?? [];
  const child = Bun.spawn([...user, "sh", "-c", script], {
    cwd: "/",
    env: { PATH: process.env["PATH"], WEIR_PG_BIN: findPrograms(), WEIR_PG_PORT: String(port) },
    stdin: "pipe",
    stdout: "ignore",
    stderr: "inherit",
  });
  child.unref();
  const url = `postgres://weir@127.0.0.1:${port}/postgres`;
  const until = performance.now() + 30_000;
  for (;;) {
    try {
      await run(url, "select 1");
      return url;
    } catch (error) {
      if (child.exitCode !== null || performance.now() > until) {
        await child.stdin.end();
        throw new Error("The PostgreSQL for tests doesn't start", { cause: error });
      }
      await Bun.sleep(50);
    }
  }
}

/** The folder of `initdb` and `postgres`. */
function findPrograms(): string | undefined {
  const named = Bun.which("initdb");
  const versions = "/usr/lib/postgresql";
  const found = existsSync(versions) ? readdirSync(versions).toSorted((one, other) => Number(other) - Number(one)) : [];
  const folders = [
    ...(named === null ? [] : [dirname(named)]),
    ...found.map((version) => join(versions, version, "bin")),
  ];
  return folders.find((folder) => ["initdb", "postgres"].every((name) => existsSync(join(folder, name))));
}

/** What stands before a command that a server is started with: root may not run one. */
function findUser(): readonly string[] | undefined {
  if (process.getuid?.() !== 0) return [];
  const user = "postgres";
  if (!new RegExp(`^${user}:`, "m").test(readFileSync("/etc/passwd", "utf8"))) return undefined;
  const [runuser, setpriv] = [Bun.which("runuser"), Bun.which("setpriv")];
  if (runuser !== null) return [runuser, "-u", user, "--"];
  return setpriv === null ? undefined : [setpriv, `--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
}
