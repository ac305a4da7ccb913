import { expect, test } from "bun:test";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { startMock } from "../../src/mock/mock-provider.ts";
import { run } from "../runtime-contract/child.ts";

const keys = { OPENAI_API_KEY: "sk-canary-openai-1Qz", GEMINI_API_KEY: "canary-gemini-2Wx" };

/** Runs `npm run test:live` with all providers at one place. */
async function runLive(url: string, env: Readonly<Record<string, string>>) {
  const { code, stdout, stderr } = await run(["sh", "-c", manifest.scripts["test:live"]], {
    cwd: join(import.meta.dir, "../.."),
    env: {
      PATH: process.env["PATH"] ?? "",
      UPSTREAM_BASE_URL: url,
      ANTHROPIC_BASE_URL: url,
      GEMINI_BASE_URL: url,
      ...env,
    },
  });
  const output = stdout + stderr;
  const leaked = Object.values(keys).filter((key) => output.includes(key));
  return { code, output, leaked };
}

test("test:live passes where providers answer as they should, skips by name what has no key, and prints none", async () => {
  const mock = startMock({ port: 0 });
  try {
    const { code, output, leaked } = await runLive(mock.url, keys);
    expect(output).toMatch(/\(pass\) openai gives an answer.*\n\(pass\) openai gives a stream/);
    expect(output).toMatch(/\(skip\) anthropic gives a stream.* \(skipped: needs ANTHROPIC_API_KEY\)/);
    expect(output).toMatch(/\n +4 pass\n +2 skip\n +0 fail\n/);
    expect([code, leaked]).toEqual([0, []]);
  } finally {
    mock.stop();
  }
}, 20_000);

test("test:live fails with what a provider says against a key, without the key", async () => {
  const key = keys.OPENAI_API_KEY;
  const stars = `${key.slice(0, 12)}***${key.slice(-3)}`;
  using provider = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => Response.json({ error: { message: `Wrong keys: ${key} and ${stars}. Get one.` } }, { status: 401 }),
  });
  const { code, output, leaked } = await runLive(provider.url.origin, { OPENAI_API_KEY: key });
  expect(output).toContain('openai answered 401: {"error":{"message":"Wrong keys: [key] and [key] Get one."}}');
  expect(output).not.toContain(stars);
  expect([code, leaked]).toEqual([1, []]);
}, 20_000);
