import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "bun:test";
import { waitFor } from "../weir.ts";
import { families } from "./chat.ts";
import { openCall, openRaw, send } from "./client.ts";
import type { Header } from "./upstream.ts";
import { openWire } from "./wire.ts";

/** Each secret is found by a text that stands nowhere else. */
const canaries = {
  gate: "canary-gate-8Qx1aZ",
  management: "canary-management-7Pw2bY",
  openai: "canary-openai-6Ov3cX",
  anthropic: "canary-anthropic-5Nu4dW",
  gemini: "canary-gemini-4Mt5eV",
  other: "canary-other-3Ls6fU",
  header: "canary-header-2Kr7gT",
  query: "canary-query-1Jq8hS",
  metrics: "canary-metrics-0Ip9iR",
  langfuse: "canary-langfuse-9Ho0jQ",
  own: "canary-own-8Gn1kP",
  wrong: "canary-wrong-7Fm2lO",
  token: "sk-weir-canary-token-6El3mN",
  cookie: "canary-cookie-5Dk4nM",
  url: "canary-url-4Cj5oL",
} as const;
const prompt = "canary-prompt-3Bi6pK";
const answered = "canary-answer-2Ah7qJ";
const operators = [
  canaries.openai,
  canaries.anthropic,
  canaries.gemini,
  canaries.other,
  canaries.gate,
  canaries.management,
  canaries.metrics,
  canaries.langfuse,
];

const places = (secret: string): readonly (readonly [Header | undefined, string])[] => [
  [["authorization", `Bearer ${secret}`], ""],
  [["authorization", `Basic ${btoa(`user:${secret}`)}`], ""],
  [["x-api-key", secret], ""],
  [["x-goog-api-key", secret], ""],
  [["api-key", secret], ""],
  [["x-weir-key", secret], ""],
  [["cookie", `session=${canaries.cookie}`], `?key=${secret}`],
  [undefined, `?alt=sse&key=${secret}&x=1`],
  [["sec-websocket-protocol", `realtime, openai-insecure-api-key.${secret}`], ""],
];

test("no secret is in anything that it writes, answers or logs, whatever is done to it; prompts are in records alone", async () => {
  await using wire = await openWire({
    env: {
      PROXY_API_KEY: canaries.gate,
      MANAGEMENT_TOKEN: canaries.management,
      AUTH_MODE: "gate",
      METRICS_TOKEN: canaries.metrics,
      UPSTREAM_API_KEY: canaries.openai,
      ANTHROPIC_API_KEY: canaries.anthropic,
      GEMINI_API_KEY: canaries.gemini,
      LANGFUSE_PUBLIC_KEY: "pk-lf-1",
      LANGFUSE_SECRET_KEY: canaries.langfuse,
      LANGFUSE_BASE_URL: "http://127.0.0.1:1",
      LOG_LEVEL: "trace",
      PROXY_TIMEOUT_MS: "600",
      FLUSH_TIMEOUT_MS: "300",
      SINKS: "file,langfuse",
      FILE_EVENT_LOG: "data/exchanges.jsonl",
      OTHER_KEY: canaries.other,
    },
    yaml: ({ other }) => `
      providers:
        other: { base_url: "${other}", dialect: openai, key: "\${OTHER_KEY}", key_in: query, headers: { x-secret: ${canaries.header} }, query: { api-secret: ${canaries.query} } }
        refusing: { base_url: "http://127.0.0.1:1", dialect: openai, key: ${canaries.other}, key_in: query, query: { api-secret: ${canaries.query} } }
        plain: { base_url: "${other.replace("http:", "https:")}", dialect: gemini, key: ${canaries.other}, key_in: query }`,
  });
  const answers: string[] = [];
  const call = async (
    target: string,
    headers: readonly Header[],
    body = `{"model":"m","messages":[{"role":"user","content":"${prompt}"}]}`,
  ) => {
    const answer = await send(wire.weir.port, {
      method: "POST",
      target,
      headers: [["content-type", "application/json"], ...headers],
      body,
    }).catch(() => undefined);
    if (answer !== undefined)
      answers.push(`${answer.headers.map(([name, value]) => `${name}: ${value}`).join("\n")}\n${answer.text}`);
  };
  const targets = [
    ...families.map(({ call: { target = "" } }) => target.split("?")[0] ?? ""),
    "/other/v1/chat/completions",
    "/refusing/v1/responses",
    "/nope",
    "/health",
  ];
  const calls: Promise<void>[] = [];
  for (const secret of [canaries.gate, canaries.management, canaries.wrong, canaries.token, canaries.own]) {
    for (const [header, query] of places(secret)) {
      for (const target of targets) calls.push(call(target + query, header === undefined ? [] : [header]));
    }
  }
  await Promise.all(calls);
  const gate: Header = ["x-weir-key", canaries.gate];
  await call("/plain/v1beta/models/m:generateContent", [gate, ["x-goog-api-key", canaries.own]]);

  // Every way to fail: the upstream is silent, dies, answers nonsense; the consumer leaves, or sends nonsense.
  const request = {
    method: "POST",
    target: `/v1/responses?key2=${canaries.own.length}`,
    headers: [gate, ["authorization", `Bearer ${canaries.own}`] as Header],
    body: `{"input":"${prompt}"}`,
  };
  await Promise.all([
    wire.exchange(request, () => {}),
    wire.exchange(request, (seen) => seen.reset()),
    wire.exchange(request, (seen) => seen.write(`nonsense ${answered}\r\n\r\n`)),
    wire.exchange(request, (seen) => {
      seen.begin();
      seen.chunk(`data: {"${answered}`);
      setTimeout(seen.reset, 50);
    }),
    wire.exchange({ ...request, target: "/v1/messages" }, (seen) =>
      seen.answer({
        status: "500 Oops",
        body: `{"type":"error","error":{"type":"api_error","message":"${answered}"}}`,
      }),
    ),
  ]);
  const leaving = openCall(wire.weir.port, { ...request, target: `/v1/messages?key=${canaries.gate}` });
  await Bun.sleep(50);
  leaving.leave();
  for (const bytes of [
    `GET /v1/x?key=${canaries.url} HTTP/1.1\r\nHost: a\r\nHost: b\r\nx-api-key: ${canaries.gate}\r\n\r\n`,
    `GET /v1/x?key=${canaries.url}\0 HTTP/1.1\r\n\r\n`,
    `POST /v1/x?key=${canaries.url} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
  ]) {
    const raw = openRaw(wire.weir.port, bytes, { limitMs: 1500 });
    await raw.answer.catch(() => {});
    raw.leave();
  }
  for (const target of ["/metrics", "/metrics.json", "/api/health", "/health", `/metrics?key=${canaries.metrics}`]) {
    const answer = await send(wire.weir.port, { target, headers: [["authorization", `Bearer ${canaries.metrics}`]] });
    answers.push(answer.text);
  }
  const recorded = await waitFor(async () => {
    const records = await wire.weir.records();
    return records.length >= 200 ? records : undefined;
  }, "Too few records");
  await wire.weir.stop();

  const output = wire.weir.output();
  const files = await Promise.all(
    (await readdir(wire.weir.dataDir)).map(
      async (name) => [name, await readFile(join(wire.weir.dataDir, name), "latin1")] as const,
    ),
  );
  expect(files.map(([name]) => name)).toEqual(expect.arrayContaining(["exchanges.jsonl", "outbox.db"]));
  const found = (where: string, text: string, secrets: readonly string[]) =>
    secrets
      .filter((secret) => text.includes(secret) || text.includes(btoa(`user:${secret}`)))
      .map((secret) => `${where}: ${secret}`);
  const all = Object.values(canaries);
  expect(found("output", output, [...all, prompt, answered])).toEqual([]);
  for (const [name, text] of files) expect(found(name, text, all)).toEqual([]);
  expect(answers.flatMap((text) => found("answer", text, all))).toEqual([]);

  // What stands above would hold for a program that did nothing.
  expect(JSON.stringify(recorded)).toContain(prompt);
  expect(output).toContain('"outcome":"refused"');
  const passed = wire.seen.map(({ head }) => head).join("\n");
  expect(passed).toContain(canaries.openai);
  expect(passed).toContain(canaries.query);
  for (const never of [
    canaries.gate,
    canaries.management,
    canaries.wrong,
    canaries.token,
    canaries.metrics,
    canaries.langfuse,
  ])
    expect(passed).not.toContain(never);
  const others = wire.seen
    .filter(({ upstream }) => upstream === "other")
    .map(({ head }) => head)
    .join("\n");
  for (const key of operators.filter((one) => one !== canaries.other)) expect(others).not.toContain(key);
}, 60_000);

test("a credential in a query or a path is in no log line and no record, however its parameter is called and written", async () => {
  await using wire = await openWire({ env: { LOG_LEVEL: "trace" } });
  const names = ["key", "%6bey", "KEY", "api-key", "api_key", "subscription-key", "access_token", "token", "sig"];
  const token = `sk-weir-${"0123456789".repeat(4)}`;
  const targets = [
    ...names.flatMap((name) => [`/v1/responses?a=%41&${name}=${canaries.own}`, `/nope?${name}=${canaries.own}&a=%41`]),
    `/v1/responses?note=${token}`,
    `/openai/${token}/v1/chat/completions`,
    "/openai/v1/sk-proj-0123456789/%41IzaSy0123456789?a=sk-proj-0123456789",
  ];
  for (const target of targets) {
    const { answer, seen } = await wire.exchange({ target });
    if (!target.startsWith("/nope")) expect(seen[0]?.target).toBe(target.replace("/openai/", "/"));
    const { path, query } = await wire.recordOf(answer);
    expect(`${path}?${query}`).toContain("***");
  }
  await wire.weir.stop();
  const written = wire.weir.output() + JSON.stringify(await wire.weir.records());
  for (const secret of [canaries.own, token.slice(0, 20), "sk-proj-0123456789", "IzaSy0123456789"])
    expect(written).not.toContain(secret);
  expect(written).toContain('/v1/responses?a=%41&api-key=***"');
}, 30_000);

test("each exchange is one JSON line in the log, with its true status, its times, its sizes and its ids", async () => {
  await using wire = await openWire();
  const statuses = ["200 OK", "404 Not Found", "429 Too Many Requests", "500 Oops", "529 Overloaded"];
  const sent = await Promise.all(
    statuses.map(async (status) => {
      const headers: Header[] = [
        ["content-type", "application/json"],
        ["x-user-id", Buffer.from("zoë").toString("latin1")],
        ["x-request-id", `r-${status}`],
      ];
      const request = {
        method: "POST",
        target: "/v1beta/models/gemini-2.5-flash:generateContent?key=canary-own&alt=json",
        headers,
        body: '{"contents":[]}',
      };
      const { answer } = await wire.exchange(request, (seen) =>
        seen.answer({ status, body: '{"modelVersion":"gemini-2.5-flash"}' }),
      );
      return answer;
    }),
  );
  const refused = await wire.exchange({ target: "/nope" });
  await Promise.all([...sent, refused.answer].map(wire.recordOf));
  // They come another way than the records.
  await wire.weir.stop();
  const lines = wire.weir.lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => msg === "exchange");
  expect(lines.length).toBe(statuses.length + 1);
  for (const answer of sent) {
    const [line, ...more] = lines.filter(({ exchange_id }) => exchange_id === answer.header("x-weir-exchange-id"));
    expect(more).toEqual([]);
    expect(line).toMatchObject({
      level: expect.any(String),
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      method: "POST",
      path: "/v1beta/models/gemini-2.5-flash:generateContent?key=***&alt=json",
      provider: "gemini",
      dialect: "gemini-generate",
      status: answer.status,
      outcome: "answered",
      model: "gemini-2.5-flash",
      streaming: false,
      trace_id: answer.header("x-weir-trace-id"),
      span_id: expect.any(String),
      user: "zoë",
      duration_ms: expect.any(Number),
      ttft_ms: expect.any(Number),
      bytes_up: 15,
      bytes_down: 35,
    });
  }
  expect(lines.find(({ path }) => path === "/nope")).toMatchObject({
    status: 404,
    outcome: "refused",
    cause: "not_found",
    method: "GET",
  });
});

test("LOG_FORMAT=pretty writes for people, no JSON", async () => {
  await using pretty = await openWire({ env: { LOG_FORMAT: "pretty" } });
  const { answer } = await pretty.exchange({ target: "/v1/models" });
  await pretty.recordOf(answer);
  await pretty.weir.stop();
  expect(pretty.weir.lines.filter((line) => line.startsWith("{"))).toEqual([]);
  expect(pretty.weir.output()).toContain("/v1/models");
  expect(pretty.weir.output()).toContain(pretty.weir.url);
});

test("a key that the provider quotes in an error is in no record, and goes down to whom it belongs alone", async () => {
  await using wire = await openWire({ env: { UPSTREAM_API_KEY: canaries.openai } });
  const quote = (key: string) => `{"error":{"message":"Incorrect API key provided: Bearer ${key}","type":"invalid"}}`;
  const call = { method: "POST", headers: [["content-type", "application/json"]] as Header[], body: '{"model":"m"}' };
  const own: Header = ["x-api-key", canaries.own];
  const compressed = { headers: [["content-encoding", "gzip"]] as Header[], body: gzipSync(quote(canaries.openai)) };
  const [plain, packed, streamed, theirs] = await Promise.all([
    wire.exchange({ ...call, target: "/v1/responses" }, (seen) =>
      seen.answer({ status: "401 No", body: quote(canaries.openai) }),
    ),
    wire.exchange({ ...call, target: "/v1/responses" }, (seen) => seen.answer({ status: "401 No", ...compressed })),
    wire.exchange({ ...call, target: "/v1/chat/completions" }, (seen) => {
      seen.begin([["content-type", "application/json"]], "403 No");
      for (const char of quote(canaries.openai)) seen.chunk(char);
      seen.end();
    }),
    wire.exchange({ ...call, target: "/v1/messages", headers: [...call.headers, own] }, (seen) =>
      seen.answer({ status: "401 No", body: quote(canaries.own) }),
    ),
  ]);
  const stars = "*".repeat(canaries.openai.length);
  expect([plain, streamed, theirs].map(({ answer }) => answer.text)).toEqual([stars, stars, canaries.own].map(quote));
  for (const { answer } of [plain, packed, streamed, theirs]) {
    const { error, response } = await wire.recordOf(answer);
    expect(error?.message).toMatch(/^Incorrect API key provided: Bearer \*+$/);
    expect(response.dropped_bytes).toBeUndefined();
  }
  await wire.weir.stop();
  const written = wire.weir.output() + JSON.stringify(await wire.weir.records());
  for (const key of [canaries.openai, canaries.own]) expect(written).not.toContain(key);
});
