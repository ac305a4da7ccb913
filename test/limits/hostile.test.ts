import { expect, test } from "bun:test";
import { type Asked, askInTurn } from "./ask.ts";
import { openStage } from "./stage.ts";

const roomy = "limits: { requests_per_minute: 1000, tokens_per_minute: 1000000, concurrent: 50 }";

test("whatever a body is, it passes as it is where there is room, and takes its place for no longer", async () => {
  await using stage = await openStage({ yaml: roomy });
  const bodies: readonly string[] = [
    "",
    "null",
    "[]",
    "{",
    '"',
    '{"messages":',
    '{"messages":"text"}',
    '{"messages":[{"content":{"text":1}}],"max_tokens":"many"}',
    '{"messages":[1,null,[],{}],"max_tokens":-5}',
    '{"max_tokens":1e999,"messages":[]}',
    '{"max_tokens":99999999999999999999999,"messages":[],"max_tokens":1}',
    `{"messages":${"[".repeat(9000)}${"]".repeat(9000)}}`,
    `{"a":${'{"a":'.repeat(3000)}1${"}".repeat(3001)}`,
    '{"messages":[{"content":"\\ud800 \\u12"}]}',
    '\uFEFF{"messages":[{"role":"user","content":"Hi"}],"max_tokens":1}',
    `{"messages":[{"content":"${'\\"'.repeat(5000)}"}],"max_tokens":1}`,
    '{"__proto__":{"max_tokens":5},"messages":[],"constructor":1}',
  ];
  for (const body of bodies) {
    const { told } = await stage.ask({ body });
    // What asks for more than the window may be refused; nothing may fail.
    expect([body.slice(0, 60), ["200", "429 rate_limit_exceeded"].includes(told)]).toEqual([body.slice(0, 60), true]);
    if (told === "200") expect(stage.provider.reached.at(-1)?.body).toBe(body.replace("\uFEFF", ""));
  }
  const told = await askInTurn(60, () => stage.ask());
  expect(told.filter((each) => each === "429 concurrency_exceeded")).toEqual([]);
});

test("max_tokens that is no sensible number neither frees nor poisons the window", async () => {
  await using stage = await openStage({ yaml: "limits: { tokens_per_minute: 1000, optimistic_first: false }" });
  const of = (written: string): Asked => ({
    body: `{"model":"gpt-4o","messages":[{"role":"user","content":"H"}],"max_tokens":${written}}`,
    plan: { input: 1, output: 1 },
  });
  for (const written of ["-100000", "0", "null", '"9"', "-0", "1e-9", "[]", "true"]) {
    await stage.ask(of(written));
    await Bun.sleep(20);
    stage.wait(120);
    // The window holds what it always held: a call of all of it passes, and another doesn't.
    const whole: Asked = { text: "H", maxTokens: 995, plan: { input: 1, output: 995 } };
    expect([written, ...(await askInTurn(2, () => stage.ask(whole)))]).toEqual([
      written,
      "200",
      "429 rate_limit_exceeded",
    ]);
    stage.wait(120);
  }
});

test("every name by which a dialect bounds its answer is room for one", async () => {
  await using stage = await openStage({ yaml: "limits: { tokens_per_minute: 1000, optimistic_first: false }" });
  const messages = [{ role: "user", content: "H" }];
  const bodies = (most: number): readonly Asked[] => [
    { body: JSON.stringify({ model: "gpt-4o", messages, max_tokens: most }) },
    { body: JSON.stringify({ model: "o3", messages, max_completion_tokens: most }) },
    { target: "/v1/responses", body: JSON.stringify({ model: "gpt-4o", input: "H", max_output_tokens: most }) },
    {
      target: "/v1/completions",
      body: JSON.stringify({ model: "gpt-3.5-turbo-instruct", prompt: "H", max_tokens: most }),
    },
    { family: "anthropic", body: JSON.stringify({ model: "claude-sonnet-4-5", messages, max_tokens: most }) },
    {
      family: "gemini",
      body: JSON.stringify({ contents: [{ parts: [{ text: "H" }] }], generationConfig: { maxOutputTokens: most } }),
    },
    {
      family: "gemini",
      body: JSON.stringify({ contents: [{ parts: [{ text: "H" }] }], generation_config: { max_output_tokens: most } }),
    },
  ];
  for (const [index, asked] of bodies(1500).entries())
    expect([index, (await stage.ask({ ...asked, plan: { input: 1, output: 1 } })).told]).toEqual([
      index,
      "429 rate_limit_exceeded",
    ]);
  for (const [index, asked] of bodies(990).entries()) {
    expect([index, (await stage.ask({ ...asked, plan: { input: 1, output: 990 } })).told]).toEqual([index, "200"]);
    stage.wait(120);
  }
});

test("several answers to one request need room for each", async () => {
  await using stage = await openStage({ yaml: "limits: { tokens_per_minute: 1000, optimistic_first: false }" });
  const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "H" }], max_tokens: 300, n: 4 });
  expect((await stage.ask({ body, plan: { input: 1, output: 1200 } })).told).toBe("429 rate_limit_exceeded");
});

test("callers behind the gate key are told apart by their address", async () => {
  await using stage = await openStage({
    yaml: "limits: { requests_per_minute: 2 }",
    env: {
      AUTH_MODE: "gate,token",
      PROXY_API_KEY: "gate-0123456789-abcdefgh",
      UPSTREAM_API_KEY: "sk-operator-0123456789",
      TRUSTED_PROXIES: "127.0.0.1/32",
    },
  });
  const from = (address: string) =>
    askInTurn(3, () => stage.ask({ key: "gate-0123456789-abcdefgh", headers: { "x-forwarded-for": address } }));
  expect(await from("203.0.113.1")).toEqual(["200", "200", "429 rate_limit_exceeded"]);
  expect(await from("203.0.113.2")).toEqual(["200", "200", "429 rate_limit_exceeded"]);
});

test("a model's figure holds however the body's type is named", async () => {
  await using stage = await openStage({
    yaml: "limits: { overrides: { model: { gpt-4o: { requests_per_minute: 1 } } } }",
  });
  expect((await stage.ask()).told).toBe("200");
  for (const type of ["APPLICATION/JSON; charset=utf-8", "application/vnd.api+json", "text/json", "text/plain", ""])
    expect([type, (await stage.ask({ headers: { "content-type": type } })).told]).toEqual([
      type,
      "429 rate_limit_exceeded",
    ]);
});
