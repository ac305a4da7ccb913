import { describe, expect, test } from "bun:test";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import type { Policy } from "../domain/policy.ts";
import { Refusal } from "../domain/refusal.ts";
import { compileGlobs } from "../lib/glob.ts";
import { anthropic, gemini, openai } from "../providers/index.ts";
import type { HeaderValues } from "./arrival.ts";
import type { CallBody } from "./call.ts";
import { compilePolicy, findRules } from "./policy.ts";
import { checkPolicyBody, checkPolicyMessage, checkPolicyUpgrade, createTooLargeToHold } from "./policy-body.ts";
import { createRoutes } from "./route.ts";

const findRoute = createRoutes([openai, anthropic, gemini], "openai");
const maxBytes = 100_000;

type Rules = { readonly policies?: readonly Policy[]; readonly allowedModels?: readonly string[] };
type Request = {
  readonly line?: string;
  readonly type?: string;
  readonly headers?: HeaderValues;
  readonly body?: string | Uint8Array;
};

function compile({ policies = [], allowedModels }: Rules) {
  const [first, second] = policies.map(compilePolicy);
  const rules = findRules(
    { probe: false, ...(first && { policy: first }) },
    { ...(second && { policy: second }), ...(allowedModels && { allowedModels: compileGlobs(allowedModels) }) },
  );
  if (!rules) throw new Error("There are no rules to test");
  return rules;
}

function targetOf(line: string) {
  const [method = "", target = ""] = line.split(" ");
  const [path = "", search] = target.split("?");
  const place = { method, path, search: search === undefined ? "" : `?${search}`, headers: {} };
  const route = findRoute(place);
  if (!route) throw new Error(`${line} leads nowhere`);
  return { ...place, route };
}

function readRefusal(check: () => void): Refusal | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** Why a request is refused; `undefined` where it passes. */
function refusal(rules: Rules, { line = "POST /v1/chat/completions", type, headers, body }: Request, most = maxBytes) {
  const held: CallBody =
    body === undefined ? { kind: "none" } : { kind: "whole", bytes: Buffer.from(body), sent: Buffer.from(body) };
  const call = {
    ...targetOf(line),
    headers: { ...(type === "" ? {} : { "content-type": type ?? "application/json" }), ...headers },
    body: held,
  };
  return readRefusal(() => checkPolicyBody(compile(rules), call, most));
}

const codeOf = (rules: Rules, request: Request) => refusal(rules, request)?.code;
const models = (...patterns: readonly string[]): Rules => ({ policies: [{ paramWhitelist: { model: patterns } }] });
const whitelist = models("gpt-4o", "gpt-4.1-*");

test("a query that may put another body in the place of the one that is checked is refused", () => {
  const body = '{"model":"gpt-4o"}';
  for (const name of ["$req", "%24REQ", "$ct", "$httpHeaders"]) {
    const line = `POST /v1/chat/completions?${name}=x`;
    expect([name, codeOf(whitelist, { line, body })]).toEqual([name, "param_not_allowed"]);
    expect(refusal({ allowedModels: ["gpt-4o"] }, { line, body })).toMatchObject({
      code: "model_not_allowed",
      message: expect.stringContaining("Leave them out"),
    });
  }
  expect(codeOf(whitelist, { line: "POST /v1/chat/completions?ct=x&req=x", body })).toBeUndefined();
});

/** Bodies, and why they are refused. */
const bodies: readonly (readonly [body: string | Buffer, code: Refusal["code"] | undefined])[] = [
  ['{"model":"gpt-4o"}', undefined],
  ['{"model":"gpt-4.1-mini"}', undefined],
  [' \n{"messages":[{"model":"o9"}],"n":1.5e3,"model" : "gpt-4o" }\r\n', undefined],
  ['\uFEFF{"model":"gpt-4o"}', undefined],
  ['{"\\u006dodel":"gpt\\u002d4o"}', undefined],
  ['{"messages":[]}', undefined],
  ["{}", undefined],
  ["", undefined],
  ['{"model":"o9"}', "param_not_allowed"],
  ['{"model":"GPT-4o"}', "param_not_allowed"],
  ['{"model":"gpt-4o "}', "param_not_allowed"],
  ['{"model":"gpt-4.1-a/b"}', "param_not_allowed"],
  ['{"model":null}', "param_not_allowed"],
  ['{"model":["gpt-4o"]}', "param_not_allowed"],
  ['{"model":{"id":"gpt-4o"}}', "param_not_allowed"],
  ['{"model":"gpt-4.1-\\u0000"}', "param_not_allowed"],
  ['{"\\u006dodel":"o9"}', "param_not_allowed"],
  ['{"Model":"o9"}', "param_not_allowed"],
  ['{"mo_del":"o9"}', "param_not_allowed"],
  ['{"model\\u0000x":"o9"}', "param_not_allowed"],
  ['{"model":"gpt-4o","model":"gpt-4o"}', "param_not_allowed"],
  ['{"model":"gpt-4o","MODEL":"o9"}', "param_not_allowed"],
  ['{"model":"gpt-4o","\\u006dodel":"o9"}', "param_not_allowed"],
  ['{"model":"gpt-4o"', "param_not_allowed"],
  ['{"model":"gpt-4o"}{"model":"o9"}', "param_not_allowed"],
  ['{"model":"gpt-4o",}', "param_not_allowed"],
  ["{model:'gpt-4o'}", "param_not_allowed"],
  ['{"a":\'1,"b":"\', model:\'o9\', c:\'","d":\'}', "param_not_allowed"],
  ['[{"model":"gpt-4o"}]', "param_not_allowed"],
  ["null", "param_not_allowed"],
  [" ", "param_not_allowed"],
  [Buffer.from('{"model":"gpt-4o"}', "utf16le"), "param_not_allowed"],
  [Buffer.from('{"model":"gpt-4.1-\xff"}', "latin1"), "param_not_allowed"],
];

for (const [body, code] of bodies)
  test(`the body ${JSON.stringify(body.toString())} is ${code ?? "fine"}`, () => {
    expect(codeOf(whitelist, { body })).toBe(code);
    // A token's models are checked in the same way, but one has to be named.
    const named = /odel":"|odel" :|gpt/.test(body.toString()) || code !== undefined;
    const expected = code === undefined && named ? undefined : "model_not_allowed";
    expect(codeOf({ allowedModels: ["gpt-4o", "gpt-4.1-*"] }, { body })).toBe(expected);
  });

test("scalars that are no text are compared as they are written", () => {
  const rules: Rules = { policies: [{ paramWhitelist: { stream: ["false"], n: ["1", "2?", "-*"], user: ["null"] } }] };
  const codes = ["true", "false", '"false"'].map((stream) => codeOf(rules, { body: `{"stream":${stream}}` }));
  expect(codes).toEqual(["param_not_allowed", undefined, undefined]);
  const numbers = ["1", "1.0", "2", "-1.5e3"].map((n) => codeOf(rules, { body: `{"n":${n}}` }));
  expect(numbers).toEqual([undefined, "param_not_allowed", "param_not_allowed", undefined]);
  expect(codeOf(rules, { body: '{"user":null}' })).toBeUndefined();
});

test("objects and lists match two stars alone", () => {
  for (const value of ["{}", "[]", '{"type":"json_object"}', '["a"]']) {
    const body = `{"tools":${value}}`;
    expect(codeOf({ policies: [{ paramWhitelist: { tools: ["*", "{**", "[**"] } }] }, { body })).toBe(
      "param_not_allowed",
    );
    expect(codeOf({ policies: [{ paramWhitelist: { tools: ["**"] } }] }, { body })).toBeUndefined();
  }
});

test("an object passes where all that JSON.parse finds in it is allowed, however it is written", () => {
  const names = fc.constantFrom("model", "Model", "n", "stream", "messages");
  const values = fc.oneof(fc.constantFrom("gpt-4o", "o9", 1, 2, true, null), fc.jsonValue({ maxDepth: 1 }));
  const members = fc.array(fc.tuple(names, values), { maxLength: 4 });
  const rules: Rules = { policies: [{ paramWhitelist: { model: ["gpt-*"], n: ["1"], stream: ["**"] } }] };
  const allows = (name: string, value: unknown) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    if (name === "n") return text === "1";
    return name.toLowerCase() !== "model" || (typeof value === "string" && /^gpt-[^/]*$/.test(value));
  };
  fc.assert(
    fc.property(members, fc.constantFrom("", " ", "\n"), (listed, space) => {
      const body = `{${listed.map(([name, value]) => `${space}"${name}"${space}:${space}${JSON.stringify(value)}`).join(",")}}`;
      const folded = listed.map(([name]) => name.toLowerCase()).filter((name) => name !== "messages");
      const expected = listed.every(([name, value]) => allows(name, value)) && new Set(folded).size === folded.length;
      expect([body, codeOf(rules, { body }) === undefined]).toEqual([body, expected]);
    }),
    { numRuns: 5_000 },
  );
});

const bad = '{"model":"o9"}';
const good = '{"model":"gpt-4o"}';

test.each(["PUT", "PATCH", "DELETE", "GET"])("a body of %s is checked as well", (method) => {
  expect(codeOf(whitelist, { line: `${method} /v1/chat/completions`, body: bad })).toBe("param_not_allowed");
  expect(codeOf(whitelist, { line: `${method} /v1/chat/completions`, body: good })).toBeUndefined();
});

test.each([
  "application/json; charset=utf-8",
  "application/json;charset=ISO-8859-1",
  'application/vnd.api+json; charset="UTF-8"',
  "Application/JSON",
  "text/plain",
  "text/json",
  "application/json5",
  "application/x-www-form-urlencoded",
  "audio/wav",
  "",
])("JSON is checked whatever its type says, %s for instance", (type) => {
  expect(codeOf(whitelist, { type, body: bad })).toBe("param_not_allowed");
  expect(codeOf(whitelist, { type, body: good })).toBeUndefined();
});

test.each([
  "application/json; charset=utf-16",
  "application/json; charset=shift_jis",
  "application/json; charset=utf-8; charset=utf-7",
  "application/json, text/plain",
  "multipart/form-data; boundary=x",
])("as %s nobody can be sure of it", (type) => {
  expect(codeOf(whitelist, { type, body: good })).toBe("param_not_allowed");
});

test("what holds no parameters passes, and what may hold some in another form doesn't", () => {
  const body = Buffer.from([0x52, 0x49, 0x46, 0x46, 0, 1, 2]);
  for (const type of ["audio/wav", "application/octet-stream", "image/png", "text/plain", "application/sdp"])
    expect(codeOf(whitelist, { type, body })).toBeUndefined();
  for (const type of [
    "",
    "application/x-protobuf",
    "application/cbor",
    "multipart/mixed; boundary=x",
    "text/plain, a/b",
  ])
    expect(codeOf(whitelist, { type, body })).toBe("param_not_allowed");
});

test("packed JSON is unpacked, up to a bound", () => {
  const pack = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync };
  for (const [encoding, packing] of Object.entries(pack)) {
    const headers = { "content-encoding": encoding };
    expect(codeOf(whitelist, { headers, body: packing(Buffer.from(bad)) })).toBe("param_not_allowed");
    expect(codeOf(whitelist, { headers, body: packing(Buffer.from(good)) })).toBeUndefined();
    const bomb = packing(Buffer.from(`{"a":"${"x".repeat(maxBytes)}","model":"gpt-4o"}`));
    expect(codeOf(whitelist, { headers, body: bomb })).toBe("param_not_allowed");
  }
});

test("what can't be unpacked for sure is refused", () => {
  const packed = gzipSync(Buffer.from(good));
  for (const [encoding, body] of [
    ["compress", packed],
    ["gzip", Buffer.from(good)],
    ["gzip, compress", packed],
    ["deflate", packed],
    ["gzip", Buffer.concat([packed, gzipSync(Buffer.from(bad))])],
    ["gzip", packed.subarray(0, packed.length - 12)],
  ] as const)
    expect(codeOf(whitelist, { headers: { "content-encoding": encoding }, body })).toBe("param_not_allowed");
  for (const encoding of ["identity", ""]) {
    expect(codeOf(whitelist, { headers: { "content-encoding": encoding }, body: good })).toBeUndefined();
    expect(codeOf(whitelist, { headers: { "content-encoding": encoding }, body: bad })).toBe("param_not_allowed");
  }
});

test("what is packed more than once is refused, however it reads", () => {
  const body = gzipSync(gzipSync(Buffer.from(good)));
  expect(codeOf(whitelist, { headers: { "content-encoding": "gzip, gzip" }, body })).toBe("param_not_allowed");
});

test("a packed form is refused: what it is packed in may be read as one too", () => {
  const type = "application/x-www-form-urlencoded";
  const plain = { line: "POST /v1/completions", type, body: "model=gpt-4o&prompt=hi" };
  expect(codeOf(whitelist, plain)).toBeUndefined();
  const packed = gzipSync(plain.body);
  // A gzip header may hold a file's name (RFC 1952, section 2.3).
  const named = Buffer.concat([packed.subarray(0, 10), Buffer.from("&model=o9&z=\0"), packed.subarray(10)]);
  named[3] = 0x08;
  for (const body of [packed, named])
    expect(codeOf(whitelist, { ...plain, body, headers: { "content-encoding": "gzip" } })).toBe("param_not_allowed");
});

test("a body whose type or encoding doesn't go up with it is refused", () => {
  for (const connection of ["content-type", "keep-alive, Content-Encoding", "close,content-type ,x"])
    expect(codeOf(whitelist, { headers: { connection }, body: good })).toBe("param_not_allowed");
  for (const connection of ["keep-alive", "close", "te, x-custom"])
    expect(codeOf(whitelist, { headers: { connection }, body: good })).toBeUndefined();
});

function form(...fields: readonly (readonly [disposition: string, text: string])[]): Request {
  const parts = fields.map(([name, text]) => `--b\r\nContent-Disposition: form-data; ${name}\r\n\r\n${text}\r\n`);
  const body = `${parts.join("")}--b--\r\n`;
  return { line: "POST /v1/audio/transcriptions", type: "multipart/form-data; boundary=b", body };
}

test("the text fields of a form are parameters", () => {
  const file = ['name="file"; filename="a.wav"', "RIFF"] as const;
  expect(codeOf(whitelist, form(file, ['name="model"', "gpt-4o"]))).toBeUndefined();
  expect(codeOf(whitelist, form(file))).toBeUndefined();
  for (const fields of [
    [file, ['name="model"', "whisper-1"]],
    [["name=MODEL", "whisper-1"], file],
    [
      ['name="model"', "gpt-4o"],
      ['name="model"', "gpt-4o"],
    ],
    [['name="model"; filename=""', "gpt-4o"]],
    [["name*=utf-8''model", "gpt-4o"]],
  ] as const)
    expect(codeOf(whitelist, form(...fields))).toBe("param_not_allowed");
  expect(codeOf(whitelist, { ...form(file), headers: { "content-encoding": "gzip" } })).toBe("param_not_allowed");
  const { body = "" } = form(['name="model"', "gpt-4o"]);
  const preamble = `{"model":"gpt-4o","a":"\r\n${String(form(['name="model"', "o9"]).body)}"}`;
  expect(codeOf(whitelist, { ...form(file), body: preamble })).toBe("param_not_allowed");
  const packed = { ...form(file), body: gzipSync(body), headers: { "content-encoding": "gzip" } };
  expect(codeOf(whitelist, packed)).toBe("param_not_allowed");
});

test("a form in a query's shape holds parameters too", () => {
  const type = "application/x-www-form-urlencoded";
  expect(codeOf(whitelist, { type, body: "a=1&model=gpt-4o" })).toBeUndefined();
  expect(codeOf(whitelist, { type, body: "a=1&%6dodel=o9" })).toBe("param_not_allowed");
  expect(codeOf(whitelist, { type, body: '{"model":"gpt-4o","a":"&model=o9&"}' })).toBe("param_not_allowed");
});

describe("what has more than can be looked at is refused as such, however little of it was sent", () => {
  const many = (text: string, count: number) => Array.from({ length: count }, () => text);
  const object = (count: number) => `{"model":"gpt-4o",${many('"":1', count - 1).join(",")}}`;
  const pairs = (count: number) => `model=gpt-4o${"&a".repeat(count - 1)}`;
  const inPairs = "application/x-www-form-urlencoded";
  const fields = (count: number) =>
    form(['name="model"', "gpt-4o"], ...many("name=a", count - 1).map((name) => [name, ""] as const));
  const long = `"${"m_".repeat(501)}":1`;
  const told = (request: Request) => {
    const { code, message = "passes" } = refusal(whitelist, request, 8_388_608) ?? {};
    return `${code}, ${message.includes("more than can be looked at") ? "excessive" : "looked at"}`;
  };
  const passes = "undefined, looked at";
  const excessive = "param_not_allowed, excessive";

  test("members of an object, pairs and fields of forms are counted up to 5000", () => {
    for (const [most, more] of [
      [{ body: object(5_000) }, { body: object(5_001) }],
      [
        { type: inPairs, body: pairs(5_000) },
        { type: inPairs, body: pairs(5_001) },
      ],
      [fields(5_000), fields(5_001)],
    ] as const)
      expect([told(most), told(more)]).toEqual([passes, excessive]);
  });

  test("a name of more than 1000 characters isn't compared", () => {
    const name = "a".repeat(1_001);
    expect(told({ body: `{"model":"gpt-4o",${long}}` })).toBe(excessive);
    expect(told({ type: inPairs, body: `model=gpt-4o&${name}` })).toBe(excessive);
    expect(told(form(['name="model"', "gpt-4o"], [`name="${name}"`, ""]))).toBe(excessive);
  });

  test("what stands deeper, or in texts, isn't counted", () => {
    const deep = `{"a":${object(6_000)},"b":[${many("1", 6_000).join(",")}],"c":"${many('\\"', 6_000).join(",")}","model":"o9"}`;
    expect(told({ body: deep.replace("o9", "gpt-4o") })).toBe(passes);
    expect(told({ body: deep })).toBe("param_not_allowed, looked at");
  });

  test("values of a JSON text are counted at any depth, up to 500000, and what follows is not read", () => {
    // The model and the list are values too.
    const deep = (values: number) => `{"model":"o9","a":[${many("1", values - 2).join(",")}]`;
    const most = 3_000_000;
    const code = (body: string) => refusal(whitelist, { body }, most)?.message;
    expect(code(`${deep(500_000)}}`)).toContain("has a value that is not allowed");
    expect(code(`${deep(500_001)}}`)).toContain("more than can be looked at");
    expect(code(`${deep(500_001)} and no JSON`)).toContain("more than can be looked at");
    expect(code(`{"model":"gpt-4o","a":"${'\\"'.repeat(600_000)}"}`)).toBeUndefined();
  });

  test("a value of more than 100000 characters is only matched by what anything matches", () => {
    const code = (pattern: string, value: string) =>
      refusal(models(pattern), { body: `{"model":"${value}"}` }, 700_000)?.code;
    expect(code("a**", "a".repeat(100_000))).toBeUndefined();
    expect(code("a**", "\\u0061".repeat(100_000))).toBeUndefined();
    expect(code("a**", "a".repeat(100_001))).toBe("param_not_allowed");
    expect(code("**", "a".repeat(100_001))).toBeUndefined();
  });

  test("on a socket too, and in what its messages hold", () => {
    const message = (text: string) =>
      readRefusal(() => checkPolicyMessage(compile(whitelist), targetOf("GET /v1/responses"), Buffer.from(text)))
        ?.message ?? "passes";
    expect(message(object(5_001))).toContain("more than can be looked at");
    expect(message(`{"response":${object(5_001)}}`)).toContain("more than can be looked at");
    expect(message(`{"response":${object(5_000)}}`)).toBe("passes");
    expect(message(`{"response":null,"a":${object(6_000)}}`)).toBe("passes");
  });
});

test("a model that the query or the path names counts, beside the body's", () => {
  const rules = models("gpt-4o", "gemini-2.5-*");
  for (const [line, code] of [
    ["POST /v1/chat/completions?model=gpt-4o", undefined],
    ["POST /v1/chat/completions?%6dodel=o9", "param_not_allowed"],
    ["POST /v1beta/models/gemini-2.5-pro:generateContent", undefined],
    ["POST /v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", undefined],
    ["POST /v1beta/models/gemini%2d2.5-pro:generateContent", undefined],
    ["POST /v1beta/models/o9:generateContent", "param_not_allowed"],
    ["POST /v1beta/models/o9%3AgenerateContent", "param_not_allowed"],
    ["POST /v1beta/%6dodels/o9:generateContent", "param_not_allowed"],
    ["POST /v1beta/models%2Fo9:generateContent", "param_not_allowed"],
    ["POST /v1beta/models/gemini-2.5-pro%2F..%2Fo9:generateContent", "param_not_allowed"],
    ["POST /v1beta/models/gemini-2.5-a%2Fb:generateContent", "param_not_allowed"],
    ["POST /v1beta/models/o9:generateContent#/models/gemini-2.5-pro:generateContent", "param_not_allowed"],
    ["POST /v1beta/tunedModels/mine:generateContent", "param_not_allowed"],
    ["GET /v1beta/models/o9", undefined],
    ["GET /v1beta/models", undefined],
    ["POST /openai/openai/deployments/gpt-4o/chat/completions?api-version=1", undefined],
    ["POST /openai/openai/deployments/o9/chat/completions?api-version=1", "param_not_allowed"],
    ["POST /openai/openai/Deployments/o9/chat/completions", "param_not_allowed"],
    ["POST /openai/openai/deployments%2fo9/chat/completions", "param_not_allowed"],
    ["DELETE /v1/models/ft:gpt-4o:org::id", undefined],
  ] as const) {
    expect([line, codeOf(rules, { line, body: '{"contents":[]}' })]).toEqual([line, code]);
  }
  const both = { line: "POST /v1beta/models/gemini-2.5-pro:generateContent", body: bad };
  expect(codeOf(rules, both)).toBe("param_not_allowed");
});

test("Gemini's models may be named as resources, others may not", () => {
  const body = '{"model":"models/gemini-2.5-pro"}';
  expect(codeOf(models("gemini-2.5-*"), { line: "POST /v1beta/cachedContents", body })).toBeUndefined();
  expect(codeOf(models("gemini-2.5-*"), { line: "POST /v1/chat/completions", body })).toBe("param_not_allowed");
});

test("what a token may use some models for has to name one, where a model works for it", () => {
  const rules: Rules = { allowedModels: ["gpt-4o", "gemini-*", "claude-*"] };
  for (const [line, code] of [
    ["POST /v1/chat/completions", "model_not_allowed"],
    ["POST /v1/responses", "model_not_allowed"],
    ["POST /v1/images/generations", "model_not_allowed"],
    ["POST /v1/images/generation%73", "model_not_allowed"],
    ["POST /v1//nothing", "model_not_allowed"],
    ["POST /v1/nothing;x", "model_not_allowed"],
    ["POST /v1/nothin%67", "model_not_allowed"],
    ["POST /v1/embeddings", "model_not_allowed"],
    ["POST /v1/messages", "model_not_allowed"],
    ["POST /v1/messages/batches", "model_not_allowed"],
    ["POST /v1/batches", "model_not_allowed"],
    ["POST /v1/threads/t/runs", "model_not_allowed"],
    ["POST /v1/realtime/client_secrets", "model_not_allowed"],
    ["POST /v1beta/interactions", "model_not_allowed"],
    ["POST /v1beta/models/gemini-2.5-pro:generateContent", undefined],
    ["POST /v1beta/models/gemini-embedding-2:batchEmbedContents", undefined],
    ["POST /v1beta/dynamic/x:generateContent", "model_not_allowed"],
    ["POST /v1/vector_stores", undefined],
    ["GET /v1/models", undefined],
  ] as const) {
    expect([line, codeOf(rules, { line, body: "{}" })]).toEqual([line, code]);
    expect([line, codeOf(rules, { line })]).toEqual([line, code]);
  }
  expect(codeOf(rules, { body: good })).toBeUndefined();
  expect(codeOf(rules, { body: bad })).toBe("model_not_allowed");
  expect(codeOf(rules, { body: '{"model":"gpt-4o","models":["o9"]}' })).toBe("model_not_allowed");
  expect(codeOf(rules, { body: '{"model":"gpt-4o","model":"gpt-4o"}' })).toBe("model_not_allowed");
  expect(codeOf(rules, { body: "{" })).toBe("model_not_allowed");
});

test("a provider's policy, a project's and a token's models must all let a call pass", () => {
  const policies: Policy[] = [
    { paramWhitelist: { model: ["gpt-*"] } },
    { paramWhitelist: { model: ["*-4o"], n: ["1"] } },
  ];
  const rules: Rules = { policies, allowedModels: ["gpt-4o"] };
  const codes = [
    '{"model":"gpt-4o"}',
    '{"model":"claude-4o"}',
    '{"model":"gpt-5"}',
    '{"model":"gpt-x-4o"}',
    '{"model":"gpt-4o","n":2}',
  ].map((body) => codeOf(rules, { body }));
  expect(codes).toEqual([
    undefined,
    "param_not_allowed",
    "param_not_allowed",
    "model_not_allowed",
    "param_not_allowed",
  ]);
});

test("a refusal names the parameter and what is allowed, and never the value", () => {
  const { message = "", status } = refusal(whitelist, { body: '{"model":"canary"}' }) ?? {};
  expect([message, status]).toEqual([
    'The parameter model has a value that is not allowed here. Allowed are: "gpt-4o", "gpt-4.1-*".',
    400,
  ]);
  expect(refusal({ allowedModels: ["a"] }, { body: '{"model":"canary"}' })).toMatchObject({
    status: 403,
    message: 'The parameter model has a value that is not allowed here. Allowed are: "a".',
  });
});

test("a body that is too large to be held is refused with the first rule's code", () => {
  expect(createTooLargeToHold(compile(whitelist), 10)).toMatchObject({ code: "param_not_allowed" });
  expect(createTooLargeToHold(compile({ allowedModels: ["a"] }), 10)).toMatchObject({ code: "model_not_allowed" });
});

test("rules of heads alone leave bodies alone", () => {
  expect(codeOf({ policies: [{ allowedMethods: ["POST"] }] }, { body: "{" })).toBeUndefined();
});

test("a model in the query of an upgrade is checked, and need not be there yet", () => {
  const upgrade = (line: string, rules: Rules) =>
    readRefusal(() => checkPolicyUpgrade(compile(rules), targetOf(line)))?.code;
  expect(upgrade("GET /v1/realtime?model=gpt-4o", whitelist)).toBeUndefined();
  expect(upgrade("GET /v1/realtime?model=o9", whitelist)).toBe("param_not_allowed");
  expect(upgrade("GET /v1/realtime?model=gpt-4o&model=o9", { allowedModels: ["gpt-*"] })).toBe("model_not_allowed");
  expect(upgrade("GET /v1/responses", { allowedModels: ["gpt-*"] })).toBeUndefined();
});

test("a socket's messages are checked at their top and in what they hold", () => {
  const said = (text: string | Uint8Array, rules: Rules, line = "GET /v1/responses") =>
    readRefusal(() => checkPolicyMessage(compile(rules), targetOf(line), Buffer.from(text)))?.code;
  const token: Rules = { allowedModels: ["gpt-4o"] };
  for (const [text, code] of [
    ['{"type":"response.create","model":"gpt-4o","input":[]}', undefined],
    ['{"type":"response.create","response":{"model":"gpt-4o"}}', undefined],
    ['{"type":"input_audio_buffer.append","audio":"AAAA"}', undefined],
    ['{"type":"response.create","model":"o9"}', "param_not_allowed"],
    ['{"type":"response.create","response":{"model":"o9"}}', "param_not_allowed"],
    ['{"type":"session.update","session":{"model":"o9"}}', "param_not_allowed"],
    ['{"setup":{"model":"models/o9"}}', "param_not_allowed"],
    ['{"type":"response.create","model":"gpt-4o","response":{"model":"o9"}}', "param_not_allowed"],
    ['{"type":"response.create","response":{"model":"gpt-4o"},"response":{"model":"o9"}}', "param_not_allowed"],
    ['{"type":"response.create","response":{"model":"gpt-4o","model":"gpt-4o"}}', "param_not_allowed"],
    ['{"type":"response.create","model":"gpt-4o"', "param_not_allowed"],
    ["RIFF", "param_not_allowed"],
  ] as const) {
    expect([text, said(text, whitelist)]).toEqual([text, code]);
    expect([text, said(text, token)]).toEqual([text, code && "model_not_allowed"]);
  }
  const bare = '{"type":"response.create","response":{}}';
  expect(said(bare, whitelist)).toBeUndefined();
  expect(said(bare, token)).toBe("model_not_allowed");
  expect(said(bare, token, "GET /v1/realtime?model=gpt-4o")).toBeUndefined();
  expect(said('{"type":"response\\u002ecreate"}', token)).toBe("model_not_allowed");
});
