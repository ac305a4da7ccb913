import { expect, test } from "bun:test";

const main = `${import.meta.dir}/main.ts`;

test("weir mock says where it listens, answers there, and ends with 0 on SIGTERM", async () => {
  const child = Bun.spawn([process.execPath, main, "mock", "--port", "0", "--latency", "1"], { stdout: "pipe" });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const text = new TextDecoder().decode(value);
  const url = /listens on (http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.[1] ?? "";
  expect(text.match(/curl http/g)?.length).toBe(4);
  expect((await fetch(url, { method: "HEAD" })).status).toBe(200);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
});

test("weir mock refuses what is no port and no share with 2", async () => {
  for (const flags of [
    ["--port", "70000"],
    ["--chaos", "2"],
  ]) {
    const child = Bun.spawn([process.execPath, main, "mock", ...flags], { stdout: "ignore", stderr: "pipe" });
    expect(await child.exited).toBe(2);
  }
});
