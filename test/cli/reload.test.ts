import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { startWeir, waitFor, type Weir } from "../weir.ts";
import { containing, makeHome } from "./program.ts";

const answer = (text: string) => ({
  id: "r",
  model: "gpt-4o-mini",
  choices: [{ index: 0, message: { role: "assistant", content: text } }],
});

/** An upstream that names itself; `/v1/slow/…` streams for as long as `hold` isn't over. */
function openUpstream(name: string, hold: Promise<void> = Promise.resolve()) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      if (!request.url.includes("/slow")) return Response.json(answer(name));
      const body = async function* () {
        yield "begun ";
        await hold;
        yield name;
      };
      return new Response(body(), { headers: { "content-type": "text/plain" } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, [Symbol.dispose]: () => void server.stop(true) };
}

/** Asks with a credential, or with none where it is empty. */
function call(weir: Weir, credential: string): Promise<Response> {
  return fetch(`${weir.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...(credential && { authorization: `Bearer ${credential}` }), "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Who?" }] }),
  });
}

const ask = async (weir: Weir) => (await call(weir, "x")).text();

async function statusOf(weir: Weir, credential = ""): Promise<number> {
  const got = await call(weir, credential);
  await got.text();
  return got.status;
}

const files = (weir: Weir) => dirname(weir.dataDir);
const linesOf = (path: string) => readFileSync(path, "utf8").split("\n").slice(0, -1);

/** Writes `weir.yaml`, or another file, asks for a reload, and waits for what the log says of it. */
async function reload(weir: Weir, text: string, says: string, file = "weir.yaml"): Promise<string> {
  const from = weir.lines.length;
  writeFileSync(join(files(weir), file), text);
  weir.signal("SIGHUP");
  return waitFor(
    () => weir.lines.slice(from).find((line) => line.includes(says)),
    () => `The log does not say "${says}":\n${weir.output()}`,
  );
}

test("on SIGHUP providers, sinks and the log level change, what is under way goes on, and no record is missing", async () => {
  const held = Promise.withResolvers<void>();
  using first = openUpstream("first", held.promise);
  using second = openUpstream("second");
  const yamlOf = (url: string, sink: string, rest = "") =>
    `providers: { openai: { base_url: "${url}" } }\nsinks: { file: { path: ${sink} } }\n${rest}`;
  await using weir = await startWeir({ files: { "weir.yaml": yamlOf(first.url, "before.jsonl") } });

  expect(await ask(weir)).toContain("first");
  const running = fetch(`${weir.url}/v1/slow`, { headers: { authorization: "Bearer x" } });
  const reader = (await running).body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("begun ");

  const load = Promise.all(Array.from({ length: 200 }, () => ask(weir)));
  await reload(weir, yamlOf(second.url, "after.jsonl", "log: { level: debug }\n"), "the configuration was changed");
  const answers = await load;
  expect(await ask(weir)).toContain("second");
  await waitFor(() => weir.lines.some((line) => line.includes('"level":"debug"')), "Nothing is logged at debug");
  held.resolve();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("first");

  await weir.stop();
  const records = ["before.jsonl", "after.jsonl"].flatMap((name) => linesOf(join(files(weir), name)));
  expect(new Set(records.map((line) => (JSON.parse(line) as { id: string }).id)).size).toBe(records.length);
  expect(records.length).toBe(answers.length + 3);
  expect(linesOf(join(files(weir), "after.jsonl")).length).toBeGreaterThan(1);
  expect(readFileSync(join(weir.dataDir, "audit.log"), "utf8")).toContain('"action":"config.reload"');
}, 30_000);

test("a configuration with faults, or whose sinks can't be opened, changes nothing, and the log says why", async () => {
  using upstream = openUpstream("first");
  const good = `providers: { openai: { base_url: "${upstream.url}" } }\n`;
  const managementToken = "a-management-token";
  await using weir = await startWeir({
    files: { "weir.yaml": good, "a file": "" },
    env: { MANAGEMENT_TOKEN: managementToken, AUTH_MODE: "open" },
  });
  const faults = await reload(weir, `${good}no_such_setting: 1\n`, "has faults");
  expect(faults).toContain("no_such_setting");
  const sink = await reload(weir, `${good}sinks: { file: { path: "a file/x.jsonl" } }\n`, "can't be changed");
  expect(sink).toContain("a file/x.jsonl");
  const shown = await fetch(`${weir.url}/manage/config`, { headers: { authorization: `Bearer ${managementToken}` } });
  expect(await shown.text()).not.toContain("a file/x.jsonl");
  expect(await ask(weir)).toContain("first");
  await weir.waitForRecord(({ outcome }) => outcome === "answered");
  expect(await reload(weir, `${good}telemetry: { durability: strict }\n`, "from the next start on")).toContain(
    "DURABILITY",
  );
  expect(await ask(weir)).toContain("first");
}, 30_000);

test("who may call is judged by the address that is in effect", async () => {
  using upstream = openUpstream("first");
  const paid = `UPSTREAM_BASE_URL=${upstream.url}\nUPSTREAM_API_KEY=sk-operator\n`;
  await using weir = await startWeir({ files: { ".env": `${paid}HOST=0.0.0.0\nPROXY_API_KEY=the-gate-key\n` } });
  const refused = await reload(weir, `${paid}HOST=127.0.0.1\n`, "has faults", ".env");
  expect(refused).toContain("UPSTREAM_API_KEY would pay for anybody who reaches 0.0.0.0");
  expect(JSON.parse(refused)).toMatchObject({ from_next_start: ["HOST"] });
  expect(await statusOf(weir)).toBe(401);
  expect(await statusOf(weir, "the-gate-key")).toBe(200);
  // With its key it may be changed to, and is open to nobody more.
  const kept = await reload(weir, `${paid}HOST=127.0.0.1\nPROXY_API_KEY=another-key\n`, "next start on", ".env");
  expect(JSON.parse(kept)).toMatchObject({ settings: ["HOST"] });
  await waitFor(async () => (await statusOf(weir, "another-key")) === 200, "The new gate key opens nothing");
  expect(await statusOf(weir, "the-gate-key")).toBe(401);
  // What the next start could not run with is refused too, though nothing of it would hold now.
  await reload(weir, `${paid}HOST=127.0.0.1\nPROXY_API_KEY=k\nDB_DRIVER=postgres\n`, "DATABASE_URL must", ".env");
}, 30_000);

test("the mode that follows from MANAGEMENT_TOKEN changes with it, at the next start", async () => {
  using upstream = openUpstream("first");
  const paid = `UPSTREAM_BASE_URL=${upstream.url}\nUPSTREAM_API_KEY=sk-operator\n`;
  const managed = `${paid}MANAGEMENT_TOKEN=a-management-token\n`;
  for (const [before, after, status] of [
    [paid, managed, 200],
    [managed, paid, 401],
  ] as const) {
    await using weir = await startWeir({ files: { ".env": before } });
    expect(await statusOf(weir)).toBe(status);
    const from = weir.lines.length;
    await reload(weir, after, "the configuration was changed", ".env");
    expect(weir.lines.slice(from).join("\n")).toContain('"settings":["MANAGEMENT_TOKEN"]');
    expect(await statusOf(weir)).toBe(status);
  }
}, 30_000);

test("a gateway without a pid file says which process takes the signal, and weir reload where to read it", async () => {
  await using weir = await startWeir();
  const line = weir.lines.find((each) => each.includes('"listening"')) ?? "";
  expect(JSON.parse(line)).toMatchObject({ process_id: weir.pid });
  await using home = await makeHome();
  const { code, stderr } = await home.weir(["reload"], { DATA_DIR: weir.dataDir });
  expect([code, stderr]).toEqual([1, containing("process_id in its log")]);
});

test("whose word on addresses counts changes for the management too", async () => {
  const managed = "MANAGEMENT_TOKEN=a-management-token\n";
  await using weir = await startWeir({ files: { ".env": `${managed}TRUSTED_PROXIES=127.0.0.0/8\n` } });
  const manage = (path: string) =>
    fetch(`${weir.url}/manage/${path}`, {
      headers: { authorization: "Bearer a-management-token", "x-forwarded-for": "203.0.113.9" },
    });
  const lastAddress = async () => {
    expect((await manage("config")).status).toBe(200);
    return (await manage("audit?action=config.read&limit=1")).json();
  };
  expect(await lastAddress()).toMatchObject({ audit: [{ client_ip: "203.0.113.9" }] });
  await reload(weir, `${managed}TRUSTED_PROXIES=192.0.2.0/24\n`, "the configuration was changed", ".env");
  expect(await lastAddress()).toMatchObject({ audit: [{ client_ip: "127.0.0.1" }] });
}, 30_000);
