import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { sql } from "kysely";
import { needs } from "../needs.ts";
import { findRedis, startRedis, whatRedisNeeds } from "../redis.ts";
import { startWeir } from "../weir.ts";
import { run } from "../runtime-contract/child.ts";
import { actor, makeKey, makeSqlitePlace, onEachDatabase } from "../storage.ts";
import { containing, type Home, makeHome, matching, openUpstream } from "./program.ts";

type Check = { readonly name: string; readonly state: string; readonly message: string; readonly advice?: string };

/** Where nothing listens. */
const nowhere = "http://127.0.0.1:1";

async function examine(home: Home, env: Readonly<Record<string, string>>, args: readonly string[] = []) {
  const { code, stdout, stderr } = await home.weir(["doctor", "--json", ...args], { PORT: "0", ...env });
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: readonly Check[] };
  return { code, ok, stderr, checks, find: (name: string) => checks.find((check) => check.name === name) };
}

/** The environment in which every provider is at one upstream. */
function allAt(url: string): Readonly<Record<string, string>> {
  return { UPSTREAM_BASE_URL: url, ANTHROPIC_BASE_URL: url, GEMINI_BASE_URL: url };
}

test("where all is well, every line says ok and the exit code is 0; no upstream gets a key, no sink a record", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  using collector = openUpstream();
  const env = {
    ...allAt(upstream.url),
    UPSTREAM_API_KEY: "sk-operator",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OUTBOX_MAX_BYTES: "1MB",
  };
  const { code, stdout, stderr } = await home.weir(["doctor"], { ...env, PORT: "0" });
  expect([code, stderr]).toEqual([0, ""]);
  const names = [
    "configuration",
    "port",
    "data folder",
    "disk space",
    "audit file",
    "file descriptors",
    "requests upstream",
    "prices",
    "database",
    "clock",
    "upstream anthropic",
    "upstream gemini",
    "upstream openai",
    "sink otlp",
    "sink store",
  ];
  const lines = stdout.trimEnd().split("\n");
  expect(lines.slice(0, -1).map((line) => /^ok {4}(.+?) {2,}/.exec(line)?.[1])).toEqual(names);
  expect(lines.at(-1)).toBe("15 ok, 0 to look at, 0 failed");
  expect(stdout).toMatch(/upstream openai +http:\S+ answers 200 \(DNS \d+ ms, TCP \d+ ms, HTTP \d+ ms\)/);
  expect(upstream.seen.map(({ method }) => method)).toEqual(["HEAD", "HEAD", "HEAD"]);
  expect(upstream.seen.filter(({ headers }) => headers.has("authorization") || headers.has("x-api-key"))).toEqual([]);
  expect(collector.seen.map(({ body }) => body)).toEqual([containing('"spans":[]')]);
});

test("every fault of the configuration is a line, and nothing else is looked at before it is mended", async () => {
  await using home = await makeHome({ ".env": "LANGFUSE_PUBLIC_KEY=pk" });
  const { code, stdout } = await home.weir(["doctor"], { PORT: "abc", OBSERVABILITY_ENABLED: "true" });
  expect(code).toBe(1);
  expect(stdout).toMatch(/fail {2}configuration +PORT must be a number .* not "abc"\n/);
  expect(stdout).toMatch(/fail {2}configuration +LANGFUSE_PUBLIC_KEY is set without LANGFUSE_SECRET_KEY/);
  expect(stdout).toMatch(/warn {2}configuration +OBSERVABILITY_ENABLED has no effect/);
  expect(stdout).toContain("the rest is checked once the configuration is right");
});

test("a budget of every user is told of where calls may go around it by naming none", async () => {
  const budgets = { users: { "*": [{ amount_usd: 1, period: "day" }] } };
  await using home = await makeHome({ "weir.yaml": JSON.stringify({ budgets }) });
  const told = async (env: Readonly<Record<string, string>>) =>
    (await examine(home, env, ["--config-only"])).find("budgets")?.state;
  expect([await told({}), await told({ AUTH_MODE: "token" })]).toEqual(["warn", undefined]);
});

test("tokens that a budget of every user doesn't bound are counted, where calls need one", async () => {
  const budgets = { users: { "*": [{ amount_usd: 1, period: "day" }] } };
  await using home = await makeHome({ "weir.yaml": JSON.stringify({ budgets }) });
  await using place = await makeSqlitePlace();
  const stores = await place.openStores();
  const { id: projectId } = await stores.projects.add({ name: "p" }, actor);
  await stores.tokens.add({ projectId, userId: "ada" }, actor);
  const told = async () => (await examine(home, { ...place.env, AUTH_MODE: "token" })).find("budgets");
  expect(await told()).toBeUndefined();
  await stores.tokens.add({ projectId }, actor);
  expect(await told()).toMatchObject({ state: "warn", message: containing("1 active token with neither") });
  const open = await examine(home, { ...place.env, AUTH_MODE: "open" });
  expect(open.find("tokens")).toMatchObject({ state: "warn", message: containing("2 active tokens") });
}, 30_000);

test("--config-only asks nobody", async () => {
  await using home = await makeHome();
  const { code, checks } = await examine(home, allAt(nowhere), ["--config-only"]);
  expect([code, checks.map(({ name }) => name)]).toEqual([0, ["configuration"]]);
});

test("an upstream that can't be reached is a 3, with what to do", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  const { code, ok, find } = await examine(home, {
    ...allAt(upstream.url),
    ANTHROPIC_BASE_URL: nowhere,
    GEMINI_BASE_URL: "http://no-such-host.invalid",
  });
  expect([code, ok]).toEqual([3, false]);
  expect(find("upstream anthropic")).toMatchObject({
    state: "fail",
    message: containing(nowhere),
    advice: containing("Nothing listens there"),
  });
  expect(find("upstream gemini")).toMatchObject({ state: "fail", advice: containing("DNS") });
  expect(find("upstream openai")?.state).toBe("ok");
});

test("an upstream that nobody set up is no failure, and one behind a proxy is asked through it", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  const { code, find } = await examine(home, { UPSTREAM_BASE_URL: upstream.url, HTTPS_PROXY: nowhere });
  expect([code, find("upstream openai")?.state]).toEqual([0, "ok"]);
  for (const name of ["upstream anthropic", "upstream gemini"]) {
    const advice = containing("Check HTTPS_PROXY");
    expect(find(name)).toMatchObject({ state: "warn", message: containing("through the proxy"), advice });
  }
});

test("an upstream in trouble is worth a look, and no failure", async () => {
  await using home = await makeHome();
  using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(null, { status: 503 }) });
  const { code, find } = await examine(home, allAt(`http://127.0.0.1:${server.port}`));
  expect([code, find("upstream openai")?.state]).toEqual([0, "warn"]);
});

test("a sink that refuses our credentials is a 3, in its own words", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  using langfuse = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => Response.json({ message: "Invalid credentials" }, { status: 401 }),
  });
  const keys = {
    LANGFUSE_PUBLIC_KEY: "pk",
    LANGFUSE_SECRET_KEY: "sk-lf-secret",
    LANGFUSE_BASE_URL: `http://127.0.0.1:${langfuse.port}`,
  };
  const { code, find, checks } = await examine(home, { ...allAt(upstream.url), ...keys });
  expect(code).toBe(3);
  expect(find("sink langfuse")).toMatchObject({
    state: "fail",
    message: containing("LANGFUSE_SECRET_KEY"),
  });
  expect(JSON.stringify(checks)).not.toContain("sk-lf-secret");
});

test("a base URL that names a single call is told of, as calls to it would go below it", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  const { find } = await examine(home, {
    ...allAt(`${upstream.url}/v1`),
    UPSTREAM_BASE_URL: `${upstream.url}/v1/chat/completions`,
    ANTHROPIC_BASE_URL: `${upstream.url}/v1/messages/`,
  });
  for (const name of ["upstream openai", "upstream anthropic"])
    expect(find(name)).toMatchObject({ state: "warn", advice: containing(`leave "/v1/`) });
  expect(find("upstream gemini")?.state).toBe("ok");
});

test("a port that another program has is a failure, one that a Weir has isn't", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const taken = await examine(home, { ...allAt(upstream.url), PORT: String((other.address() as AddressInfo).port) });
  other.close();
  expect([taken.code, taken.find("port")]).toMatchObject([1, { state: "fail", advice: containing("--port") }]);

  await using weir = await startWeir();
  const ours = await examine(home, {
    ...allAt(upstream.url),
    PORT: String(weir.port),
    NO_PROXY: "127.0.0.1",
    HTTP_PROXY: nowhere,
  });
  expect([ours.code, ours.find("port")?.message]).toEqual([0, matching(/^a Weir listens on .* already$/)]);
  const token = (await Bun.file(join(weir.dataDir, "management-token")).text()).trim();
  const audit = await fetch(`${weir.url}/manage/audit`, { headers: { authorization: `Bearer ${token}` } });
  expect(await audit.text()).not.toContain("management.refused");
});

test("folders that can't be written are failures that name the setting", async () => {
  await using home = await makeHome({ taken: "a file" });
  using upstream = openUpstream();
  const path = join(home.path, "taken");
  const { code, find } = await examine(home, {
    ...allAt(upstream.url),
    DATA_DIR: path,
    FILE_EVENT_LOG: join(path, "log.jsonl"),
  });
  expect(code).toBe(1);
  expect(find("data folder")).toMatchObject({ state: "fail", advice: "DATA_DIR must name a folder." });
  const advice = "FILE_EVENT_LOG must name a file in a folder.";
  expect(find("sink file")).toMatchObject({ state: "fail", advice });
});

test("files that can't be written are failures that name the setting", async () => {
  await using home = await makeHome({ taken: "a file" });
  await home.write("folder/inside", "");
  using upstream = openUpstream();
  const files = { "log file": "LOG_FILE", "audit file": "AUDIT_LOG_FILE", "sink file": "FILE_EVENT_LOG" };
  const places = {
    folder: ["it is a folder (EISDIR)", "another place"],
    "taken/x": ["", "must name a file in a folder"],
    "/proc/nope/x": ["the system makes nothing there", "another place"],
  };
  for (const [place, [message = "", advice = ""]] of Object.entries(places)) {
    const path = place.startsWith("/") ? place : join(home.path, place);
    const env = Object.fromEntries(Object.values(files).map((setting) => [setting, path]));
    const { code, find } = await examine(home, { ...allAt(upstream.url), ...env });
    expect(code).toBe(1);
    for (const [name, setting] of Object.entries(files)) {
      const found = find(name);
      expect(found?.advice).toContain(setting);
      expect(found).toMatchObject({ state: "fail", message: containing(message), advice: containing(advice) });
    }
  }
  const missing = { AUDIT_CREATE_DIR: "false", AUDIT_LOG_FILE: join(home.path, "new/audit.log") };
  const { code, find } = await examine(home, { ...allAt(upstream.url), ...missing });
  expect([code, find("audit file")?.advice]).toEqual([1, containing("AUDIT_CREATE_DIR")]);
  const off = await examine(home, { ...allAt(upstream.url), ...missing, AUDIT_ENABLED: "false" });
  expect([off.code, off.find("audit file")]).toEqual([0, undefined]);
}, 30_000);

test("an exchange log that is none, or a database of it that is away, is a failure", async () => {
  await using home = await makeHome();
  await home.write("data/exchanges.db", "garbage ".repeat(1000));
  using upstream = openUpstream();
  const broken = await examine(home, { ...allAt(upstream.url), DATA_DIR: join(home.path, "data") });
  expect([broken.code, broken.find("sink store")]).toMatchObject([
    1,
    { state: "fail", message: containing("not a database"), advice: containing("begins a new one") },
  ]);
  const away = { DB_DRIVER: "postgres", DATABASE_URL: "postgres://u@127.0.0.1:1/weir" };
  const { code, find } = await examine(home, { ...allAt(upstream.url), ...away });
  expect([code, find("sink store")]).toMatchObject([
    3,
    { state: "fail", message: containing("postgres://127.0.0.1:1/weir can't be reached") },
  ]);
}, 30_000);

test("a Redis that limits or the cache need is asked, and what becomes of calls without it is said", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  const places = { REDIS_URL: "redis://u:s3cr3t@127.0.0.1:1/2", LIMITS_ON_FAILURE: "closed" };
  const cached = { HTTP_CACHE_ENABLED: "true", HTTP_CACHE_BACKEND: "redis", REDIS_CACHE_URL: "redis://127.0.0.1:2" };
  const { code, find, checks } = await examine(home, { ...allAt(upstream.url), ...places, ...cached });
  expect(code).toBe(3);
  const message = containing("redis://127.0.0.1:1/2 can't be reached (ECONNREFUSED); limited calls get 503");
  expect(find("redis for limits")).toMatchObject({ state: "fail", message, advice: containing("REDIS_URL") });
  const kept = containing("redis://127.0.0.1:2 can't be reached (ECONNREFUSED); every call goes upstream");
  expect(find("redis for the cache")).toMatchObject({ state: "fail", message: kept, advice: containing("_CACHE_URL") });
  expect(JSON.stringify(checks)).not.toContain("s3cr3t");

  const unused = { ...places, LIMITS_BACKEND: "memory", HTTP_CACHE_BACKEND: "redis" };
  const none = await examine(home, { ...allAt(upstream.url), ...unused });
  expect([none.code, none.checks.filter(({ name }) => name.startsWith("redis"))]).toEqual([0, []]);
}, 30_000);

needs(whatRedisNeeds, findRedis())(
  "a Redis that answers is well, one that doesn't know our password isn't",
  async () => {
    await using home = await makeHome();
    await using redis = await startRedis({ password: "right" });
    using upstream = openUpstream();
    const at = (password: string) => ({ ...allAt(upstream.url), REDIS_URL: redis.url.replace("right", password) });
    const well = await examine(home, at("right"));
    const message = matching(/^redis:\/\/127\.0\.0\.1:\d+ counts the rate limits \(PING \d/);
    expect([well.code, well.find("redis for limits")]).toMatchObject([0, { state: "ok", message }]);
    for (const password of ["wrong", ""]) {
      const { code, find } = await examine(home, at(password));
      const why = { state: "fail", message: containing("doesn't let us in"), advice: containing("REDIS_URL") };
      expect([code, find("redis for limits")]).toMatchObject([1, why]);
    }
  },
  30_000,
);

test("a clock that is minutes off its upstreams' is a failure, one that a single upstream disputes isn't", async () => {
  await using home = await makeHome();
  using right = openUpstream();
  using late = openUpstream({ clockMs: -600_000 });
  const wrong = await examine(home, allAt(late.url));
  expect([wrong.code, wrong.find("clock")]).toMatchObject([
    1,
    { state: "fail", message: matching(/^(?:9 min 5\d s|10 min \d s) ahead of the upstreams'$/) },
  ]);
  const disputed = await examine(home, { ...allAt(right.url), GEMINI_BASE_URL: late.url });
  expect([disputed.code, disputed.find("clock")?.state]).toEqual([0, "ok"]);
});

test("too few file descriptors and requests for 2,000 streams are worth a look", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  const env = { ...home.env, ...allAt(upstream.url), PORT: "0", BUN_CONFIG_MAX_HTTP_REQUESTS: "100" };
  const command = ["sh", "-c", 'ulimit -n 512; exec "$@"', "sh", ...home.command("doctor", "--json")];
  const { code, stdout } = await run(command, { env, cwd: home.path });
  const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
  expect(code).toBe(0);
  expect(checks.find(({ name }) => name === "file descriptors")).toMatchObject({
    state: "warn",
    message: containing("512"),
    advice: containing("ulimit -n 8192"),
  });
  expect(checks.find(({ name }) => name === "requests upstream")).toMatchObject({
    state: "warn",
    message: containing("at most 100 at once"),
  });
});

onEachDatabase((it, makePlace, driver) => {
  it("a database is asked where its schema is, and whether ENCRYPTION_KEY opens it; nothing of it changes", async () => {
    await using place = await makePlace();
    await using home = await makeHome();
    using upstream = openUpstream();
    const keys = (...numbers: number[]) => numbers.map((number) => Buffer.from(makeKey(number)).toString("base64"));
    const look = async (more: Readonly<Record<string, string>> = {}) => {
      const { code, find } = await examine(home, { ...allAt(upstream.url), ...place.env, ...more });
      return { code, database: find("database"), encryption: find("encryption") };
    };
    const soon = driver === "sqlite" ? /is made on the first start$/ : /the next start does 0001-/;
    expect(await look()).toMatchObject({ code: 0, database: { state: "ok", message: matching(soon) } });
    if (place.config.driver === "sqlite") expect(existsSync(place.config.path)).toBe(false);

    const { projects } = await place.openStores();
    const { id } = await projects.add({ name: "p", keys: { openai: "sk-0123456789-abcdefgh" } }, actor);
    expect(await look()).toMatchObject({
      code: 0,
      database: { state: "ok", message: matching(/can be reached, at \d{4}-/) },
      encryption: { state: "warn", message: containing("plain text"), advice: containing("weir migrate encrypt") },
    });
    expect(await look({ ENCRYPTION_KEY: keys(1).join() })).toMatchObject({
      code: 0,
      encryption: { state: "warn", message: "2 secrets still in plain text" },
    });

    const sealed = await place.openStores({ keys: [makeKey(1)] });
    await sealed.projects.update(id, { keys: { openai: "sk-0123456789-abcdefgh" } }, actor);
    expect(await look({ ENCRYPTION_KEY: keys(2, 1).join() })).toMatchObject({
      code: 0,
      encryption: { state: "ok", message: matching(/^ENCRYPTION_KEY \([0-9a-f]{8}\) opens the database$/) },
    });
    for (const more of [{ ENCRYPTION_KEY: keys(2).join() }, undefined])
      expect(await look(more)).toMatchObject({
        code: 1,
        encryption: { state: "fail", message: containing("ENCRYPTION_KEY doesn't open this database") },
      });

    const lost = await place.openStores({ keys: [makeKey(2), makeKey(1)] });
    expect(await look({ ENCRYPTION_KEY: keys(2).join() })).toMatchObject({
      code: 1,
      encryption: { state: "fail", message: "1 provider key can't be opened with ENCRYPTION_KEY" },
    });

    const table = driver === "sqlite" ? "schema_changes" : "weir.schema_changes";
    await sql`insert into ${sql.table(table)} values ('9998-newer', '')`.execute(lost.storage.db);
    expect(await look({ ENCRYPTION_KEY: keys(2, 1).join() })).toMatchObject({
      code: 0,
      database: { state: "ok", message: containing("a newer version has changed it") },
    });
    await sql`insert into ${sql.table(table)} values ('9999-newest!', '')`.execute(lost.storage.db);
    const newer = await look();
    expect(newer).toMatchObject({ code: 1, database: { state: "fail", message: containing("Start that version") } });
    expect(newer.encryption).toBeUndefined();
  }, 60_000);
});

test("a database that can't be reached is a 3, without its password; a folder that can't be written is a 1", async () => {
  await using home = await makeHome({ taken: "a file" });
  using upstream = openUpstream();
  const url = "postgres://u:s3cr3t@127.0.0.1:1/weir";
  const away = await examine(home, { ...allAt(upstream.url), DB_DRIVER: "postgres", DATABASE_URL: url });
  expect([away.code, away.find("database")]).toMatchObject([
    3,
    {
      state: "fail",
      message: containing("postgres://127.0.0.1:1/weir can't be reached"),
      advice: containing("DATABASE_URL"),
    },
  ]);
  expect(JSON.stringify(away.checks)).not.toContain("s3cr3t");
  const taken = await examine(home, { ...allAt(upstream.url), DATABASE_PATH: join(home.path, "taken/weir.db") });
  expect([taken.code, taken.find("database")]).toMatchObject([
    1,
    { state: "fail", advice: "DATABASE_PATH must name a file in a folder." },
  ]);
  const none = await examine(home, { ...allAt(upstream.url), DATABASE_PATH: join(home.path, "taken") });
  expect([none.code, none.find("database")]).toMatchObject([
    1,
    { state: "fail", message: containing("not a database") },
  ]);
}, 30_000);
