import { expect, test } from "bun:test";
import { join } from "node:path";
import { makeFolder, run, runChild } from "./child.ts";

test("what is transferred to a worker is gone here and whole there", async () => {
  await using folder = await makeFolder({
    "worker.ts": `self.onmessage = ({ data }) => postMessage(data.map((bytes) => bytes.byteLength));`,
  });
  const worker = new Worker(join(folder.path, "worker.ts"));
  const answer = new Promise((resolve) => {
    worker.addEventListener("message", ({ data }: MessageEvent<unknown>) => resolve(data));
  });
  const bodies = [new Uint8Array(1 << 20), new Uint8Array(3)];
  worker.postMessage(
    bodies,
    bodies.map(({ buffer }) => buffer),
  );
  expect(bodies.map(({ byteLength }) => byteLength)).toEqual([0, 0]);
  expect(await answer).toEqual([1 << 20, 3]);
  worker.terminate();
});

/** Hands a worker a record of 64 KB ten thousand times, a few at once, and prints by how many MB that made the process grow. */
const manyTransfers = {
  "worker.ts": `self.onmessage = ({ data }) => postMessage(data.length);`,
  "main.ts": `
    const worker = new Worker(new URL("./worker.ts", import.meta.url));
    const send = () => { const body = new Uint8Array(65_536); worker.postMessage([body], [body.buffer]); };
    let acknowledged = 0, wanted = 0;
    let done;
    worker.onmessage = () => { if (++acknowledged === wanted) done(); else if (acknowledged + 8 <= wanted) send(); };
    const transfer = (count) => new Promise((resolve) => { done = resolve; wanted = acknowledged + count; for (let i = 0; i < 8; i++) send(); });
    await transfer(2000);
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    await transfer(10_000);
    Bun.gc(true);
    console.log(Math.round((process.memoryUsage.rss() - before) / 1048576));
    process.exit();`,
};

test("transferring 640 MB in small records leaves the memory flat", async () => {
  await using folder = await makeFolder(manyTransfers);
  const { stdout } = await run([process.execPath, join(folder.path, "main.ts")], { env: {}, cwd: folder.path });
  expect(Number(stdout)).toBeLessThan(64);
  expect(stdout).not.toBe("");
});

test("a worker that throws tells of it by an error event, a worker that ends by a close event, and the process lives", async () => {
  const { stdout, code } = await runChild(`
    if (Bun.isMainThread) {
      for (const how of ["throw", "exit"]) {
        const worker = new Worker(import.meta.url);
        const events = [];
        worker.addEventListener("error", (event) => { event.preventDefault(); events.push("error " + JSON.stringify(event.message)); });
        await new Promise((resolve) => { worker.addEventListener("close", resolve); worker.postMessage(how); });
        console.log(how, events.join());
      }
    } else self.onmessage = ({ data }) => { if (data === "throw") throw new Error("boo"); process.exit(3); };`);
  const [thrown, exited] = stdout.split("\n");
  expect(thrown).toContain("throw error");
  expect(thrown).toContain("boo");
  expect(exited).toStartWith("exit");
  expect(code).toBe(0);
});
