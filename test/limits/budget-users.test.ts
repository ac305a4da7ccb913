import { createHmac } from "node:crypto";
import { expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import { askAtOnce, askInTurn, type Asked } from "./ask.ts";
import { openStage } from "./stage.ts";

const spent = "402 budget_exceeded";
const costing = (mills: number): Asked => ({
  text: "H",
  maxTokens: mills * 100,
  plan: { input: 0, output: mills * 100 },
});

/** Where budgets are told of. */
function openHook(answer: () => Response = () => new Response()) {
  const got: { readonly body: string; readonly headers: Headers }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      got.push({ body: await request.text(), headers: request.headers });
      return answer();
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/hook`,
    got,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

test("a user's budget holds over tokens, keys and APIs, and every other user's own is that of *", async () => {
  await using stage = await openStage({
    yaml: `budgets:
  users:
    alice: [{ amount_usd: "0.01", period: day, hard: true }]
    "*": [{ amount_usd: 0.002, period: day, hard: true }]`,
  });
  const own = await stage.mint({ user_id: "alice" });
  expect((await stage.ask({ ...costing(4), user: "alice" })).told).toBe("200");
  expect((await stage.ask({ ...costing(4), token: own })).told).toBe("200");
  const anthropic: Asked = { family: "anthropic", user: "alice", maxTokens: 300 };
  for (const more of [
    { ...costing(3), headers: { "x-user-id": "alice" } },
    { ...costing(3), key: "sk-own-0123456789", user: "alice" },
    { ...costing(3), token: own },
    anthropic,
  ])
    expect((await stage.ask(more)).told).toBe(spent);
  expect((await stage.ask({ ...costing(1.5), user: "alice" })).told).toBe("200");
  for (const user of ["bob", "carol"])
    expect(await askInTurn(2, () => stage.ask({ ...costing(1.5), user }))).toEqual(["200", spent]);
  expect(await askInTurn(3, () => stage.ask(costing(5)))).toEqual(["200", "200", "200"]);
});

test("a webhook is told of each threshold once, signed, and without a secret in it", async () => {
  await using hook = openHook();
  const secret = "hook-secret-0123456789";
  await using stage = await openStage({
    env: { BUDGET_WEBHOOK_URL: hook.url, BUDGET_WEBHOOK_SECRET: secret },
    yaml: `budgets: { users: { alice: [{ amount_usd: "0.01", period: day, hard: false, warn_at: [50, 80, 100] }] } }`,
  });
  await askInTurn(2, () => stage.ask({ ...costing(3), user: "alice" }));
  await waitFor(() => hook.got.length === 1 || undefined, "It isn't told");
  await askAtOnce(20, () => stage.ask({ ...costing(1), user: "alice" }));
  await waitFor(() => hook.got.length >= 3 || undefined, "It isn't told of all");
  await Bun.sleep(700);
  expect(hook.got.length).toBe(3);
  for (const { body, headers } of hook.got) {
    expect(() => JSON.parse(body) as unknown).not.toThrow();
    expect(body).toContain("0.01");
    expect(body).not.toContain(stage.token);
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    expect([...headers.values()].some((value) => value.includes(signature))).toBe(true);
  }
  const percents = hook.got.map(({ body }) => /\b(50|80|100)\b/.exec(body)?.[1]);
  expect(new Set(percents)).toEqual(new Set(["50", "80", "100"]));
});

test("a webhook that fails or hangs holds up no call, and is told again", async () => {
  let tries = 0;
  await using hook = openHook(() => new Response("", { status: (tries += 1) < 3 ? 500 : 200 }));
  await using stage = await openStage({ env: { BUDGET_WEBHOOK_URL: hook.url } });
  const budget = [{ amount_usd: "0.01", period: "day", hard: false, warn_at: [10] }];
  const token = await stage.mint({}, { budget });
  await stage.ask({ ...costing(5), token });
  await waitFor(() => tries === 3 || undefined, "It isn't told again", 20_000);
  await using deaf = await openStage({ env: { BUDGET_WEBHOOK_URL: "http://127.0.0.1:1/hook" } });
  const other = await deaf.mint({}, { budget });
  expect(await askInTurn(5, () => deaf.ask({ ...costing(5), token: other }))).toEqual(Array(5).fill("200"));
}, 60_000);

test("a webhook that was away over a restart is told of everything, and that calls are refused", async () => {
  let status = 500;
  await using hook = openHook(() => new Response("", { status }));
  await using stage = await openStage({ env: { BUDGET_WEBHOOK_URL: hook.url } });
  const token = await stage.mint(
    {},
    { budget: [{ amount_usd: "0.01", period: "day", hard: true, warn_at: [50, 80] }] },
  );
  expect(await askInTurn(2, () => stage.ask({ ...costing(4.5), token }))).toEqual(["200", "200"]);
  // A refusal for what is only reserved asks to come again at once.
  const isSpent = async () => ((await stage.ask({ ...costing(2), token })).limit.retryAfter ?? 0) > 60;
  await waitFor(async () => (await isSpent()) || undefined, "It isn't spent");
  const typesOf = () =>
    new Set(hook.got.map(({ body }) => `${/budget\.\w+/.exec(body)?.[0]} ${/"warn_at":(\d+)/.exec(body)?.[1] ?? ""}`));
  const all = new Set(["budget.warning 50", "budget.warning 80", "budget.exhausted "]);
  // Each is tried, though those before it fail.
  await waitFor(() => typesOf().size === 3 || undefined, "They are not tried");
  await stage.reopen();
  hook.got.length = 0;
  status = 200;
  await waitFor(() => typesOf().size === 3 || undefined, "They are not told", 20_000);
  expect(typesOf()).toEqual(all);
  await Bun.sleep(500);
  expect(hook.got.length).toBe(3);
}, 60_000);
