// What a newcomer does, from nothing but a clone: start it, call a model through it, find the record, stop it. Then the same for the npm package.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "weir-smoke-"));
const children = [];

try {
  await tryClone(join(folder, "clone"));
  tryPackage(join(folder, "package"));
} catch (error) {
  console.error(`smoke test failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  for (const { pid, exitCode } of children) if (exitCode === null) stopGroup(pid);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function tryClone(clone) {
  execFileSync("git", ["clone", "--quiet", root, clone]);
  const [port, mockPort] = [await findFreePort(), await findFreePort()];
  const environment = { PORT: port, UPSTREAM_BASE_URL: `http://127.0.0.1:${mockPort}` };

  const began = Date.now();
  const weir = start(clone, ["npm", "start"], environment);
  await waitFor(`http://127.0.0.1:${port}/live`, weir);
  console.log(`npm start: from a clean clone to /live in ${((Date.now() - began) / 1000).toFixed(1)} s`);

  const mock = start(clone, ["node", "scripts/weir.mjs", "mock", "--port", mockPort], {});
  await waitFor(`http://127.0.0.1:${mockPort}/__mock/stats`, mock);
  const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer smoke", "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello" }] }),
  });
  const body = await answer.json();
  expect(
    answer.status === 200 && body.choices?.length > 0,
    `the call was answered ${answer.status} ${JSON.stringify(body)}`,
  );
  const id = answer.headers.get("x-weir-exchange-id");
  await waitUntil(() => isRecorded(join(clone, "data"), id), "the exchange was not recorded in data/ within 10 s");
  console.log(`one call, recorded as ${id}`);

  const stopping = Date.now();
  weir.kill("SIGTERM");
  const code = await exitOf(weir);
  expect(code === 0, `npm start ended with ${code} after SIGTERM`);
  console.log(`SIGTERM: exit 0 after ${Date.now() - stopping} ms`);
}

function tryPackage(place) {
  execFileSync("mkdir", ["-p", place]);
  const [{ filename }] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--pack-destination", place, "--loglevel=error"], { cwd: root }),
  );
  writeFileSync(join(place, "package.json"), "{}");
  execFileSync("npm", ["install", "--loglevel=error", join(place, filename)], { cwd: place });
  const version = execFileSync("npx", ["weir", "--version"], { cwd: place, encoding: "utf8" }).trim();
  const expected = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;
  expect(version === expected, `the package says it is ${version}, not ${expected}`);
  console.log(`the npm package starts: ${version}`);
}

/** Starts a program in a process group of its own, with an environment that no setting of this machine's gets into. */
function start(cwd, [command, ...args], environment) {
  const { PATH, HOME } = process.env;
  const npm = Object.entries(process.env).filter(([name]) =>
    /^(?:npm_config_|NODE_EXTRA_CA_CERTS$|https?_proxy$)/i.test(name),
  );
  const env = { PATH, HOME, ...Object.fromEntries(npm), ...environment };
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", "inherit", "inherit"] });
  children.push(child);
  return child;
}

async function waitFor(url, child) {
  await waitUntil(
    async () => {
      expect(child.exitCode === null, `it ended with ${child.exitCode}`);
      return fetch(url).then(
        ({ ok }) => ok,
        () => false,
      );
    },
    `${url} did not answer within 120 s`,
    120_000,
  );
}

async function waitUntil(done, otherwise, limit = 10_000) {
  const end = Date.now() + limit;
  while (!(await done())) {
    expect(Date.now() < end, otherwise);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isRecorded(data, id) {
  const logs = readdirSync(data).filter((name) => name.endsWith(".jsonl"));
  return logs.some((name) => readFileSync(join(data, name), "utf8").includes(`"${id}"`));
}

async function exitOf(child) {
  if (child.exitCode === null) await once(child, "exit");
  return child.exitCode;
}

function stopGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

async function findFreePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return String(port);
}

function expect(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}
