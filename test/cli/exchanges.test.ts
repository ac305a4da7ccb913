import { afterAll, beforeAll, expect, test } from "bun:test";
import { findFreePort } from "../free-port.ts";
import { startWeir, waitFor, type Weir } from "../weir.ts";
import { type Home, makeHome, matching, openUpstream } from "./program.ts";

const managementToken = "management-0123456789-abcdefghijkl";
const upstream = openUpstream();
let home: Home;
let weir: Weir;

beforeAll(async () => {
  home = await makeHome();
  weir = await start();
}, 30_000);

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  upstream[Symbol.dispose]();
});

const start = (port = 0) =>
  startWeir({
    env: {
      MANAGEMENT_TOKEN: managementToken,
      UPSTREAM_BASE_URL: upstream.url,
      ANTHROPIC_BASE_URL: upstream.url,
      GEMINI_BASE_URL: upstream.url,
      AUTH_MODE: "open",
      PORT: String(port),
    },
  });
const env = (url = weir.url) => ({ MANAGEMENT_API_BASE_URL: url, MANAGEMENT_TOKEN: managementToken });
const run = (...args: readonly string[]) => home.weir(["manage", ...args], env());

async function call(url: string, question: string, model = "gpt-4o-mini", key = "sk-consumer"): Promise<string> {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "x-user-id": "ada" },
    body: JSON.stringify({ model, temperature: 0, messages: [{ role: "user", content: question }] }),
  });
  await answer.text();
  return answer.headers.get("x-weir-exchange-id") ?? "";
}

async function read(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect([args, code, stderr]).toEqual([args, 0, ""]);
  return stdout;
}

test("what was called can be listed, opened and summed up", async () => {
  const id = await call(weir.url, "What is a weir?");
  const failed = await call(weir.url, "And this?", "missing");
  const listed = await waitFor(async () => {
    const stdout = await read("exchanges", "list");
    return stdout.includes(id) && stdout.includes(failed) ? stdout : undefined;
  }, "They are not in the log");
  expect(listed).toMatch(/^time +id +status +provider +model +in +out +cost +took +user +path +cause\n/);
  expect(listed).toMatch(
    new RegExp(`${id} +200 +openai +gpt-4o-mini +1,200 +30 +\\$0\\.0\\d+ +.+ms +ada +/v1/chat/completions`),
  );
  expect(await read("exchanges", "list", "--status", "404", "--json")).toContain(failed);
  expect(await read("exchanges", "list", "--session", "nobody")).toBe("There are no such exchanges.\n");
  expect(await read("exchanges", "list", "--limit", "1")).toContain("There are more: --cursor");

  const shown = await read("exchanges", "get", id);
  expect(shown).toMatch(/\nmodel +gpt-4o-mini\n/);
  expect(shown).not.toContain("What is a weir?");
  expect(await read("exchanges", "get", id, "--body")).toContain('"content": "What is a weir?"');
  expect(JSON.parse(await read("exchanges", "get", id, "--body", "--json"))).toMatchObject({
    id,
    body_kept: true,
    parameters: { temperature: 0 },
  });
  expect(await read("audit", "list", "--action", "exchange.read", "--json")).toContain(`/manage/exchanges/${id}/body`);

  expect(await read("usage", "--by", "model")).toMatch(
    /^From \S+ to \S+\nmodel +requests +errors +kept +in +out +cost .*\ngpt-4o-mini +1 +0 +0 +1,200 +30 +\$0\.0/,
  );
  expect(JSON.parse(await read("usage", "--by", "user", "--json"))).toMatchObject({
    usage: [{ user: "ada", requests: 2 }],
  });
  expect(await read("usage", "--user", "nobody", "--by", "day")).toMatch(/\nThere was nothing\.\n$/);
}, 60_000);

test("whose exchanges and sums are is told by the project's name, and the token's id", async () => {
  expect(await run("project", "create", "--name", "search", "--openai-key", "sk-0123456789")).toMatchObject({
    code: 0,
  });
  const made = await run("token", "create", "--project", "search", "--json");
  expect(made).toMatchObject({ code: 0, stderr: matching(/^warning: AUTH_MODE is open: calls without a token pass/) });
  const { token: text = "", id: tokenId = "" } = JSON.parse(made.stdout) as Record<string, string>;
  const id = await call(weir.url, "Whose is this?", "gpt-4o-mini", text);
  const line = new RegExp(`^\\S+ +${id} .* search +${tokenId} +ada +/v1/chat/completions`, "m");
  const listed = await waitFor(async () => {
    const stdout = await read("exchanges", "list", "--project", "search");
    return stdout.includes(id) ? stdout : undefined;
  }, "It is not in the log");
  expect(listed).toMatch(/^time .* took +project +token +user +path +cause\n/);
  expect(listed).toMatch(line);
  expect(await read("usage", "--by", "project")).toMatch(/\nsearch +1 /);
  const all = await run("token", "create", "--project", "search", "--allowed-model", "");
  expect(all).toMatchObject({ code: 2, stderr: matching(/--allowed-model must not be empty/), stdout: "" });
  expect(await run("usage", "--start-time", "2026-03-01", "--end-time", "2026-02-01")).toMatchObject({
    code: 1,
    stderr: matching(/start_time must not be after end_time/),
  });
}, 60_000);

test("mistakes end with 2, what the gateway refuses with 1", async () => {
  expect(await run("exchanges", "list", "--status", "ok")).toMatchObject({ code: 2 });
  expect(await run("exchanges", "get", "sk-weir-0123456789")).toMatchObject({ code: 2 });
  expect(await run("exchanges", "get", crypto.randomUUID())).toMatchObject({ code: 1, stderr: matching(/not found/) });
  expect(await run("usage", "--by", "colour")).toMatchObject({ code: 1, stderr: matching(/group_by must be/) });
}, 30_000);

test("tail shows what ends, comes back after the gateway did, and Ctrl-C ends it with 0", async () => {
  const port = await findFreePort();
  let gateway = await start(port);
  const child = Bun.spawn([...home.command("manage", "exchanges", "tail", "--json")], {
    cwd: home.path,
    env: { ...home.env, ...env(gateway.url) },
    stdout: "pipe",
    stderr: "pipe",
  });
  const seen = { out: "", err: "" };
  const keep = async (stream: ReadableStream<Uint8Array>, name: "out" | "err") => {
    for await (const part of stream) seen[name] += new TextDecoder().decode(part);
  };
  const reading = [keep(child.stdout, "out"), keep(child.stderr, "err")];
  await heard(gateway.url, 0);
  await gateway.stop();
  await waitFor(() => seen.err.includes("The connection was lost"), "Nothing is said of the loss", 20_000);
  await gateway[Symbol.asyncDispose]();
  gateway = await start(port);
  await waitFor(
    () => seen.err.includes("there again"),
    () => `It doesn't come back: ${seen.err}`,
    20_000,
  );
  await heard(gateway.url, linesOf(seen.out).length);
  child.kill("SIGINT");
  expect(await child.exited).toBe(0);
  await Promise.all(reading);
  await gateway[Symbol.asyncDispose]();

  /** The whole lines of a text. */
  function linesOf(text: string): readonly string[] {
    return text.split("\n").slice(0, -1);
  }

  /** Calls until it shows another line than those before. */
  async function heard(url: string, before: number): Promise<void> {
    const line = await waitFor(
      async () => {
        await call(url, "hi");
        return linesOf(seen.out)[before];
      },
      () => `Nothing is heard: ${seen.err}`,
    );
    expect(JSON.parse(line)).toMatchObject({
      event: "exchange",
      model: "gpt-4o-mini",
      status: 200,
      user: "ada",
    });
  }
}, 60_000);

test("where there is no gateway it ends with 3", async () => {
  const port = await findFreePort();
  for (const command of ["tail", "list"]) {
    const ended = await home.weir(["manage", "exchanges", command], env(`http://127.0.0.1:${port}`));
    expect([command, ended.code]).toEqual([command, 3]);
  }
}, 30_000);

test("a gateway that stops doesn't wait for who watches", async () => {
  await using gateway = await start();
  const answer = await fetch(`${gateway.url}/manage/exchanges/live`, {
    headers: { authorization: `Bearer ${managementToken}` },
  });
  const reader = answer.body?.getReader();
  await reader?.read();
  const since = performance.now();
  const [code] = await Promise.all([gateway.stop(), reader?.read()]);
  // It waits 30 s for what is in flight.
  expect([code, performance.now() - since < 15_000]).toEqual([0, true]);
}, 30_000);
