import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Exchange } from "../../src/domain/exchange.ts";
import { runWeir, startWeir, waitFor } from "../weir.ts";
import { containing, type Home, makeHome, matching, openUpstream } from "./program.ts";

/** Calls a model as an SDK would, by its environment alone. */
const client = `
  const call = (model, headers = {}) =>
    fetch(process.env.OPENAI_BASE_URL + "/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer sk-mine", ...headers },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] }),
    }).then((answer) => answer.text());
`;

const script = (home: Home, source: string) => home.write("program.js", client + source);

async function readRecords(home: Home, place = 1): Promise<readonly Exchange[]> {
  const text = await readFile(join(home.path, `share/weir/runs/${place}/exchanges.jsonl`), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Exchange);
}

test("a program's calls go through the gateway to where its own base URL points; its output, input and exit code are its own", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  const program = await script(
    home,
    `await call("gpt-4o-mini"); await call("gpt-4o-mini", { "x-session-id": "mine" }); await call("missing");
     console.log("said by the program"); process.exit(7);`,
  );
  const { code, stdout, stderr } = await home.weir(["run", "--", process.execPath, program], {
    OPENAI_BASE_URL: `${upstream.url}/api/v1`,
  });
  expect([code, stdout]).toEqual([7, "said by the program\n"]);
  expect(upstream.seen.map(({ path }) => path)).toEqual(Array.from({ length: 3 }, () => "/api/v1/chat/completions"));
  expect(upstream.seen[0]?.headers.get("authorization")).toBe("Bearer sk-mine");

  const records = await readRecords(home);
  const session = records[0]?.attribution.session ?? "";
  expect(session).toMatch(/^run-\d{14}-[0-9a-f]{6}$/);
  expect(records.map(({ attribution }) => attribution.session)).toEqual([session, "mine", session]);
  expect(stderr).toMatch(/^weir: .* ran .*: 3 calls, \$0\.000\d+\n/);
  expect(stderr).toMatch(/gpt-4o-mini +2 +0 +400 +2,000 +60 +\$0\.000/);
  expect(stderr).toMatch(/missing +1 +1 /);
  expect(stderr).toMatch(/errors +model_not_found/);
  expect(stderr).toMatch(/slowest +\S+, .* \(exchange [0-9a-f-]{36}\)/);
  expect(stderr).toContain(join(home.path, "share/weir/runs/1/exchanges.jsonl"));
  expect(stderr).toMatch(new RegExp(`session +${session}`));
});

test("the settings of a server say where calls go, before the program's own base URL", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  const program = await script(home, `await call("gpt-4o-mini"); console.log(process.env.OPENAI_BASE_URL);`);
  const env = { UPSTREAM_BASE_URL: upstream.url, OPENAI_BASE_URL: "http://127.0.0.1:1/v1" };
  const { stdout } = await home.weir(["run", "--", process.execPath, program], env);
  expect(upstream.seen).toHaveLength(1);
  expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1\n$/);
});

test("a stream that a program leaves in the middle is in its account", async () => {
  await using home = await makeHome();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: () => {
      const first =
        'data: {"id":"c","model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"once upon"}}]}\n\n';
      return new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from(first)) }), {
        headers: { "content-type": "text/event-stream" },
      });
    },
  });
  const program = await script(
    home,
    `const answer = await fetch(process.env.OPENAI_BASE_URL + "/chat/completions", { method: "POST", body: JSON.stringify({ model: "gpt-4o-mini", stream: true, messages: [] }) });
     await answer.body.getReader().read(); process.exit(0);`,
  );
  const { stderr } = await home.weir(["run", "--", process.execPath, program], {
    UPSTREAM_BASE_URL: `http://127.0.0.1:${server.port}`,
  });
  await server.stop(true);
  expect(stderr).toMatch(/gpt-4o-mini +1 +0 +~\d+ +0 +~\d+ /);
  expect((await readRecords(home))[0]).toMatchObject({ outcome: "aborted", usage: { source: "estimated" } });
});

test("neither .env, nor weir.yaml, nor bunfig.toml of the working directory is read, and nothing is written there", async () => {
  const files = {
    ".env": "PROXY_TIMEOUT_MS=abc",
    "weir.yaml": "port: abc",
    "bunfig.toml": 'preload = ["./evil.ts"]',
    "evil.ts": "process.exit(99)",
  };
  await using home = await makeHome(files);
  expect((await home.weir(["run", "--", "true"])).code).toBe(0);
  expect(existsSync(join(home.path, "data"))).toBe(false);
  const named = await home.weir(["run", "--env", ".env", "--", "true"]);
  expect([named.code, named.stderr]).toEqual([2, containing("PROXY_TIMEOUT_MS must be")]);
});

test("the program's own port, log level, gate and keys are no settings of ours, and it gets nothing new but base URLs", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  const program = await home.write(
    "program.js",
    `await fetch(process.env.ANTHROPIC_BASE_URL + "/v1/messages", { method: "POST", body: '{"model":"claude-3-haiku"}' });
     console.log(JSON.stringify(process.env));`,
  );
  const own = {
    PORT: "abc",
    LOG_LEVEL: "verbose",
    HOST: "?",
    DATA_DIR: "/nowhere/at/all",
    AUTH_MODE: "none",
    NODE_ENV: "test",
    REQUEST_TIMEOUT: "30",
    PROXY_API_KEY: "gate",
    MANAGEMENT_TOKEN: "secret",
    ANTHROPIC_API_KEY: "sk-ant-mine",
    ANTHROPIC_BASE_URL: upstream.url,
  };
  const { code, stdout, stderr } = await home.weir(["run", "--", process.execPath, program], own);
  expect([code, stderr]).toEqual([0, containing("1 call")]);
  const { headers } = upstream.seen[0] ?? {};
  expect([headers?.get("x-api-key"), headers?.get("authorization")]).toEqual([null, null]);
  const given = JSON.parse(stdout) as Record<string, string>;
  expect(given).toMatchObject({
    ...own,
    ANTHROPIC_BASE_URL: matching(/^http:\/\/127\.0\.0\.1:\d+\/anthropic$/),
  });
  const before = { ...home.env, ...own };
  expect(
    Object.keys(given)
      .filter((name) => !(name in before))
      .toSorted(),
  ).toEqual(["GOOGLE_GEMINI_BASE_URL", "OPENAI_API_BASE", "OPENAI_BASE_URL"]);
});

test("the folder's own settings are passed over, and it says so", async () => {
  await using home = await makeHome({ ".env": "LOG_LEVEL=loud", "weir.yaml": "port: abc" });
  const { code, stderr } = await home.weir(["run", "--", "true"]);
  expect([code, stderr]).toEqual([0, containing("passed over: .env, weir.yaml (--env and --config would")]);
});

test("{weir} in an argument is the gateway's URL, and a program that makes no call is told how to", async () => {
  await using home = await makeHome();
  const { stdout, stderr } = await home.weir(["run", "--", "echo", "base={weir}/v1", "--help"]);
  expect(stdout).toMatch(/^base=http:\/\/127\.0\.0\.1:\d+\/v1 --help\n$/);
  expect(stderr).toContain("called no model through the gateway");
  expect(stderr).toContain("OPENAI_BASE_URL");
});

test("the account is there as JSON too", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  const program = await script(home, `await call("gpt-4o-mini"); process.exit(3);`);
  const { stderr } = await home.weir(["run", "--json", "--", process.execPath, program], {
    UPSTREAM_BASE_URL: upstream.url,
  });
  expect(JSON.parse(stderr)).toMatchObject({
    exit_code: 3,
    pending: 0,
    tally: {
      calls: 1,
      errors: 0,
      models: [
        { model: "gpt-4o-mini", provider: "openai", calls: 1, usage: { input: 200, input_cached: 1000, output: 30 } },
      ],
    },
  });
});

test("runs at the same time have folders of their own, and one after the other the same", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  const env = { UPSTREAM_BASE_URL: upstream.url };
  const program = await script(
    home,
    `await call("gpt-4o-mini"); const { existsSync } = await import("node:fs"); while (!existsSync("go")) await Bun.sleep(5);`,
  );
  const first = home.weir(["run", "--", process.execPath, program], env);
  await waitFor(() => existsSync(join(home.path, "share/weir/runs/1/run.lock")), "the first run never began");
  const second = home.weir(["run", "--", process.execPath, program], env);
  await waitFor(() => upstream.seen.length === 2, "two runs never called");
  await home.write("go", "");
  expect((await Promise.all([first, second])).map(({ code }) => code)).toEqual([0, 0]);
  await home.weir(["run", "--", process.execPath, program], env);
  expect([(await readRecords(home, 1)).length, (await readRecords(home, 2)).length]).toEqual([2, 1]);
});

test("what a sink did not take during a run is told, and the next run delivers it", async () => {
  await using home = await makeHome();
  using upstream = openUpstream();
  using collector = openUpstream();
  const program = await script(home, `await call("gpt-4o-mini");`);
  const env = { UPSTREAM_BASE_URL: upstream.url, FLUSH_TIMEOUT_MS: "50" };
  const down = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };
  const first = await home.weir(["run", "--", process.execPath, program], down);
  expect(first.stderr).toMatch(/records +otlp \(http:\/\/127\.0\.0\.1:1\/v1\/traces\)/);
  expect(first.stderr).toContain("1 record that no sink has taken yet");
  const waiting = ["sh", "-c", "until [ -e go ]; do sleep 0.1; done"];
  const second = home.weir(["run", "--", ...waiting], { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  try {
    await waitFor(() => collector.seen.length > 0, "The next run doesn't deliver it");
  } finally {
    await home.write("go", "");
  }
  expect([(await second).code, collector.seen.length]).toEqual([0, 1]);
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(`${signal} is the program's: it ends as it likes, and its exit code is the run's`, async () => {
    await using home = await makeHome();
    const program = await home.write(
      "program.js",
      `let got = 0; process.on("${signal}", () => { got += 1; setTimeout(() => { console.log(got); process.exit(9); }, 50); });
       console.log("up"); setInterval(() => {}, 1000);`,
    );
    const child = Bun.spawn([...home.command("run", "--", process.execPath, program)], {
      cwd: home.path,
      env: home.env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    let output = "";
    for await (const bytes of child.stdout) {
      output += new TextDecoder().decode(bytes);
      if (output === "up\n") child.kill(signal);
    }
    expect([output, await child.exited]).toEqual(["up\n1\n", 9]);
  });
}

test("a program that a signal ended, one that isn't there, and one that may not be executed have a shell's exit codes", async () => {
  await using home = await makeHome({ plain: "no program" });
  expect((await home.weir(["run", "--", "sh", "-c", "kill -KILL $$"])).code).toBe(137);
  const missing = await home.weir(["run", "--", "no-such-program"]);
  expect([missing.code, missing.stderr]).toEqual([
    127,
    "weir: no-such-program isn't there: check its name, its path and PATH\n",
  ]);
  expect((await home.weir(["run", "--", "./plain"])).code).toBe(126);
});

const mistakes = [
  [["run", "claude"], '"claude" is no option'],
  [["run", "claude", "--", "x"], '"claude" is no option'],
  [["run", "--"], "There is no program after --"],
  [["run", "--port", "4000", "--", "true"], "--port is for a server"],
  [["run", "--detach", "--", "true"], "--detach is for a server"],
] as const;

test.each(mistakes)("weir %p is a usage error that shows both forms", async (args, fault) => {
  const { code, stdout, stderr } = await runWeir({ args });
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(fault);
  expect(stderr).toMatch(/weir run \[options\] -- <program>[^]*weir run \[options\] {2}/);
});

test("a base URL of the program's that is none is named, and nothing is started", async () => {
  const { code, stderr } = await runWeir({ args: ["run", "--", "true"], env: { OPENAI_BASE_URL: "localhost:1234" } });
  expect([code, stderr]).toEqual([
    2,
    "OPENAI_BASE_URL must be an http:// or https:// URL without credentials, query and fragment",
  ]);
});

test("without a program, run is serve, with the key and the URL of one upstream", async () => {
  using upstream = openUpstream();
  await using weir = await startWeir({ args: ["run", "-k", "sk-ant-operator", "-u", upstream.url] });
  await fetch(`${weir.url}/v1/messages`, { method: "POST", body: '{"model":"claude-3-haiku"}' });
  expect(upstream.seen.map(({ headers }) => headers.get("x-api-key"))).toEqual(["sk-ant-operator"]);
  expect(await weir.stop()).toBe(0);
});
