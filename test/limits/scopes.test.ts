import { describe, expect, test } from "bun:test";
import { faultOf } from "../storage.ts";
import { waitFor } from "../weir.ts";
import { type Asked, ask, askInTurn } from "./ask.ts";
import { openStage } from "./stage.ts";

const refused = "429 rate_limit_exceeded";
const passing = (count: number) => Array.from({ length: count }, () => "200");
const only = (count: number, of: number) => [...passing(count), ...Array.from({ length: of - count }, () => refused)];

describe("a user", () => {
  const yaml = "limits: { requests_per_minute: 50, overrides: { user: { alice: { requests_per_minute: 1 } } } }";
  const ways: Readonly<Record<string, Asked>> = {
    "a header": { headers: { "x-user-id": "alice" } },
    "OpenAI's user": { user: "alice" },
    "Anthropic's metadata": { family: "anthropic", user: "alice" },
  };
  for (const [what, way] of Object.entries(ways))
    test(`that is named by ${what} is bounded, and no other`, async () => {
      await using stage = await openStage({ yaml });
      expect((await stage.ask(way)).told).toBe("200");
      for (const again of Object.values(ways)) {
        const { told, limit } = await stage.ask(again);
        expect([told, limit.scope, limit.limit]).toEqual([refused, "user", 1]);
      }
      const bob = {
        ...way,
        ...(way.user === undefined ? {} : { user: "bob" }),
        ...(way.headers === undefined ? {} : { headers: { "x-user-id": "bob" } }),
      };
      expect(await askInTurn(5, () => stage.ask(bob))).toEqual(passing(5));
      expect(await askInTurn(5, () => stage.ask())).toEqual(passing(5));
    });

  test("whom a token was made for is bounded too, over all tokens", async () => {
    await using stage = await openStage({ yaml });
    const tokens = [await stage.mint({ user_id: "alice" }), await stage.mint({ user_id: "alice" })];
    expect(await askInTurn(2, (at) => stage.ask({ token: tokens[at] ?? "" }))).toEqual(only(1, 2));
    expect((await stage.ask(ways["a header"])).told).toBe(refused);
  });
});

test("a model's figure holds for each model that its glob means, and for nothing else", async () => {
  await using stage = await openStage({
    yaml: `limits: { overrides: { model: { "gpt-4o*": { requests_per_minute: 2 }, "gemini-2.5-*": { requests_per_minute: 1 } } } }`,
  });
  const one = (model: string, family: Asked["family"] = "openai") => stage.ask({ model, family });
  expect(await askInTurn(3, () => one("gpt-4o"))).toEqual(only(2, 3));
  expect((await one("gpt-4o")).limit).toMatchObject({ scope: "model", limit: 2, metric: "requests" });
  expect(await askInTurn(5, () => one("gpt-4.1"))).toEqual(passing(5));
  expect((await askInTurn(5, () => one("gpt-4o-mini"))).slice(2)).toEqual([refused, refused, refused]);
  expect(await askInTurn(2, () => one("gemini-2.5-pro", "gemini"))).toEqual(only(1, 2));
  expect(await askInTurn(3, () => one("gemini-3-pro", "gemini"))).toEqual(passing(3));
});

test("a provider's figure holds for it alone, whichever path leads to it", async () => {
  await using stage = await openStage({
    yaml: "limits: { requests_per_minute: 100, overrides: { provider: { gemini: { requests_per_minute: 2 } } } }",
  });
  expect((await stage.ask({ family: "gemini" })).told).toBe("200");
  const prefixed = "/gemini/v1beta/models/gemini-2.5-flash:generateContent";
  expect((await stage.ask({ family: "gemini", target: prefixed })).told).toBe("200");
  const { told, limit } = await stage.ask({ family: "gemini" });
  expect([told, limit.scope]).toEqual([refused, "provider"]);
  expect(await askInTurn(5, (at) => stage.ask({ family: at % 2 === 0 ? "openai" : "anthropic" }))).toEqual(passing(5));
});

describe("the figures of a token and a project", () => {
  test("each token has the base figure to itself", async () => {
    await using stage = await openStage({ env: { REQUESTS_PER_MINUTE: "2" } });
    const other = await stage.mint();
    expect(await askInTurn(3, () => stage.ask())).toEqual(only(2, 3));
    expect(await askInTurn(3, () => stage.ask({ token: other }))).toEqual(only(2, 3));
  });

  test("a token's own figure takes the place of the base, also where it is larger or unlimited", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 2 }" });
    const larger = await stage.mint({ limits: { requests_per_minute: 4 } });
    const smaller = await stage.mint({ limits: { requests_per_minute: 1 } });
    const unlimited = await stage.mint({ limits: { requests_per_minute: 0 } });
    const other = await stage.mint({ limits: { requests_per_day: 50 } });
    expect(await askInTurn(5, () => stage.ask({ token: larger }))).toEqual(only(4, 5));
    expect(await askInTurn(2, () => stage.ask({ token: smaller }))).toEqual(only(1, 2));
    expect(await askInTurn(9, () => stage.ask({ token: unlimited }))).toEqual(passing(9));
    expect(await askInTurn(3, () => stage.ask({ token: other }))).toEqual(only(2, 3));
  });

  test("a project's figure bounds all of its tokens together, and no larger one of theirs frees them from it", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 50 }" });
    const project = await stage.createProject({ limits: { requests_per_minute: 3 } });
    const tokens: string[] = [];
    for (const figure of [0, 100]) {
      const limits = { requests_per_minute: figure };
      tokens.push((await stage.createToken(project.id, { limits })).token);
    }
    expect(await askInTurn(5, (at) => stage.ask({ token: tokens[at % 2] ?? "" }))).toEqual(only(3, 5));
    expect((await stage.ask({ token: tokens[0] ?? "" })).limit).toMatchObject({ scope: "project", limit: 3 });
    expect(await askInTurn(5, () => stage.ask())).toEqual(passing(5));
  });

  test("they are shown, changed within a second, and taken away again", async () => {
    await using stage = await openStage();
    const project = await stage.createProject({ limits: { requests_per_minute: 40, tokens_per_day: 9_000_000 } });
    const { id, token } = await stage.createToken(project.id, { limits: { requests_per_minute: 30 } });
    const path = `/manage/tokens/${id}`;
    expect(await stage.manage("GET", `/manage/projects/${project.id}`)).toMatchObject({
      limits: { requests_per_minute: 40, tokens_per_day: 9_000_000 },
    });
    expect(await stage.manage("GET", path)).toMatchObject({ limits: { requests_per_minute: 30 } });
    expect((await stage.ask({ token })).told).toBe("200");
    await stage.manage("PATCH", path, { limits: { requests_per_minute: 1 } });
    const bounded = async () => (await stage.ask({ token })).told === refused || undefined;
    await waitFor(bounded, "A smaller figure isn't effective");
    await stage.manage("PATCH", path, { limits: null });
    const freed = async () => (await stage.ask({ token })).limit.scope === "project" || undefined;
    await waitFor(freed, "A figure that was taken away is still effective");
  });

  test("figures that mean nothing are refused by name", async () => {
    await using stage = await openStage();
    for (const limits of [
      { requests_per_minute: -1 },
      { requests_per_minute: "2" },
      { request_per_minute: 2 },
      { concurrent: 1.5 },
    ])
      expect(await faultOf(stage.createProject({ limits }))).toMatch(/is 400.*(requests?_per_minute|concurrent)/);
  });
});

describe("an override", () => {
  test("frees nobody from a wider figure", async () => {
    await using stage = await openStage({
      yaml: `limits:
  requests_per_minute: 2
  global: { requests_per_minute: 4 }
  overrides: { user: { alice: { requests_per_minute: 0 }, carol: { requests_per_minute: 100 } } }`,
    });
    expect(await askInTurn(3, () => stage.ask({ user: "alice" }))).toEqual(only(2, 3));
    const other = await stage.mint();
    expect(await askInTurn(3, () => stage.ask({ token: other, user: "carol" }))).toEqual(only(2, 3));
    const third = await stage.mint();
    expect((await stage.ask({ token: third, user: "alice" })).limit.scope).toBe("global");
  });

  test("replaces the figure of one token or project, and only the figures that it names", async () => {
    await using stage = await openStage({ yaml: "limits: { requests_per_minute: 2, requests_per_day: 6 }" });
    const project = await stage.createProject({ limits: { requests_per_minute: 1 } });
    const bounded = await stage.createToken(project.id);
    const single = await stage.createToken((await stage.createProject()).id);
    await stage.reopen({
      yaml: `limits:
  requests_per_minute: 2
  requests_per_day: 6
  overrides:
    project: { "${project.id}": { requests_per_minute: 0 } }
    token: { "${single.id}": { requests_per_minute: 5 } }`,
    });
    expect(await askInTurn(3, () => stage.ask({ token: bounded.token }))).toEqual(only(2, 3));
    expect(await askInTurn(6, () => stage.ask({ token: single.token }))).toEqual(only(5, 6));
    stage.wait(120);
    expect(await askInTurn(2, () => stage.ask({ token: single.token }))).toEqual(only(1, 2));
    expect((await stage.ask({ token: single.token })).limit.window).toBe("day");
  });
});

test("GLOBAL_RATE_LIMIT bounds the whole and IP_RATE_LIMIT each address, per minute", async () => {
  await using whole = await openStage({ env: { GLOBAL_RATE_LIMIT: "3" } });
  const tokens = await Promise.all(Array.from({ length: 5 }, () => whole.mint()));
  expect(await askInTurn(5, (at) => whole.ask({ token: tokens[at] ?? "" }))).toEqual(only(3, 5));
  whole.wait(62);
  expect((await whole.ask()).limit).toMatchObject({ limit: 3, scope: "global", window: "minute" });
  await using each = await openStage({ env: { IP_RATE_LIMIT: "2", TRUSTED_PROXIES: "127.0.0.1/32" } });
  const from = (address: string) => ask(each.url, { token: each.token, headers: { "x-forwarded-for": address } });
  expect(await askInTurn(3, () => from("203.0.113.1"))).toEqual(only(2, 3));
  expect(await askInTurn(3, () => from("203.0.113.2"))).toEqual(only(2, 3));
  expect((await from("203.0.113.2")).limit.scope).toBe("address");
});
