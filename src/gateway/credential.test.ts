import { expect, test } from "bun:test";
import { Refusal } from "../domain/refusal.ts";
import { type AdmissionConfig, createAdmission } from "./credential.ts";
import type { Route } from "./route.ts";
import type { Pass } from "./token-book.ts";

const gateKey = "gate-key-1";
const open: AdmissionConfig = {
  authMode: ["open"],
  allowOpenRelay: false,
  corsAllowedOrigins: ["*"],
  ownHosts: ["gateway.example"],
  tokens: {
    find: () => {
      throw new Refusal("token_unknown");
    },
  },
};
const everyPlace = [
  "authorization",
  "x-api-key",
  "x-goog-api-key",
  "api-key",
  "query",
  "x-weir-key",
  "subprotocol",
] as const;
const gate: AdmissionConfig = { ...open, authMode: ["gate"], gateKey };

function admit(
  config: AdmissionConfig,
  headers: Record<string, string>,
  { key, search = "", probe = false }: { key?: string; search?: string; probe?: boolean } = {},
) {
  const route = { provider: { key }, probe } as unknown as Route;
  const grant = createAdmission(config)(route, { host: "127.0.0.1:3000", ...headers }, search);
  if (grant instanceof Promise) throw new Error("only a token has to be waited for");
  return grant;
}

function refusal(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof Refusal ? error.code : "no refusal";
  }
}

const places: [string, Record<string, string>, string][] = [
  ["Bearer", { authorization: `Bearer ${gateKey}` }, ""],
  ["bearer", { authorization: `bearer ${gateKey}` }, ""],
  ["x-api-key", { "x-api-key": gateKey }, ""],
  ["x-goog-api-key", { "x-goog-api-key": gateKey }, ""],
  ["api-key", { "api-key": gateKey }, ""],
  ["x-weir-key", { "x-weir-key": gateKey }, ""],
  ["query", {}, `?alt=sse&key=${gateKey}`],
  ["subprotocol", { "sec-websocket-protocol": `realtime, openai-insecure-api-key.${gateKey}` }, ""],
];

test.each(places)(
  "the gate key opens the gate in the place %s, and every place is emptied for the operator's key",
  (_, headers, search) => {
    const grant = admit(gate, headers, { key: "sk-operator", search });
    expect(grant.key).toBe("sk-operator");
    expect(grant.emptied.size).toBe(7);
  },
);

test("a wrong, cut or differently cased gate key is refused, and so is none", () => {
  for (const wrong of ["x", "gate-key-", "gate-key-11", "GATE-KEY-1"])
    expect(refusal(() => admit(gate, { "x-api-key": wrong }, { key: "k" }))).toBe("invalid_api_key");
  expect(refusal(() => admit(gate, {}, { key: "k" }))).toBe("credential_missing");
});

test("the gate key never goes up as a key: with no operator's key only one beside x-weir-key does", () => {
  expect(refusal(() => admit(gate, { authorization: `Bearer ${gateKey}` }))).toBe("provider_key_missing");
  expect(refusal(() => admit(gate, { authorization: `Bearer ${gateKey}`, "x-api-key": "own" }))).toBe(
    "provider_key_missing",
  );
  expect(() => admit(gate, { "x-weir-key": gateKey })).toThrow("Send one of your own, with what lets you in here");
  const grant = admit(gate, { "x-weir-key": gateKey, authorization: "Bearer own" });
  expect(grant.key).toBeUndefined();
  expect([...grant.emptied]).toEqual(["x-weir-key"]);
});

test("a placeholder in one place doesn't hide the gate key in another", () => {
  expect(admit(gate, { authorization: "Bearer placeholder", "x-api-key": gateKey }, { key: "sk-operator" }).key).toBe(
    "sk-operator",
  );
});

test("in open mode a consumer's own credentials go as they came", () => {
  const grant = admit(open, { authorization: "Bearer own-oauth" });
  expect(grant).toEqual({ emptied: new Set() });
  expect(admit(open, {})).toEqual({ emptied: new Set() });
});

test("the management token is refused in every mode, wherever it stands", () => {
  for (const authMode of [["open"], ["gate"], ["open", "gate"]] as const) {
    const config = { ...gate, authMode, managementToken: "manage-1" };
    expect(
      refusal(() => admit(config, { "x-api-key": "manage-1", authorization: `Bearer ${gateKey}` }, { key: "k" })),
    ).toBe("invalid_api_key");
  }
});

test("a secret of ours behind another value of the same header is refused, and so never goes up", () => {
  const token = "sk-weir-0123456789";
  const both = { ...gate, authMode: ["open", "gate"] as const, managementToken: "manage-1" };
  for (const secret of [gateKey, "manage-1", token]) {
    const code = secret === token ? "token_invalid" : "invalid_api_key";
    const joinings: readonly Record<string, string>[] = [
      { "x-api-key": `own, ${secret}` },
      { "x-api-key": `${secret},own` },
      { "api-key": `own, ${secret}`, "x-weir-key": gateKey },
      { authorization: `Bearer own, Bearer ${secret}` },
      { authorization: `Bearer own, ${secret}` },
      { authorization: `Basic own, Bearer ${secret}` },
      { "x-goog-api-key": `own;${secret}` },
    ];
    for (const joined of joinings)
      for (const key of [undefined, "sk-operator"])
        expect([joined, refusal(() => admit(both, joined, key === undefined ? {} : { key }))]).toEqual([joined, code]);
  }
});

test("a credential of several words goes as it came where none of them is ours", () => {
  const signed = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu/bedrock/aws4_request, SignedHeaders=host, Signature=ab";
  expect(admit(open, { authorization: signed })).toEqual({ emptied: new Set() });
  expect(admit({ ...gate, authMode: ["open", "gate"] }, { authorization: signed })).toEqual({ emptied: new Set() });
  const endless = Array.from({ length: 100 }, () => "x").join(",");
  expect(refusal(() => admit(open, { authorization: endless }))).toBe("invalid_api_key");
});

test("a gate key of several words opens the gate", () => {
  const config = { ...gate, gateKey: "gate key, 1" };
  expect(admit(config, { "x-api-key": "gate key, 1" }, { key: "sk-operator" }).key).toBe("sk-operator");
});

test("every key among the subprotocols is looked at", () => {
  const offer = (...keys: readonly string[]) => ({
    "sec-websocket-protocol": ["realtime", ...keys.map((key) => `openai-insecure-api-key.${key}`)].join(", "),
  });
  const config = { ...gate, authMode: ["open", "gate"] as const, managementToken: "manage-1" };
  expect(refusal(() => admit(config, offer("aaa", "manage-1")))).toBe("invalid_api_key");
  expect(refusal(() => admit(config, offer("aaa", "sk-weir-1")))).toBe("token_unknown");
  expect(refusal(() => admit(config, offer("aaa", gateKey)))).toBe("provider_key_missing");
  expect(admit(config, offer("aaa", gateKey), { key: "sk-operator" }).emptied.size).toBe(7);
});

test("a key of one's own goes up from no place where one of ours stands too", () => {
  const protocols = `openai-insecure-api-key.own, openai-insecure-api-key.${gateKey}`;
  const headers = { "x-weir-key": gateKey, "sec-websocket-protocol": protocols };
  expect(refusal(() => admit(gate, headers))).toBe("provider_key_missing");
  expect(refusal(() => admit(gate, { "x-weir-key": gateKey }, { search: `?key=own&key=${gateKey}` }))).toBe(
    "provider_key_missing",
  );

  const token = "sk-weir-0123456789";
  const pass = { project: { settings: { allowOwnKeys: true } }, keys: new Map() } as unknown as Pass;
  const config: AdmissionConfig = { ...gate, authMode: ["token"], tokens: { find: () => pass } };
  const mine = { "x-weir-key": token, "x-api-key": "own" };
  expect([...everyPlace].filter((place) => !admit(config, mine).emptied.has(place))).toEqual(["x-api-key"]);
  const search = `?key=own&key=${token}`;
  expect([...everyPlace].filter((place) => !admit(config, mine, { search }).emptied.has(place))).toEqual(["x-api-key"]);
  expect(admit(config, { "x-weir-key": token }, { search, key: "sk-operator" }).key).toBe("sk-operator");
});

test("a Bearer without anything after it is no credential", () => {
  for (const authorization of ["Bearer", "bearer ", "Bearer   "])
    expect([authorization, refusal(() => admit(gate, { authorization }))]).toEqual([
      authorization,
      "credential_missing",
    ]);
  expect(refusal(() => admit(gate, { authorization: "Bearerx" }))).toBe("invalid_api_key");
});

test("no web page spends the operator's money", () => {
  const page = (headers: Record<string, string>, config = open) =>
    refusal(() => admit(config, headers, { key: "sk-operator" }));
  expect(page({})).toBeUndefined();
  expect(page({ origin: "https://evil.example" })).toBe("origin_not_allowed");
  expect(page({ "sec-fetch-site": "cross-site" })).toBe("origin_not_allowed");
  expect(page({ host: "rebound.example:3000" })).toBe("origin_not_allowed");
  expect(page({ host: "gateway.example:3000" })).toBeUndefined();
  expect(page({ host: "[::1]:3000" })).toBeUndefined();
  const named = { ...open, corsAllowedOrigins: ["https://app.example"] };
  expect(page({ origin: "https://app.example" }, named)).toBeUndefined();
  expect(page({ origin: "https://app.example", host: "rebound.example" }, named)).toBe("origin_not_allowed");
  expect(page({ host: "anything.example" }, { ...open, allowOpenRelay: true })).toBeUndefined();
  expect(refusal(() => admit(open, { origin: "https://evil.example", authorization: "Bearer own" }))).toBeUndefined();
});

test("a probe goes up with no credential at all, whatever the mode", () => {
  expect(admit(gate, {}, { key: "sk-operator", probe: true })).toEqual({ emptied: new Set(everyPlace) });
});

test("a question mark within the query begins no place of a credential: it would go up as it came", () => {
  for (const search of [`??key=${gateKey}`, `?a=1?key=${gateKey}`, `?xkey=${gateKey}`])
    expect([search, refusal(() => admit(gate, {}, { key: "sk-operator", search }))]).toEqual([
      search,
      "credential_missing",
    ]);
});
