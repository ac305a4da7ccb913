import { expect, test } from "bun:test";
import { readArrival, traceIdOf } from "./arrival.ts";

const clock = { now: () => 1_700_000_000_000, elapsed: () => 5 };

function arrive(headers: Record<string, string>, url = "http://127.0.0.1:3000/v1/a%2Fb?x=1&y=%20") {
  const request = new Request(url, { headers });
  return readArrival(
    request,
    { request, since: 5, deadline: 0, onOver: () => {}, onLasting: undefined, held: false, place: -1 },
    clock,
  );
}

test("an exchange is a trace of its own where nobody names one", () => {
  const { id, traceId, spanId } = arrive({});
  expect(traceId).toBe(id.replaceAll("-", ""));
  expect(traceId.endsWith(spanId)).toBe(true);
  expect(spanId).toMatch(/^[0-9a-f]{16}$/);
});

test("path and query stay as they came", () => {
  expect(arrive({})).toMatchObject({ path: "/v1/a%2Fb", search: "?x=1&y=%20" });
  expect(arrive({}, "http://127.0.0.1:3000/")).toMatchObject({ path: "/", search: "" });
});

test("a request id that is a UUID or 32 hex digits is the trace id, any other text gives one", () => {
  expect(traceIdOf("0190F5E8-0000-7000-8000-00000000000A")).toBe("0190f5e800007000800000000000000a");
  expect(traceIdOf("abcdef0123456789abcdef0123456789")).toBe("abcdef0123456789abcdef0123456789");
  expect(traceIdOf("order 66")).toBe(new Bun.CryptoHasher("sha256").update("order 66").digest("hex").slice(0, 32));
  expect(traceIdOf("0".repeat(32))).not.toBe("0".repeat(32));
  expect(traceIdOf("x".repeat(1000))).toMatch(/^[0-9a-f]{32}$/);
});

test("a traceparent is joined, and beside a request id it is only a link", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  expect(arrive({ traceparent })).toMatchObject({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    parentSpanId: "b7ad6b7169203331",
  });
  const both = arrive({ traceparent, "x-request-id": "abc" });
  expect(both.traceId).toBe(traceIdOf("abc"));
  expect(both.parentSpanId).toBeUndefined();
  expect(both.linkedTrace).toEqual({ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" });
});

test("a malformed traceparent is no trace", () => {
  for (const traceparent of [
    "",
    "x",
    `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  ]) {
    expect(arrive({ traceparent }).parentSpanId).toBeUndefined();
  }
});

test("attribution is read as UTF-8, and text that is none stays as it came", () => {
  const latin = (text: string) => Buffer.from(text).toString("latin1");
  expect(arrive({ "x-user-id": latin("Zoë"), "x-langfuse-tags": "a,b", "user-agent": "x" }).attribution).toEqual({
    "x-user-id": "Zoë",
    "x-langfuse-tags": "a,b",
  });
  expect(arrive({ "x-user-id": "caf\u00e9" }).attribution).toEqual({ "x-user-id": "caf\u00e9" });
});

test("what follows a hash is neither path nor query", () => {
  const at = "http://127.0.0.1:3000";
  expect(arrive({}, `${at}/v1/chat/completions#?x=1`)).toMatchObject({ path: "/v1/chat/completions", search: "" });
  expect(arrive({}, `${at}/v1/models?x=1#/y`)).toMatchObject({ path: "/v1/models", search: "?x=1" });
});
