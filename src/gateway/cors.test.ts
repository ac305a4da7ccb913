import { expect, test } from "bun:test";
import { createCors } from "./cors.ts";

const asked = {
  origin: "https://app.example.com",
  "access-control-request-method": "POST",
  "access-control-request-headers": "x-a, authorization",
};

test("a preflight is answered with what was asked for", () => {
  const answer = createCors(["*"]).preflight(new Headers(asked));
  expect(answer?.status).toBe(204);
  expect(answer?.headers.get("access-control-allow-origin")).toBe("*");
  expect(answer?.headers.get("access-control-allow-headers")).toBe("x-a, authorization");
  expect(answer?.headers.get("access-control-max-age")).toBe("86400");
  expect(answer?.headers.has("vary")).toBe(false);
});

test("any other OPTIONS is no preflight", () => {
  const cors = createCors(["*"]);
  expect(cors.preflight(new Headers({ origin: "https://a.example" }))).toBeUndefined();
  expect(cors.preflight(new Headers({ "access-control-request-method": "POST" }))).toBeUndefined();
});

test("an origin that is not on the list gets no leave, and caches are told that answers differ", () => {
  const cors = createCors(["https://app.example.com"]);
  const stranger = cors.preflight(new Headers({ ...asked, origin: "https://evil.example" }));
  expect(stranger?.headers.has("access-control-allow-origin")).toBe(false);
  expect(stranger?.headers.get("vary")).toBe("Origin");
  const known = new Headers();
  cors.apply("https://app.example.com", known);
  expect(known.get("access-control-allow-origin")).toBe("https://app.example.com");
});

test("an upstream's own headers give way, and exactly the readable headers of this answer are named", () => {
  const answer = new Headers({
    "access-control-allow-origin": "https://other.example",
    "access-control-allow-credentials": "true",
    "x-weir-exchange-id": "1",
    "x-ratelimit-limit-requests": "2",
    "retry-after": "3",
    "content-type": "text/plain",
  });
  createCors(["*"]).apply("https://app.example.com", answer);
  expect(answer.get("access-control-allow-origin")).toBe("*");
  expect(answer.has("access-control-allow-credentials")).toBe(false);
  expect(answer.get("access-control-expose-headers")?.split(", ").toSorted()).toEqual([
    "retry-after",
    "x-ratelimit-limit-requests",
    "x-weir-exchange-id",
  ]);
});
