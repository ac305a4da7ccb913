import { expect, test } from "bun:test";
import { Refusal, refusalCodes, statusOf } from "./refusal.ts";

test("a refusal has the catalogue's status and a message that says what to do", () => {
  const refusal = new Refusal("token_expired");
  expect(refusal).toBeInstanceOf(Error);
  expect(refusal.status).toBe(401);
  expect(refusal.message).toBe("This token has expired. Ask for a new one.");
  expect(refusal.headers).toEqual({});
});

test("a better message, headers and the cause are kept", () => {
  const cause = new Error("ECONNREFUSED");
  const refusal = new Refusal("method_not_allowed", { message: "Use POST", headers: { allow: "POST" }, cause });
  expect(refusal.message).toBe("Use POST");
  expect(refusal.headers).toEqual({ allow: "POST" });
  expect(refusal.cause).toBe(cause);
  expect("cause" in new Refusal("internal_error")).toBe(false);
});

test("a quota that never renews is not to be retried, and what passes by itself is", () => {
  expect(new Refusal("quota_exceeded").headers).toEqual({ "x-should-retry": "false" });
  expect(new Refusal("concurrency_exceeded").headers).toEqual({ "retry-after": "1" });
  expect(new Refusal("draining", { headers: { "retry-after": "5" } }).headers).toEqual({ "retry-after": "5" });
});

test("every code has an error's status, and its message is two sentences at least", () => {
  expect(refusalCodes.length).toBeGreaterThan(25);
  for (const code of refusalCodes) {
    expect(statusOf(code)).toBeGreaterThanOrEqual(400);
    expect(new Refusal(code).message).toMatch(/^[A-Z].+[.] [A-Z].+[.]$/);
  }
});
