import { expect, test } from "bun:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { openai } from "../providers/index.ts";
import { isSound } from "./caching-entry.ts";
import { createRoutes } from "./route.ts";

const place = { method: "POST", path: "/v1/chat/completions", search: "", headers: {} };
const answer = JSON.stringify({ id: "c1", choices: [{ index: 0, message: { content: "Hi" } }] });

function isKept(body: Uint8Array, encoding = ""): boolean {
  const route = createRoutes([openai], "openai")(place);
  if (!route) throw new Error("There is no such route");
  return isSound(
    { route, method: "POST" },
    { headers: { "content-type": "application/json", "content-encoding": encoding }, body },
  );
}

test("an answer is judged unpacked, and one that can't be unpacked within a bound isn't sound", () => {
  expect(isKept(Buffer.from(answer))).toBe(true);
  expect(isKept(gzipSync(answer), "gzip")).toBe(true);
  expect(isKept(gzipSync('{"error":{"message":"no"}}'), "gzip")).toBe(false);
  expect(isKept(Buffer.from(answer), "compress")).toBe(false);
  expect(isKept(brotliCompressSync(Buffer.concat([Buffer.from(answer), Buffer.alloc(33_000_000, " ")])), "br")).toBe(
    false,
  );
});
