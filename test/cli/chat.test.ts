import { afterAll, beforeAll, expect, test } from "bun:test";
import { startWeir, type Weir } from "../weir.ts";
import { allAt, keys, openTerminal, pipe, serveMock, type Served } from "./interact.ts";
import { type Home, makeHome, matching } from "./program.ts";

const gateKey = "gate-0123456789-abcdef";

let home: Home;
let mock: Served;
let weir: Weir;

beforeAll(async () => {
  home = await makeHome();
  mock = await serveMock(home);
  const operatorKeys = { UPSTREAM_API_KEY: "sk-o", ANTHROPIC_API_KEY: "sk-a", GEMINI_API_KEY: "sk-g" };
  weir = await startWeir({
    env: { ...allAt(mock.url), ...operatorKeys, PROXY_API_KEY: gateKey },
    files: { "weir.yaml": `providers: { second: { base_url: "${mock.url}", dialect: anthropic, key: k } }` },
  });
}, 60_000);

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await mock[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const chat = (args: readonly string[], env: Readonly<Record<string, string>> = { PROXY_TOKEN: gateKey }) =>
  home.weir(["chat", "--url", weir.url, ...args], env);

test("one message is answered by each provider, found by the model's name, with a token of the environment", async () => {
  for (const [model, path] of [
    ["gpt-4.1-mini", "/v1/chat/completions"],
    ["claude-haiku-4-5", "/v1/messages"],
    ["gemini-2.5-flash", "/v1beta/models/gemini-2.5-flash:streamGenerateContent"],
  ] as const) {
    const answer = await chat(["--model", model, "What", "is", model]);
    expect(answer).toEqual({
      code: 0,
      stderr: "",
      stdout: matching(new RegExp(`^You said "What is ${model}"[^]*\\n$`)),
    });
    const record = await weir.waitForRecord((exchange) => exchange.model === model);
    expect(record).toMatchObject({ path, outcome: "answered", attribution: { session: matching(/^chat-/) } });
  }
}, 60_000);

test("the usual of each setting can be changed, and the older name works", async () => {
  const options = ["--max-tokens", "7", "--temperature", "0.3", "--system", "Be brief."];
  const { code, stdout } = await chat(["--provider", "anthropic", ...options, "--json", "hello"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    provider: "anthropic",
    model: "claude-haiku-4-5",
    answer: matching(/^You said "hello"/),
    ending: "complete",
    exchange_id: matching(/^[0-9a-f-]{36}$/),
  });
  const record = await weir.waitForRecord((exchange) => JSON.stringify(exchange).includes("Be brief."));
  expect(JSON.stringify(record)).toContain("0.3");

  const args = ["openai", "chat", "--proxy", `${weir.url}/v1/`, "--stream", "hello"];
  const older = await home.weir(args, { WEIR_TOKEN: gateKey });
  expect([older.code, older.stdout]).toEqual([0, matching(/^You said "hello"/)]);
}, 30_000);

test("a message on the standard input may be long and have many lines, and a token may come before it", async () => {
  const message = `first\n${"x".repeat(200_000)}\nlast`;
  const env = { PROXY_TOKEN: gateKey };
  const args = ["chat", "--url", weir.url, "--model", "mock-echo"];
  const long = await pipe(home, args, message, env);
  expect([long.code, long.stdout.length >= message.length]).toEqual([0, true]);
  expect(long.stdout).toContain("last");

  const withToken = await pipe(home, ["chat", "--url", weir.url, "--token", "-"], `${gateKey}\nhello\n`);
  expect([withToken.code, withToken.stderr, withToken.stdout]).toEqual([0, "", matching(/^You said "hello"/)]);
  const open = await chat(["--token", gateKey, "hello"], {});
  expect([open.code, open.stderr]).toEqual([0, matching(/^warning: the value of --token stands in the arguments/)]);
}, 30_000);

test("whoever reads slowly gets the answer whole", async () => {
  const message = "x".repeat(200_000);
  const child = Bun.spawn([...home.command("chat", "--url", weir.url, "--model", "mock-echo")], {
    cwd: home.path,
    env: { ...home.env, PROXY_TOKEN: gateKey },
    stdin: new TextEncoder().encode(`${message} last`),
    stdout: "pipe",
    stderr: "inherit",
  });
  let heard = 0;
  let end = "";
  for await (const bytes of child.stdout) {
    heard += bytes.length;
    end = new TextDecoder().decode(bytes.slice(-20));
    await Bun.sleep(50);
  }
  expect([await child.exited, heard > message.length, end]).toEqual([0, true, matching(/last/)]);
}, 30_000);

test("a provider of the configuration file speaks its dialect where the configuration is at hand", async () => {
  await using other = await makeHome({
    "weir.yaml": `port: ${weir.port}\nproviders: { second: { base_url: "${mock.url}", dialect: anthropic } }`,
  });
  const { code, stdout } = await other.weir(["chat", "--provider", "second", "--model", "mock-text", "hello"], {
    PROXY_TOKEN: gateKey,
  });
  expect([code, stdout]).toEqual([0, matching(/^You said "hello"/)]);
  expect(await weir.waitForRecord(({ provider }) => provider === "second")).toMatchObject({
    path: "/v1/messages",
  });
});

test("what goes wrong is said on standard error, with an exit code of its own", async () => {
  const refused = await chat(["--model", "mock-429", "hello"]);
  expect(refused).toEqual({ code: 1, stdout: "", stderr: matching(/^429: .+\n$/) });
  const stranger = await chat(["hello"], {});
  expect(stranger).toEqual({ code: 1, stdout: "", stderr: matching(/^401 credential_missing: /) });
  const models = ["mock-cut-4", "claude-x+mock-cut-6", "gemini-x+mock-cut-2"];
  for (const cut of await Promise.all(models.map((model) => chat(["--model", model, "hello"]))))
    expect(cut).toEqual({ code: 1, stdout: matching(/^You/), stderr: "The answer broke off before its end.\n" });
  const failed = await chat(["--model", "claude-x+mock-error-event-5", "hello"]);
  expect([failed.code, failed.stderr]).toEqual([1, matching(/^The answer broke off: .+\n$/)]);
  const nobody = await home.weir(["chat", "--url", "http://127.0.0.1:1", "hello"]);
  expect([nobody.code, nobody.stderr]).toEqual([
    3,
    matching(/^http:\/\/127\.0\.0\.1:1 can't be reached \(ECONNREFUSED\)/),
  ]);
  for (const args of [
    ["--temperature", "9", "hello"],
    ["--url", "nowhere", "hello"],
    ["--provider", "other", "hello"],
    [],
  ])
    expect([args, (await chat(args)).code]).toEqual([args, 2]);
  expect((await chat(["--provider", "openia", "hello"])).stderr).toMatch(
    /^There is no provider "openia" in this directory's configuration, only anthropic, gemini, openai/,
  );
}, 60_000);

test("Ctrl-C stops an answer", async () => {
  const child = Bun.spawn([...home.command("chat", "--url", weir.url, "--model", "mock-chunks-500-20", "hello")], {
    cwd: home.path,
    env: { ...home.env, PROXY_TOKEN: gateKey },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const reader = child.stdout.getReader();
  await reader.read();
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await child.stderr.text()).toBe("");
  const record = await weir.waitForRecord(({ model }) => model === "mock-chunks-500-20");
  expect(record.outcome).toBe("aborted");
}, 30_000);

test("on a terminal it is a conversation that remembers, whose answers can be stopped, and that is left by Ctrl-C twice", async () => {
  using terminal = openTerminal(home, ["chat", "--url", weir.url, "--model", "mock-chunks-500-20"], {
    PROXY_TOKEN: gateKey,
  });
  await terminal.see(/mock-chunks-500-20 of openai\./);
  await terminal.see(/> /);
  terminal.type(`first question${keys.enter}`);
  await terminal.see(/question\r[^]*\w+ \w+/);
  terminal.type(keys.interrupt);
  await terminal.see(/> /);
  terminal.type(`${"y".repeat(6000)}${keys.enter}`);
  await terminal.see(/y\r[^]*\w+ \w+/);
  terminal.type(keys.interrupt);
  await terminal.see(/> /);
  terminal.type(keys.interrupt);
  expect(await terminal.exited).toBe(0);

  const long = await weir.waitForRecord((exchange) => JSON.stringify(exchange).includes("y".repeat(6000)));
  expect(JSON.stringify(long)).toContain("first question");
  expect(long.outcome).toBe("aborted");
}, 60_000);

test("at the prompt, Ctrl-C once says how to leave, and Ctrl-D leaves", async () => {
  using terminal = openTerminal(home, ["chat", "--url", weir.url], { PROXY_TOKEN: gateKey });
  await terminal.see(/> /);
  terminal.type(`half a line${keys.interrupt}`);
  await terminal.see(/Ctrl-C again leaves\.[^]*> /);
  terminal.type(`whole${keys.enter}`);
  await terminal.see(/You said "whole"[^]*> /);
  terminal.type(keys.end);
  expect(await terminal.exited).toBe(0);
}, 30_000);
