import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Policy } from "../domain/policy.ts";
import { Refusal } from "../domain/refusal.ts";
import { compileGlobs } from "../lib/glob.ts";
import type { HeaderValues } from "./arrival.ts";
import { checkPolicyHead, compilePolicy, findRules } from "./policy.ts";

type Head = {
  readonly method?: string;
  readonly path?: string;
  readonly search?: string;
  readonly headers?: HeaderValues;
};

/** Why the policies refuse a head; `undefined` where it passes. */
function refusal(policies: readonly Policy[], head: Head): Refusal | undefined {
  const { method = "POST", path = "/v1/models", search = "", headers = {} } = head;
  const compiled = policies.map(compilePolicy).filter((policy) => policy !== undefined);
  try {
    checkPolicyHead({ policies: compiled, needBody: false }, { method, headers, search }, path);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

const codeOf = (policy: Policy, head: Head) => refusal([policy], head)?.code;

test("without a policy, a grant's or a route's, there are no rules", () => {
  expect(findRules({ probe: false }, {})).toBeUndefined();
  expect(compilePolicy({})).toBeUndefined();
});

test("rules are the provider's, the project's and the token's together, and a probe has none", () => {
  const policy = compilePolicy({ allowedMethods: ["POST"] });
  const own = compilePolicy({ paramWhitelist: { model: ["a"] } });
  if (!policy || !own) throw new Error("Both say something");
  const allowedModels = compileGlobs(["a"]);
  expect(findRules({ policy, probe: false }, {})).toEqual({ policies: [policy], needBody: false });
  expect(findRules({ policy, probe: false }, { policy: own })).toMatchObject({
    policies: [policy, own],
    needBody: true,
  });
  expect(findRules({ probe: false }, { allowedModels })).toEqual({ policies: [], allowedModels, needBody: true });
  expect(findRules({ policy, probe: true }, { policy: own, allowedModels })).toBeUndefined();
});

test("every policy must let a call pass", () => {
  const policies: Policy[] = [{ allowedMethods: ["GET", "POST"] }, { allowedMethods: ["GET"] }];
  expect(refusal(policies, { method: "GET" })).toBeUndefined();
  expect(refusal(policies, { method: "POST" })).toMatchObject({
    code: "method_not_allowed",
    headers: { allow: "GET" },
  });
  expect(refusal(policies.toReversed(), { method: "PUT" })?.headers).toEqual({ allow: "GET" });
});

test("a method that isn't named is refused with those that are", () => {
  const policy = { allowedMethods: ["GET", "POST"] };
  for (const method of policy.allowedMethods) expect(codeOf(policy, { method })).toBeUndefined();
  for (const method of ["DELETE", "HEAD", "OPTIONS", "PUT"]) {
    expect(refusal([policy], { method })).toMatchObject({ status: 405, headers: { allow: "GET, POST" } });
  }
});

test("a method that stands in a header counts as well", () => {
  const policy = { allowedMethods: ["GET", "POST"] };
  for (const name of ["x-http-method-override", "x-http-method", "x-method-override"]) {
    expect(codeOf(policy, { headers: { [name]: "delete" } })).toBe("method_not_allowed");
    expect(codeOf(policy, { headers: { [name]: " get " } })).toBeUndefined();
    expect(codeOf({}, { headers: { [name]: "DELETE" } })).toBeUndefined();
  }
});

test("a method that stands in the query counts as well, and headers that stand there may be one", () => {
  const policy = { allowedMethods: ["GET", "POST"] };
  for (const search of [
    "?$httpMethod=DELETE",
    "?a=1&%24httpMethod=delete",
    "?$HTTPMETHOD=GET&$httpMethod=PATCH",
    "?_method=DELETE",
    "?$httpHeaders=X-HTTP-Method-Override:DELETE",
  ]) {
    expect([search, codeOf(policy, { search })]).toEqual([search, "method_not_allowed"]);
    expect(codeOf({ allowedEndpoints: ["/v1/models"] }, { search })).toBeUndefined();
  }
  for (const search of ["?%24httpMethod=get", "?_method=POST", "?method=DELETE", "?q=$httpMethod", "?%zz"])
    expect([search, codeOf(policy, { search })]).toEqual([search, undefined]);
});

const policy: Policy = { allowedEndpoints: ["/v1/models", "/v1/chat/completions/"] };

test.each([
  "/v1/models",
  "/v1/models/",
  "/v1/models/gpt-4o",
  "/v1/models//gpt-4o",
  "/v1/models/org%2Fname",
  "/v1/models/a..b/...",
  "/v1/models/a%25",
  "/v1/models#anchor",
  "/v1/%6dodel%73/x",
  "/v1/models/%C3%A4",
  "/v1/chat/completions",
])("%s is allowed", (path) => {
  expect(codeOf(policy, { path })).toBeUndefined();
});

test.each([
  "/",
  "/v1",
  "/v1/evil",
  "/v1/modelsX",
  "/v1/model",
  "/V1/models",
  "/v1//models",
  "//v1/models",
  "/evil/v1/models",
  "/v1/chat",
  "/v1%2fmodels",
  "/v1/models;/evil",
  "/v1/models/../evil",
  "/v1/models/%2e%2e/evil",
  "/v1/models/%2E%2e%2Fevil",
  "/v1/models/..%2fevil",
  "/v1/models/%252e%252e%252fevil",
  "/v1/models/%25252e%25252e%25252fevil",
  "/v1/models/%2525252e%2525252e%2525252fevil",
  "/v1/models\\..\\evil",
  "/v1/models/..%5cevil",
  "/v1/models/..;/evil",
  "/v1/models/.%00./evil",
  "/v1/models/%c0%ae%c0%ae/evil",
  "/v1/models/%zz",
  "/v1/evil#/v1/models",
])("%s is not allowed", (path) => {
  expect(codeOf(policy, { path })).toBe("endpoint_not_allowed");
});

/** How servers may read a path: what they decode, whether a backslash is a slash, and whether a segment ends at its semicolon. */
function readings(path: string): readonly string[] {
  const decoded: string[] = [];
  let text = path.split("#")[0] ?? "";
  for (let times = 0; times < 3; times += 1) {
    try {
      text = decodeURIComponent(text);
    } catch {
      break;
    }
    decoded.push(text);
  }
  const slashed = decoded.flatMap((one) => [one, one.replaceAll("\\", "/")]);
  return slashed.flatMap((one) => [one, one.replaceAll(/;[^/]*/g, "")]).map(resolve);
}

function resolve(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "." && segment !== "") kept.push(segment);
  }
  return `/${kept.join("/")}`;
}

const pieces = fc.constantFrom(
  ..."/ / v1 models evil . .. %2e %2E%2e %2f %5c %252e %252f %25 %2525 \\ ; # %00 %zz a // /v1/models/ /v1/models".split(
    " ",
  ),
);

test("nothing gets around allowed_endpoints, whoever reads the path in whatever way", () => {
  let passed = 0;
  const paths = fc.tuple(fc.constantFrom("/", "/v1/", "/v1/models", "/v1/models/"), fc.array(pieces, { maxLength: 8 }));
  fc.assert(
    fc.property(paths, ([start, rest]) => {
      const path = start + rest.join("");
      if (codeOf({ allowedEndpoints: ["/v1/models"] }, { path }) !== undefined) return;
      passed += 1;
      for (const reading of readings(path))
        expect([path, `${reading}/`]).toEqual([path, expect.stringMatching(/^\/v1\/models\//)]);
    }),
    { numRuns: 50_000 },
  );
  expect(passed).toBeGreaterThan(500);
});

test("an origin has to be one of those, where one came", () => {
  const origins = { allowedOrigins: ["https://app.example.com"] };
  expect(codeOf(origins, {})).toBeUndefined();
  expect(codeOf(origins, { headers: { origin: "https://app.example.com" } })).toBeUndefined();
  for (const origin of [
    "https://evil.example",
    "https://app.example.com.evil.example",
    "null",
    "",
    "https://APP.example.com",
  ])
    expect(codeOf(origins, { headers: { origin } })).toBe("origin_not_allowed");
  expect(codeOf({ allowedOrigins: ["*"] }, { headers: { origin: "https://evil.example" } })).toBeUndefined();
});

test("a header that is required must be there, and the refusal names it", () => {
  const required = { requiredHeaders: ["Origin", "x-team"], allowedOrigins: ["https://app.example.com"] };
  const origin = "https://app.example.com";
  expect(codeOf(required, { headers: { origin, "x-team": "a" } })).toBeUndefined();
  expect(refusal([required], { headers: { "x-team": "a" } })).toMatchObject({
    code: "header_required",
    status: 400,
    message: expect.stringContaining("origin"),
  });
  expect(refusal([required], { headers: { origin } })?.message).toContain("x-team");
  expect(codeOf(required, { headers: { origin, "x-team": " " } })).toBe("header_required");
  expect(codeOf(required, { headers: { origin: "https://evil.example", "x-team": "a" } })).toBe("origin_not_allowed");
  expect(codeOf({ requiredHeaders: ["constructor"] }, {})).toBe("header_required");
});
