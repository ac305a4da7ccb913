import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { createChildren } from "./children.ts";
import { compileLoad, runLoad } from "./load.ts";
import type { LoadPlan, LoadResult } from "./load.ts";
import { freePort } from "./ports.ts";

const canCompile = process.platform === "linux" && Bun.which("cc") !== null;

describe.skipIf(!canCompile)("the load tool", () => {
  const dir = mkdtempSync(`${tmpdir()}/weir-load-`);
  const children = createChildren();
  const calls: LoadPlan = { mode: "rps", connections: 2, seconds: 0.2, warm: 0 };
  const streams: LoadPlan = { ...calls, mode: "streams", chunks: 10, intervalMs: 2 };
  let program = "";

  beforeAll(() => {
    program = compileLoad(dir);
  });
  afterAll(() => {
    children.killAll();
    rmSync(dir, { recursive: true });
  });

  /** Loads a gateway that does this to every answer. */
  async function loadThrough(plan: LoadPlan, change: (body: string) => Response): Promise<LoadResult> {
    const upstream = freePort();
    using gateway = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => {
        const body = await request.text();
        const answer = await fetch(`http://127.0.0.1:${upstream}/v1/chat/completions`, { method: "POST", body });
        return change(await answer.text());
      },
    });
    return await runLoad(
      { program, core: undefined, run: children.run },
      upstream,
      { port: gateway.port ?? 0, credential: "any" },
      plan,
    );
  }

  test("finds nothing wrong with a gateway that changes nothing", async () => {
    const plain = await loadThrough(calls, (body) => new Response(body));
    const streamed = await loadThrough(streams, (body) => new Response(body));
    expect(plain).toMatchObject({ failed: 0 });
    expect(streamed).toMatchObject({ failed: 0, chunks: streamed.calls * 10 });
    expect(Math.min(plain.calls, streamed.calls)).toBeGreaterThan(2);
  });

  test("counts a status that isn't 200", async () => {
    const result = await loadThrough(calls, (body) => new Response(body, { status: 503 }));
    expect(result).toMatchObject({ calls: 0, failures: { status: result.failed } });
    expect(result.failed).toBeGreaterThan(0);
  });

  test("counts an answer that is a byte short", async () => {
    const result = await loadThrough(calls, (body) => new Response(body.slice(1)));
    expect(result).toMatchObject({ calls: 0, failures: { body: result.failed } });
    expect(result.failed).toBeGreaterThan(0);
  });

  test("counts a stream with two chunks in the wrong order", async () => {
    const swap = (body: string) => body.replace(/(data: .*\n\n)(data: .*\n\n)/, "$2$1");
    const result = await loadThrough(streams, (body) => new Response(swap(body)));
    expect(result).toMatchObject({ calls: 0, failures: { body: result.failed } });
    expect(result.failed).toBeGreaterThan(0);
  });

  test("counts a stream without its terminator", async () => {
    const result = await loadThrough(streams, (body) => new Response(body.replace("data: [DONE]\n\n", "")));
    expect(result).toMatchObject({ calls: 0, failures: { body: result.failed } });
    expect(result.failed).toBeGreaterThan(0);
  });
});
