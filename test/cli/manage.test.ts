import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort } from "../free-port.ts";
import { startWeir, type Weir } from "../weir.ts";
import { allAt, keys, openTerminal, pipe, serveGateway } from "./interact.ts";
import { containing, type Home, makeHome, matching, openUpstream } from "./program.ts";

const managementToken = "management-0123456789-abcdefghijkl";

type Json = Readonly<Record<string, unknown>>;

let home: Home;
let weir: Weir;

beforeAll(async () => {
  home = await makeHome();
  weir = await startWeir({
    env: { MANAGEMENT_TOKEN: managementToken, ...allAt("http://127.0.0.1:1") },
    files: { "weir.yaml": 'providers: { groq: { base_url: "http://127.0.0.1:1", dialect: openai } }' },
  });
}, 30_000);

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const env = () => ({ MANAGEMENT_API_BASE_URL: weir.url, MANAGEMENT_TOKEN: managementToken });
const run = (...args: readonly string[]) => home.weir(["manage", ...args], env());

/** What a person reads. */
async function read(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect([args, code, stderr]).toEqual([args, 0, ""]);
  return stdout;
}

async function readJson(...args: readonly string[]): Promise<Json> {
  return JSON.parse(await read(...args, "--json")) as Json;
}

/** How a command ended that did nothing. */
async function fail(...args: readonly string[]): Promise<readonly [code: number, stderr: string]> {
  const { code, stdout, stderr } = await run(...args);
  expect([args, stdout]).toEqual([args, ""]);
  return [code, stderr];
}

test("people get tables and facts, and call projects by their names", async () => {
  const made = await read("project", "create", "--name", "search team", "--metadata", "owner=ada");
  expect(made).toMatch(
    /^id +[0-9a-f-]{36}\nname +search team\nstate +active\nkeys +-\n[^]*metadata +owner ada\npolicy +-\nsettings +-\nlimits +-\nbudgets +-\n$/,
  );
  expect(await read("project", "list", "--search", "search")).toMatch(
    /^id +name +state +keys for +created\n\S{36} +search team +active +- +\d{4}-\S+Z\n$/,
  );
  expect(await read("project", "deactivate", "search team")).toMatch(/\nstate +inactive since \d{4}-/);
  expect(await read("project", "list", "--inactive")).toContain("search team");
  expect(await read("project", "list", "--active")).toBe("There are no such projects.\n");
  expect(await fail("token", "create", "--project", "search team")).toEqual([1, matching(/inactive projects/)]);
  expect(await read("project", "activate", "search team")).toMatch(/\nstate +active\n/);
  expect(await fail("project", "get", "serch team")).toEqual([1, matching(/^There is no project "serch team"/)]);

  const token = await read("token", "create", "--project", "search team", "--name", "ci", "--max-requests", "10");
  expect(token).toMatch(/^token +sk-weir-\w{38} +\(shown this once\)\nid +\S{36}\n/);
  expect(token).toMatch(/\nexpires +\S+Z \(in 24 hours\)\nrequests +0 of 10\nlast used +never\n/);
  expect(await read("token", "list", "--project", "search team")).toMatch(
    /^id +token +name +state +requests +expires +last used\n\S{36} +sk-weir-\.\.\.\w{4} +ci +active +0 of 10 +\S+Z +never\n$/,
  );
}, 60_000);

test("limits and budgets are said, shown with what is left, and taken away", async () => {
  const bounds = [
    "--requests-per-minute",
    "60",
    "--concurrent",
    "0",
    "--budget",
    "25/month",
    "--budget",
    "$0.50/day,soft",
  ];
  const made = await read("project", "create", "--name", "bounded", ...bounds);
  expect(made).toMatch(/\nlimits +requests per minute 60, concurrent unlimited\n/);
  expect(made).toMatch(
    /\nbudgets +\$0 of \$25 a month, renews \d{4}-\d\d-01T00:00:00Z; \$0 of \$0\.50 a day \(soft\), renews \S+T00:00:00Z\n/,
  );
  expect(await readJson("project", "update", "bounded", "--tokens-per-day", "9", "--budget", "5/total")).toMatchObject({
    limits: { requests_per_minute: 60, tokens_per_day: 9 },
    budget: [{ amount_usd: "5", period: "total", hard: true, renews_at: null }],
  });
  expect(await readJson("project", "update", "bounded", "--budget", "")).toMatchObject({ budget: [] });

  const figures = ["--tokens-per-minute", "1000", "--requests-per-day", "7"];
  const token = await readJson("token", "create", "--project", "bounded", ...figures, "--budget", "1/day");
  expect(token).toMatchObject({
    limits: { tokens_per_minute: 1000, requests_per_day: 7, concurrent: null },
    budget: [{ amount_usd: "1", period: "day", spent_usd: "0", remaining_usd: "1" }],
  });
  const id = String(token["id"]);
  expect(await read("token", "update", id, "--budget", "3/total,soft")).toMatch(
    /\nbudgets +\$0 of \$3 in all \(soft\)\n/,
  );
  expect(await read("token", "get", id)).toMatch(/\nlimits +tokens per minute 1,000, requests per day 7\n/);
  expect(await fail("token", "update", id, "--budget", "3 dollars")).toEqual([
    2,
    matching(/--budget must be such as 25\/month/),
  ]);
  expect(await fail("token", "update", id, "--budget", "1/day", "--budget", "2/day")).toEqual([
    1,
    matching(/one entry for each period/),
  ]);
  expect((await run("token", "update", id, "--concurrent", "-1")).code).toBe(2);
}, 60_000);

test("what can be said of a token is said, stays, and can be taken away", async () => {
  await readJson("project", "create", "--name", "tokens");
  const fields = ["--user", "ada", "--allowed-model", "gpt-4o*", "--allowed-model", "o3", "--metadata", "a=b=c"];
  const made = await readJson("token", "generate", "--project", "tokens", "--never-expires", "--name", "x", ...fields);
  const id = String(made["id"]);
  const said = { name: "x", user_id: "ada", allowed_models: ["gpt-4o*", "o3"], metadata: { a: "b=c" } };
  expect(made).toMatchObject({ ...said, expires_at: null, max_requests: null });

  expect(await readJson("token", "update", id, "--max-requests", "5", "--duration", "2")).toMatchObject({
    ...said,
    max_requests: 5,
  });
  const changed = await readJson("token", "get", id);
  expect(Math.abs(Date.parse(String(changed["expires_at"])) - Date.now() - 7_200_000)).toBeLessThan(30_000);
  const emptied = await readJson(
    "token",
    "update",
    id,
    "--max-requests",
    "0",
    "--user",
    "",
    "--allowed-model",
    "",
    "--name",
    "",
    "--metadata",
    "",
  );
  expect(emptied).toMatchObject({ max_requests: null, user_id: null, allowed_models: null, name: null, metadata: {} });

  expect(await read("token", "revoke", id)).toBe(`${id} is revoked.\n`);
  expect(await read("token", "get", id)).toMatch(/\nstate +inactive\n/);
  expect(await readJson("token", "update", id, "--activate")).toMatchObject({ is_active: true });
  expect(await readJson("token", "update", id, "--deactivate")).toMatchObject({ is_active: false });
  expect(await readJson("token", "list", "--project-id", "tokens", "--active-only")).toMatchObject({ tokens: [] });
}, 60_000);

test("all tokens of a project are revoked where somebody says so", async () => {
  await readJson("project", "create", "--name", "revoking");
  for (let count = 0; count < 2; count += 1) await readJson("token", "create", "--project", "revoking");
  expect(await fail("token", "revoke", "--project", "revoking")).toEqual([2, matching(/^Nothing was revoked/)]);
  using terminal = openTerminal(home, ["manage", "token", "revoke", "--project", "revoking"], env());
  await terminal.see(/Revoke all tokens of revoking\? .*/);
  terminal.type(`y${keys.enter}`);
  await terminal.see(/2 tokens revoked; 0 of 2 were before\./);
  expect(await readJson("token", "revoke", "--project", "revoking", "--yes")).toEqual({
    revoked_count: 0,
    already_revoked_count: 2,
    total_tokens: 2,
  });
}, 30_000);

test("a list goes on where it ended, or to its end", async () => {
  const headers = { authorization: `Bearer ${managementToken}`, "content-type": "application/json" };
  for (let count = 0; count < 105; count += 1) {
    const body = JSON.stringify({ name: `page ${count}` });
    expect((await fetch(`${weir.url}/manage/projects`, { method: "POST", headers, body })).status).toBe(201);
  }
  const names = (list: Json) => (list["projects"] as readonly Json[]).map((project) => String(project["name"]));
  const all = names(await readJson("project", "list", "--search", "page ", "--all"));
  expect(all).toEqual(Array.from({ length: 105 }, (_, place) => `page ${104 - place}`));

  const first = await readJson("project", "list", "--search", "page ", "--limit", "50");
  const cursor = String(first["next_cursor"]);
  const second = await readJson("project", "list", "--search", "page ", "--limit", "50", "--cursor", cursor);
  expect([...names(first), ...names(second)]).toEqual(all.slice(0, 100));
  expect(await read("project", "list", "--search", "page ", "--limit", "50")).toEndWith(
    `\n\nThere are more: --cursor ${cursor}, or --all\n`,
  );
  expect(await read("project", "get", "page 1")).toMatch(/\nname +page 1\n/);
}, 60_000);

test("keys come from the standard input in the order of the options, and are never printed", async () => {
  const secrets = ["token", "groq", "openai", "gemini"].map((name) => `sk-canary-${name}-0123456789`);
  const options = ["--key", "groq=-", "--name", "by stdin", "--openai-key=-", "--gemini-key", "-"];
  const args = ["manage", "--management-token", "-", "project", "create", ...options];
  const [, ...keyLines] = secrets;
  const done = await pipe(home, args, [managementToken, ...keyLines].join("\n"), { MANAGEMENT_API_BASE_URL: weir.url });
  expect([done.code, done.stderr]).toEqual([0, ""]);
  expect(done.stdout).toMatch(/\nkeys +\S+ sk-canar\.\.\.6789, /);
  const { provider_keys: shown } = await readJson("project", "get", "by stdin");
  expect(shown).toEqual({ groq: "sk-canar...6789", openai: "sk-canar...6789", gemini: "sk-canar...6789" });
  for (const secret of [...secrets, managementToken]) expect(done.stdout).not.toContain(secret);

  using terminal = openTerminal(home, ["manage", "project", "update", "by stdin", "--anthropic-key", "-"], env());
  await terminal.see(/Anthropic key: $/);
  terminal.type(`sk-canary-typed-0123456789${keys.enter}`);
  expect(await terminal.exited).toBe(0);
  expect(terminal.shown()).not.toContain("sk-canary-typed");
  expect(terminal.shown()).toMatch(/anthropic sk-canar\.\.\.6789/);

  const removed = await readJson("project", "update", "by stdin", "--remove-key", "groq", "--remove-key", "gemini");
  expect(Object.keys(removed["provider_keys"] as object).toSorted()).toEqual(["anthropic", "openai"]);
}, 60_000);

test("secrets in the arguments are warned of once and shown nowhere", async () => {
  const secret = "sk-canary-open-0123456789";
  const args = ["project", "create", "--name", "open", "--openai-key", secret, "--key", `groq=${secret}`];
  const { code, stdout, stderr } = await run(...args, "--management-token", managementToken);
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /^warning: the value of --management-token and --openai-key and --key stand in the arguments.*\n$/,
  );
  expect(stdout + stderr).not.toContain(secret);
  for (const wrong of [
    ["--key", secret],
    ["--openai-key", secret, "--key", `openai=${secret}`],
    ["--openai-key", ""],
  ]) {
    const refused = await run("project", "create", "--name", "wrong", ...wrong);
    expect([wrong, refused.code === 0, (refused.stdout + refused.stderr).includes(secret)]).toEqual([
      wrong,
      false,
      false,
    ]);
  }
}, 30_000);

test("a token's text, or a key, is taken for no name and sent nowhere", async () => {
  using upstream = openUpstream();
  for (const args of [
    ["token", "get", "sk-weir-canary"],
    ["token", "revoke", "sk-weir-canary"],
    ["project", "get", "AIzacanary"],
    ["token", "create", "--project", "sk-canary"],
    ["token", "get", "../projects"],
  ]) {
    const { code, stderr } = await home.weir(["manage", ...args], { ...env(), MANAGEMENT_API_BASE_URL: upstream.url });
    expect([args, code, stderr.includes("canary")]).toEqual([args, 2, false]);
  }
  expect(upstream.seen).toEqual([]);
}, 30_000);

test("nothing is deleted, and what to do instead is said", async () => {
  const [code, stderr] = await fail("project", "delete", "search");
  expect([code, stderr]).toEqual([2, containing("weir manage project deactivate --revoke-tokens search")]);
});

test("the audit, the providers, the configuration and the cache are asked for", async () => {
  await readJson("project", "create", "--name", "audited");
  const { audit } = await readJson("audit", "list", "--action", "project.create", "--limit", "1");
  expect(audit).toMatchObject([{ action: "project.create", origin: "cli", actor: "management_token" }]);
  expect(await read("audit", "list", "--outcome", "success", "--limit", "2")).toMatch(
    /^time +action +outcome +actor +origin +from +about +reason\n/,
  );
  expect(await read("audit", "list", "--start-time", "2999-01-01")).toBe("There are no such entries.\n");
  expect(await read("audit", "verify")).toMatch(/^\d+ entries are right\n$/);
  expect(await readJson("audit", "verify")).toMatchObject({ ok: true });
  expect(await read("providers")).toMatch(
    /\ngroq +openai +not set +unreachable +(?:-|[\d.]+ %) +http:\/\/127\.0\.0\.1:1 +\/groq\//,
  );
  expect(await read("config")).toMatch(/^Weir \d[^]*\nMANAGEMENT_TOKEN +set +environment\n/);
  expect(await fail("cache", "purge", "--all")).toEqual([1, matching(/caching is disabled/)]);
  for (const args of [[], ["--all", "--prefix", "/v1"], ["--prefix", "/v1", "--method", "GET"]])
    expect(await fail("cache", "purge", ...args)).toEqual([2, matching(/Give one of|goes with --url/)]);
}, 60_000);

test("mistakes in the options end with 2 before anything is asked", async () => {
  for (const args of [
    ["project"],
    ["project", "explode"],
    ["project", "create"],
    ["project", "update", "x"],
    ["project", "list", "--active", "--inactive"],
    ["project", "create", "--name", "x", "--metadata", "nothing"],
    ["token", "create"],
    ["token", "create", "--project", "x", "--duration", "soon"],
    ["token", "create", "--project", "x", "--max-requests", "-1"],
    ["token", "update", "00000000-0000-0000-0000-000000000000"],
    ["token", "revoke"],
    ["token", "list", "--limit", "0"],
    ["token", "list", "--all", "--cursor", "x"],
    ["audit", "list", "--outcome", "fine"],
    ["--manage-api-base-url", "nowhere", "project", "list"],
  ])
    expect([args, (await run(...args)).code]).toEqual([args, 2]);
}, 60_000);

test("where no gateway of that kind is, the exit code is 3 and it says what to check", async () => {
  const nobody = await home.weir(["manage", "project", "list"], {
    ...env(),
    MANAGEMENT_API_BASE_URL: "http://127.0.0.1:1",
  });
  expect([nobody.code, nobody.stderr]).toEqual([
    3,
    matching(/^http:\/\/127\.0\.0\.1:1 can't be reached \(ECONNREFUSED\)\. Check that .*--manage-api-base-url/),
  ]);
  using stranger = openUpstream();
  const other = await home.weir(["manage", "project", "list"], { ...env(), MANAGEMENT_API_BASE_URL: stranger.url });
  expect([other.code, other.stderr]).toEqual([3, containing("answers, but not as Weir's management API (200)")]);
  using redirect = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => Response.redirect(`${stranger.url}/manage/projects`, 307),
  });
  const seen = stranger.seen.length;
  const away = await home.weir(["manage", "project", "list"], {
    ...env(),
    MANAGEMENT_API_BASE_URL: redirect.url.origin,
  });
  expect([away.code, away.stderr]).toEqual([3, containing(`(307, to ${stranger.url}/manage/projects)`)]);
  expect(stranger.seen).toHaveLength(seen);
  const proxy = { HTTP_PROXY: "http://127.0.0.1:1" };
  expect((await home.weir(["manage", "project", "list"], { ...env(), ...proxy })).code).toBe(0);
}, 30_000);

test("metadata that is no text is shown as JSON, and an answer that can't be read here is no other program's", async () => {
  const headers = { authorization: `Bearer ${managementToken}`, "content-type": "application/json" };
  const metadata = { cost_center: 4711, owner: { team: "search" } };
  const body = JSON.stringify({ name: "of numbers", metadata });
  const made = await fetch(`${weir.url}/manage/projects`, { method: "POST", headers, body });
  expect(made.status).toBe(201);
  expect(await read("project", "list")).toContain("of numbers");
  expect(await read("project", "get", "of numbers")).toContain(
    '\nmetadata  cost_center 4711, owner {"team":"search"}\n',
  );
  using newer = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => Response.json({ projects: [{ id: 1 }], next_cursor: null }, { headers: { "x-request-id": "an-id" } }),
  });
  const unread = await home.weir(["manage", "project", "list"], {
    ...env(),
    MANAGEMENT_API_BASE_URL: newer.url.origin,
  });
  expect([unread.code, unread.stderr]).toEqual([1, containing("its answer can't be read here (projects.0.id)")]);
}, 30_000);

test("a wrong token is refused, and the message says where it came from", async () => {
  const { code, stderr } = await home.weir(["manage", "project", "list"], {
    ...env(),
    MANAGEMENT_TOKEN: "wrong-canary",
  });
  expect([code, stderr]).toEqual([
    1,
    matching(/^invalid management token\. .*\(this one came from MANAGEMENT_TOKEN\)\n$/),
  ]);
  expect(stderr).not.toContain("canary");
});

test("beside a gateway nothing has to be said: its address and its token are found, on an address of its own too", async () => {
  await using mine = await makeHome({ ".env": "PORT=0\n" });
  const nothing = await mine.weir(["manage", "project", "list"]);
  expect([nothing.code, nothing.stderr]).toEqual([
    2,
    containing("management-token can't be read (ENOENT). Start the gateway once"),
  ]);

  await mine.write(".env", `PORT=0\nMANAGEMENT_LISTEN_ADDR=127.0.0.1:${await findFreePort()}\n`);
  await using gateway = await serveGateway(mine);
  const { code, stdout, stderr } = await mine.weir(["manage", "project", "create", "--name", "near", "--json"]);
  expect([code, stderr, JSON.parse(stdout)]).toEqual([0, "", expect.objectContaining({ name: "near" })]);
  const needless = await mine.weir(["manage", "token", "create", "--project", "near"]);
  expect([needless.code, needless.stderr]).toEqual([0, containing("AUTH_MODE is open: calls without a token pass")]);
  const missing = await mine.weir(["manage", "token", "get", "ci"]);
  expect(missing.stderr).toContain("weir manage token list lists those");
  const token = (await readFile(join(mine.path, "data/management-token"), "utf8")).trim();
  const main = await mine.weir(["manage", "project", "list", "--manage-api-base-url", gateway.url], {
    MANAGEMENT_TOKEN: token,
  });
  expect([main.code, main.stderr]).toEqual([3, containing("MANAGEMENT_LISTEN_ADDR")]);
}, 30_000);
