import { expect, test } from "bun:test";
import { chmod, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort } from "../free-port.ts";
import { readDotenv } from "../../src/config/dotenv.ts";
import { run } from "../runtime-contract/child.ts";
import { allAt, keys, openTerminal, pipe, serveGateway, serveMock, type Served } from "./interact.ts";
import { containing, type Home, makeHome, matching } from "./program.ts";

const openaiKey = "sk-canary-openai-0123456789";
const anthropicKey = "sk-canary-anthropic-0123456789";
const geminiKey = "AIza-canary-gemini-0123456789";

type Result = {
  readonly variables: readonly string[];
  readonly url: string;
  readonly is_running: boolean;
  readonly project: { readonly id: string; readonly name: string; readonly was_there: boolean } | null;
  readonly token: { readonly id: string; readonly token: string; readonly expires_at: string | null } | null;
  readonly curl: string | null;
};

async function readVariables(home: Home, file = ".env"): Promise<Readonly<Record<string, string>>> {
  return readDotenv(await readFile(join(home.path, file), "utf8")).variables;
}

/** Runs `weir setup --yes --json` with these lines on its standard input. */
async function setUp(home: Home, args: readonly string[], input = ""): Promise<Result> {
  const { code, stdout, stderr } = await pipe(home, ["setup", "--yes", "--json", ...args], input);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Result;
}

/** The status and the text of what a shell's line prints. */
async function runLine(home: Home, line: string): Promise<readonly [status: string, body: string]> {
  const script = `${line} -s -w '\\n%{http_code}'`;
  const { stdout } = await run(["bash", "-ec", script], { env: { PATH: process.env["PATH"] ?? "" }, cwd: home.path });
  const end = stdout.lastIndexOf("\n");
  return [stdout.slice(end + 1), stdout.slice(0, end)];
}

function modeOf(home: Home, file = ".env"): Promise<number> {
  return stat(join(home.path, file)).then(({ mode }) => mode % 0o1000);
}

/** What lies in a home, but for what the runtime keeps there. */
async function listFiles(home: Home): Promise<readonly string[]> {
  return (await readdir(home.path)).filter((name) => name !== ".bun").toSorted();
}

/** Starts the gateway of that home with the mock behind it. */
function serve(home: Home, mock: Served): Promise<Served> {
  return serveGateway(home, allAt(mock.url));
}

test("with everything by options, the printed line calls each provider, and no file or line shows a key but .env", async () => {
  await using home = await makeHome({
    ".env": "# mine\n\nFOO='a b' # note\nnot a variable\n# PORT=3000\nexport BAR=1\n",
  });
  await using mock = await serveMock(home);
  const port = await findFreePort();
  const args = ["--port", String(port), "--project", "search", "--duration", "7d"];
  const secrets = ["--gemini-key", "-", "--openai-key=-", "--anthropic-key", "-"];
  const input = `${geminiKey}\n${openaiKey}\n${anthropicKey}\n`;
  const { code, stdout, stderr } = await pipe(home, ["setup", "--yes", ...args, ...secrets], input);
  expect([code, stderr]).toEqual([0, "warning: .env is passed over at line 4, which is not NAME=value\n"]);

  const text = await readFile(join(home.path, ".env"), "utf8");
  expect(text).toStartWith(`# mine\n\nFOO='a b' # note\nnot a variable\n# PORT=3000\nPORT=${port}\nexport BAR=1\n`);
  // Docker reads what stands behind the = as it is.
  const added = text.split("\n").filter((line) => /^[A-Z_]+=/.test(line) && !line.startsWith("FOO="));
  expect(added.every((line) => !/["'\s]/.test(line))).toBe(true);
  const variables = await readVariables(home);
  expect(variables).toEqual({
    FOO: "a b",
    BAR: "1",
    PORT: String(port),
    MANAGEMENT_TOKEN: matching(/^weir-management-[\w-]{43}$/),
    ENCRYPTION_KEY: matching(/^[A-Za-z0-9+/]{43}=$/),
    UPSTREAM_API_KEY: openaiKey,
    ANTHROPIC_API_KEY: anthropicKey,
    GEMINI_API_KEY: geminiKey,
  });
  expect(await modeOf(home)).toBe(0o600);
  expect(await listFiles(home)).toEqual([".env", "data"]);

  for (const name of ["MANAGEMENT_TOKEN", "ENCRYPTION_KEY", "UPSTREAM_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"])
    expect(stdout).not.toContain(variables[name] ?? "");
  expect(stdout).toMatch(
    /^\.env +.*MANAGEMENT_TOKEN[^]*\nproject +search \([0-9a-f-]{36}\)\ntoken +sk-weir-\w{38} +\(shown this once\)/,
  );
  expect(stdout).toMatch(/\nexpires +\S+Z \(in 7 days\)\n[^]*Start the gateway: node \S+\/scripts\/weir\.mjs\n/);

  await using gateway = await serve(home, mock);
  expect(gateway.url).toBe(`http://127.0.0.1:${port}`);
  const line = /^ {2}(curl .*)$/m.exec(stdout)?.[1] ?? "";
  expect(await runLine(home, line)).toEqual(["200", containing('You said \\"Hello\\"')]);
  const token = /sk-weir-\w+/.exec(stdout)?.[0] ?? "";
  const stranger = await runLine(home, line.replace(token, `${token.slice(0, -1)}_`));
  expect(stranger[0]).toBe("401");

  const shown = await home.weir(["manage", "token", "list", "--json"]);
  expect(shown.stdout).toContain('"name":"setup"');
  const audit = await home.weir(["manage", "audit", "list", "--action", "token.create", "--json"]);
  expect(JSON.parse(audit.stdout)).toMatchObject({ audit: [{ actor: "cli", origin: "cli", outcome: "success" }] });
}, 90_000);

test("the printed line is for a provider that there is a key for", async () => {
  await using mockHome = await makeHome();
  await using mock = await serveMock(mockHome);
  for (const [flag, key] of [
    ["--anthropic-key", anthropicKey],
    ["--gemini-key", geminiKey],
  ] as const) {
    await using home = await makeHome();
    const { curl } = await setUp(home, [flag, "-", "--port", String(await findFreePort())], `${key}\n`);
    await using _gateway = await serve(home, mock);
    expect(await runLine(home, curl ?? "")).toEqual(["200", containing("Hello")]);
  }
}, 90_000);

test("a second time nothing that is set is made anew, the project is the same, and a running gateway takes the new token", async () => {
  await using home = await makeHome();
  await using mock = await serveMock(home);
  const first = await setUp(home, ["--openai-key", "-", "--port", String(await findFreePort())], `${openaiKey}\n`);
  expect(first).toMatchObject({ is_running: false, project: { name: "default", was_there: false } });
  const before = await readFile(join(home.path, ".env"), "utf8");
  await chmod(join(home.path, ".env"), 0o644);
  await using _gateway = await serve(home, mock);

  const second = await setUp(home, ["--never-expires"]);
  expect(second).toMatchObject({
    variables: [],
    is_running: true,
    project: { ...first.project, was_there: true },
    token: { expires_at: null },
  });
  expect(await readFile(join(home.path, ".env"), "utf8")).toBe(before);
  expect(await modeOf(home)).toBe(0o600);
  for (const { curl } of [first, second]) expect((await runLine(home, curl ?? ""))[0]).toBe("200");

  const changed = await pipe(
    home,
    ["setup", "--yes", "--openai-key", "-", "--skip-project"],
    "sk-another-0123456789\n",
  );
  expect([changed.code, changed.stdout]).toEqual([
    0,
    containing("already: start it again, so that it reads the file."),
  ]);
  // What it sealed could not be read again.
  const rekeyed = await pipe(home, ["setup", "--yes", "--encryption-key", "-"], `${btoa("k".repeat(32))}\n`);
  expect([rekeyed.code, rekeyed.stderr]).toEqual([2, containing("ENCRYPTION_KEY is set already")]);
  expect(await readVariables(home)).toEqual({
    ...readDotenv(before).variables,
    UPSTREAM_API_KEY: "sk-another-0123456789",
  });
}, 90_000);

test("what is said in the arguments is warned of, and can be left out", async () => {
  await using home = await makeHome();
  const { code, stdout, stderr } = await home.weir([
    "setup",
    "--yes",
    "--openai-key",
    openaiKey,
    "--no-management-token",
    "--no-encryption-key",
    "--skip-project",
    "--env",
    "other.env",
    "--addr",
    "127.0.0.1:4999",
    "--db",
    "data/own.db",
  ]);
  expect([code, stderr]).toEqual([0, matching(/^warning: the value of --openai-key stands in the arguments.*\n$/)]);
  expect(stdout + stderr).not.toContain(openaiKey);
  expect(await readVariables(home, "other.env")).toEqual({
    LISTEN_ADDR: "127.0.0.1:4999",
    DATABASE_PATH: "data/own.db",
    UPSTREAM_API_KEY: openaiKey,
  });
  expect(await listFiles(home)).toEqual(["other.env"]);
});

test("without any key it says what is missing", async () => {
  await using home = await makeHome();
  const { code, stdout } = await home.weir(["setup", "--yes"]);
  expect([code, stdout]).toEqual([0, containing("No provider has a key yet")]);
});

test("what the gateway could not start with is not written", async () => {
  const dotenv = "LISTEN_ADDR=127.0.0.1:4001\n";
  await using home = await makeHome({ ".env": dotenv });
  for (const [args, fault] of [
    [["--port", "4002"], "must name one port"],
    [["--openai-key", "sk with spaces"], "UPSTREAM_API_KEY must be"],
    [["--openai-key", "#sk-canary"], "can't stand in a .env file without quotes"],
    [["--encryption-key", "c2hvcnQ="], "ENCRYPTION_KEY must be"],
    [["--duration", "soon"], '--duration is "soon"'],
    [["--port", "abc"], '--port is "abc"'],
    [["--project", " "], "--project is empty. Give it a value"],
    [["--openai-key", "-"], "--openai-key - takes a line of the standard input"],
  ] as const) {
    const { code, stdout, stderr } = await home.weir(["setup", "--yes", ...args]);
    expect([args, code, stdout, stderr]).toEqual([args, 2, "", containing(fault)]);
    expect(stderr).not.toContain("canary");
    expect(stderr).not.toContain(".new");
  }
  expect(await readFile(join(home.path, ".env"), "utf8")).toBe(dotenv);
  expect(await listFiles(home)).toEqual([".env"]);
}, 60_000);

test("an option without a value is refused, and what is set stays as it is", async () => {
  const text = `MANAGEMENT_TOKEN=the-management-token\nUPSTREAM_API_KEY=${openaiKey}\nLISTEN_ADDR=127.0.0.1:8080\n`;
  await using home = await makeHome({ ".env": text });
  for (const flag of ["--management-token", "--openai-key", "--encryption-key", "--addr", "--db"]) {
    const { code, stderr } = await pipe(home, ["setup", "--yes", "--skip-project", flag, ""], "");
    expect([code, stderr]).toEqual([
      2,
      `${flag} is empty. Give it a value, or leave it out to keep what is set.\nNothing was written.\n`,
    ]);
  }
  expect(await readFile(join(home.path, ".env"), "utf8")).toBe(text);
}, 60_000);

test("a database that can't be used is told, and so is one that can't be reached", async () => {
  await using home = await makeHome();
  await home.write("data/weir.db", "this is no database, and long enough to be sure of that".repeat(20));
  const broken = await home.weir(["setup", "--yes"]);
  expect([broken.code, broken.stderr]).toEqual([
    1,
    containing("The file is written; the project and its token aren't made."),
  ]);
  const env = { DB_DRIVER: "postgres", DATABASE_URL: "postgres://u:canary@127.0.0.1:1/none" };
  const away = await home.weir(["setup", "--yes"], env);
  expect([away.code, away.stderr]).toEqual([3, containing("can't be reached")]);
  expect(away.stderr).not.toContain("canary");
});

test("what the environment says in the place of the file is told", async () => {
  await using home = await makeHome();
  const { stdout } = await home.weir(["setup", "--yes", "--port", "4002", "--skip-project"], { PORT: "4003" });
  expect(stdout).toContain("The environment has another PORT, which counts before .env.");
});

test("on a terminal it asks for what no option says, shows no key, and asks again where it can't read the answer", async () => {
  await using home = await makeHome();
  using terminal = openTerminal(home, ["setup", "--gemini-key", "-"]);
  const answer = async (question: RegExp, text: string) => {
    await terminal.see(question);
    terminal.type(text + keys.enter);
  };
  const port = String(await findFreePort());
  await answer(/Gemini key: $/, geminiKey);
  await answer(/Port \[3000\]: /, "many");
  await answer(/It must be a number[^]*Port \[3000\]: /, port);
  await answer(/OpenAI key \(not shown; empty for none\): $/, openaiKey);
  await answer(/Anthropic key .*: $/, "");
  await answer(/Make a MANAGEMENT_TOKEN.*\[Y\/n\] /, "");
  await answer(/Make an ENCRYPTION_KEY.*\[Y\/n\] /, "n");
  await answer(/Project \[default\] .*: /, "by hand");
  await answer(/How long .*\[24h\]: /, "48");
  expect(await terminal.see(/curl .*Hello/)).toMatch(/project +by hand[^]*expires +\S+ \(in 2 days\)/);
  expect(await terminal.exited).toBe(0);
  for (const secret of [openaiKey, geminiKey, "canary"]) expect(terminal.shown()).not.toContain(secret);
  expect(await readVariables(home)).toEqual({
    PORT: port,
    MANAGEMENT_TOKEN: matching(/^weir-management-/),
    UPSTREAM_API_KEY: openaiKey,
    GEMINI_API_KEY: geminiKey,
  });
}, 30_000);

test("who leaves in the midst of the questions has changed nothing", async () => {
  await using home = await makeHome();
  for (const key of [keys.interrupt, keys.end]) {
    using terminal = openTerminal(home, ["setup"]);
    await terminal.see(/Port \[3000\]: /);
    terminal.type(keys.enter);
    await terminal.see(/OpenAI key .*: $/);
    terminal.type(key);
    await terminal.see(/Nothing was written\./);
    expect(await terminal.exited).toBe(1);
  }
  expect(await listFiles(home)).toEqual([]);
}, 30_000);

test("answers may be lines of a pipe", async () => {
  await using home = await makeHome();
  const { code, stderr } = await pipe(home, ["setup", "--interactive"], `4005\n${openaiKey}\n\n\nn\nn\n-\n`);
  expect([code, stderr]).toEqual([0, ""]);
  expect(await readVariables(home)).toEqual({ PORT: "4005", UPSTREAM_API_KEY: openaiKey });
});
