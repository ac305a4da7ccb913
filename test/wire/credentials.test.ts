import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Answer, Request } from "./client.ts";
import type { Header, Seen } from "./upstream.ts";
import { openWire, type Wire, type WireOptions } from "./wire.ts";

const gateKey = "gate-Key-0123456789";
const management = "manage-0123456789abcdef";
const operator = { UPSTREAM_API_KEY: "op-openai", ANTHROPIC_API_KEY: "op-anthropic", GEMINI_API_KEY: "op-gemini" };
const json: Header = ["content-type", "application/json"];

const setups = {
  gated: {
    env: { PROXY_API_KEY: gateKey, MANAGEMENT_TOKEN: management, AUTH_MODE: "gate", ...operator },
    yaml: ({ other }) => `
      providers:
        asked: { base_url: "${other}", dialect: openai, key: op-other, key_in: query }
        azure: { base_url: "${other}", dialect: openai, key: op-other, key_in: api-key }
        kimi: { base_url: "${other}", dialect: anthropic, key: op-other, key_in: bearer }`,
  },
  keyless: { env: { PROXY_API_KEY: gateKey } },
  open: { env: { MANAGEMENT_TOKEN: management, AUTH_MODE: "open" } },
  paid: { env: operator },
  shared: { env: { UPSTREAM_API_KEY: "op-openai", CORS_ALLOWED_ORIGINS: "https://app.example" } },
  relay: { env: { UPSTREAM_API_KEY: "op-openai", HOST: "0.0.0.0", ALLOW_OPEN_RELAY: "true" } },
} satisfies Record<string, WireOptions>;

type Setup = keyof typeof setups;
const wires = new Map<Setup, Wire>();
beforeAll(async () => {
  const opened = Object.entries(setups).map(async ([name, options]) =>
    wires.set(name as Setup, await openWire(options)),
  );
  await Promise.all(opened);
});
afterAll(async () => {
  for (const wire of wires.values()) await wire[Symbol.asyncDispose]();
});

function find(name: Setup): Wire {
  const wire = wires.get(name);
  if (wire === undefined) throw new Error(`${name} is not open`);
  return wire;
}

/** Each family's call, where its operator's key belongs, and how its refusals look. */
const families = {
  openai: {
    target: "/openai/v1/responses",
    path: "/v1/responses",
    place: (seen: Seen) => seen.header("authorization"),
    key: "Bearer op-openai",
    refusal: (type: string, code: string) => ({ error: { message: expect.any(String), type, param: null, code } }),
  },
  anthropic: {
    target: "/anthropic/v1/messages",
    path: "/v1/messages",
    place: (seen: Seen) => seen.header("x-api-key"),
    key: "op-anthropic",
    refusal: (type: string) => ({
      type: "error",
      error: { type, message: expect.any(String) },
      request_id: expect.any(String),
    }),
  },
  gemini: {
    target: "/gemini/v1beta/models/m:generateContent",
    path: "/v1beta/models/m:generateContent",
    place: (seen: Seen) => seen.header("x-goog-api-key"),
    key: "op-gemini",
    refusal: (_type: string, reason: string) => ({
      error: {
        code: 401,
        message: expect.any(String),
        status: "UNAUTHENTICATED",
        details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain: "weir" }],
      },
    }),
  },
} as const;

type Place = (credential: string) => { readonly headers?: readonly Header[]; readonly query?: string };
const places: Readonly<Record<string, Place>> = {
  Authorization: (credential) => ({ headers: [["authorization", `Bearer ${credential}`]] }),
  "Authorization, in small letters": (credential) => ({ headers: [["AUTHORIZATION", `bearer ${credential}`]] }),
  "x-api-key": (credential) => ({ headers: [["x-api-key", credential]] }),
  "x-goog-api-key": (credential) => ({ headers: [["x-goog-api-key", credential]] }),
  "api-key": (credential) => ({ headers: [["api-key", credential]] }),
  "x-weir-key": (credential) => ({ headers: [["x-weir-key", credential]] }),
  "?key=": (credential) => ({ query: `key=${credential}` }),
  "?key= among others": (credential) => ({ query: `alt=sse&key=${credential}&x=%41` }),
};

function request(target: string, place: ReturnType<Place> = {}, more: readonly Header[] = []): Request {
  const query = place.query === undefined ? "" : `?${place.query}`;
  return { method: "POST", target: target + query, headers: [json, ...(place.headers ?? []), ...more], body: "{}" };
}

/** The one request that reached the upstream. */
async function pass(setup: Setup, sent: Request): Promise<Seen> {
  const { answer, seen } = await find(setup).exchange(sent);
  const [only] = seen;
  if (only === undefined) throw new Error(`Refused: ${answer.status} ${answer.text}`);
  return only;
}

/** A refusal, of which nothing reached the upstream. */
async function refuse(setup: Setup, sent: Request): Promise<Answer> {
  const { answer, seen } = await find(setup).exchange(sent);
  expect(seen.map(({ head }) => head)).toEqual([]);
  return answer;
}

const codeOf = (answer: Answer) => `${answer.status} ${answer.header("x-weir-error")}`;

for (const [family, { target, path, place: keyPlace, key }] of Object.entries(families)) {
  describe(`${family} behind a gate`, () => {
    for (const [where, place] of Object.entries(places)) {
      test.concurrent(`the gate key in ${where} passes, and only the operator's key goes up`, async () => {
        const seen = await pass("gated", request(target, place(gateKey)));
        expect(keyPlace(seen)).toBe(key);
        expect(seen.head).not.toContain(gateKey);
        expect(seen.head.match(/op-/g)?.length).toBe(1);
        expect(seen.target).toBe(path + (where.endsWith("others") ? "?alt=sse&x=%41" : ""));
      });

      test.concurrent(`a wrong key in ${where} is refused in the shape of its API`, async () => {
        const answer = await refuse("gated", request(target, place("wrong")));
        expect(codeOf(answer)).toBe("401 invalid_api_key");
        expect(answer.json()).toEqual(
          families[family as keyof typeof families].refusal("authentication_error", "invalid_api_key"),
        );
        expect(answer.header("content-type")).toStartWith("application/json");
        expect(answer.header("x-weir-exchange-id")).toBeString();
        expect(answer.header("x-request-id")).toBeString();
        expect(answer.text).not.toContain("wrong");
      });
    }

    test.concurrent("a placeholder beside the gate key doesn't matter, and goes no further", async () => {
      const all = Object.values(places)
        .slice(2, 6)
        .flatMap((place) => place("placeholder").headers ?? []);
      const sent = request(target, {
        headers: [["authorization", `Bearer ${gateKey}`], ...all],
        query: "key=placeholder",
      });
      const seen = await pass("gated", {
        ...sent,
        headers: sent.headers?.filter(([name]) => name !== "x-weir-key") ?? [],
      });
      expect(keyPlace(seen)).toBe(key);
      expect(seen.head).not.toContain("placeholder");
    });

    test.concurrent("no credential is refused as missing", async () => {
      expect(codeOf(await refuse("gated", request(target)))).toBe("401 credential_missing");
    });
  });
}

const nearly = [
  gateKey.slice(0, -1),
  `${gateKey}x`,
  gateKey.toLowerCase(),
  ` ${gateKey} x`,
  `${gateKey},${gateKey}`,
  "",
];

for (const wrong of nearly) {
  test.concurrent(`${JSON.stringify(wrong)} is not the gate key`, async () => {
    for (const { target } of Object.values(families)) {
      expect((await refuse("gated", request(target, { headers: [["authorization", `Bearer ${wrong}`]] }))).status).toBe(
        401,
      );
      expect((await refuse("gated", request(target, { headers: [["x-api-key", wrong]] }))).status).toBe(401);
    }
  });
}

test.concurrent("a provider's key goes where its configuration says, and nowhere else", async () => {
  const send = (target: string) =>
    pass(
      "gated",
      request(target, {
        headers: [
          ["x-weir-key", gateKey],
          ["authorization", "Bearer own"],
        ],
      }),
    );
  const asked = await send("/asked/v1/responses?a=1");
  expect([asked.target, asked.head.includes("own")]).toEqual(["/v1/responses?a=1&key=op-other", false]);
  const azure = await send("/azure/v1/responses");
  expect([azure.header("api-key"), azure.header("authorization")]).toEqual(["op-other", undefined]);
  const kimi = await send("/kimi/v1/messages");
  expect([kimi.header("authorization"), kimi.header("x-api-key")]).toEqual(["Bearer op-other", undefined]);
});

describe("a gate without operator's keys", () => {
  test.concurrent("the gate key alone has nothing to go up with", async () => {
    for (const { target } of Object.values(families)) {
      expect(codeOf(await refuse("keyless", request(target, { headers: [["x-weir-key", gateKey]] })))).toBe(
        "401 provider_key_missing",
      );
      expect(
        codeOf(await refuse("keyless", request(target, { headers: [["authorization", `Bearer ${gateKey}`]] }))),
      ).toBe("401 provider_key_missing");
    }
  });

  test.concurrent("in x-weir-key it leaves the other places to the consumer's own key, which goes up where and how it came", async () => {
    for (const { target, path } of Object.values(families)) {
      for (const own of [
        ["authorization", "Bearer sk-ant-oat01-own"],
        ["x-api-key", "own"],
        ["x-goog-api-key", "own"],
        ["api-key", "own"],
      ] as const) {
        const seen = await pass("keyless", request(target, { headers: [["x-weir-key", gateKey], own] }));
        expect(seen.header(own[0])).toBe(own[1]);
        expect(seen.head).not.toContain(gateKey);
      }
      const seen = await pass("keyless", request(target, { headers: [["x-weir-key", gateKey]], query: "a=1&key=own" }));
      expect(seen.target).toBe(`${path}?a=1&key=own`);
    }
  });

  test.concurrent("in any other place what stands beside it is a placeholder", async () => {
    const headers: Header[] = [
      ["authorization", `Bearer ${gateKey}`],
      ["x-api-key", "placeholder"],
    ];
    expect(codeOf(await refuse("keyless", request("/v1/messages", { headers })))).toBe("401 provider_key_missing");
  });

  test.concurrent("the consumer's own key without the gate key doesn't pass", async () => {
    expect(codeOf(await refuse("keyless", request("/v1/messages", { headers: [["x-api-key", "own"]] })))).toBe(
      "401 invalid_api_key",
    );
  });
});

describe("where anybody may call", () => {
  const owns: readonly Header[] = [
    ["authorization", "Bearer sk-ant-oat01-own"],
    ["authorization", "Basic b3du"],
    ["x-api-key", "own"],
    ["x-goog-api-key", "own"],
    ["api-key", "own"],
  ];
  for (const [family, { target, path, place, key }] of Object.entries(families)) {
    test.concurrent(`${family}: the consumer's own credential goes up where and how it came`, async () => {
      for (const own of owns) {
        const seen = await pass("open", request(target, { headers: [own] }));
        expect(seen.header(own[0])).toBe(own[1]);
      }
      expect((await pass("open", request(target, { query: "key=own&a=%20" }))).target).toBe(`${path}?key=own&a=%20`);
      expect((await pass("open", request(target))).head).not.toMatch(/authorization|api-key/i);
    });

    test.concurrent(`${family}: an operator's key takes the place of every credential`, async () => {
      for (const own of owns) {
        const seen = await pass("paid", request(target, { headers: [own], query: "key=own" }));
        expect(place(seen)).toBe(key);
        expect(seen.head).not.toMatch(/own|b3du/);
        expect(seen.target).toBe(path);
      }
    });
  }

  test.concurrent("x-weir-key never goes up", async () => {
    expect(
      (await pass("open", request("/v1/responses", { headers: [["x-weir-key", "anything"]] }))).head,
    ).not.toContain("anything");
  });
});

describe("the management token is refused, wherever it stands and whoever may call", () => {
  for (const setup of ["gated", "open"] as const) {
    for (const [where, place] of Object.entries(places)) {
      test.concurrent(`${setup}, in ${where}`, async () => {
        for (const { target } of Object.values(families)) {
          expect((await refuse(setup, request(target, place(management)))).status).toBe(401);
        }
        const beside: Header[] = setup === "gated" ? [["x-weir-key", gateKey]] : [["x-api-key", "own"]];
        const both = request("/v1/responses", place(management));
        if (where !== "x-weir-key" && where !== "x-api-key") {
          expect((await refuse(setup, { ...both, headers: [...(both.headers ?? []), ...beside] })).status).toBe(401);
        }
      });
    }
  }
});

test.concurrent("a secret behind another key in the query is found too", async () => {
  for (const [setup, secret] of [
    ["open", management],
    ["gated", management],
    ["open", "sk-weir-0123456789"],
  ] as const) {
    expect((await refuse(setup, request("/v1/responses", { query: `key=own&key=${secret}` }))).status).toBe(401);
  }
  const seen = await pass("gated", request("/openai/v1/responses", { query: `key=own&a=1&key=${gateKey}&key=` }));
  expect(seen.target).toBe("/v1/responses?a=1");
});

test.concurrent("a secret in the second of two headers of one name, or behind another in one, is found too", async () => {
  for (const [setup, secret] of [
    ["open", management],
    ["gated", management],
    ["gated", gateKey],
    ["keyless", gateKey],
    ["open", "sk-weir-0123456789"],
  ] as const) {
    for (const headers of [
      [
        ["x-api-key", "own"],
        ["x-api-key", secret],
      ],
      [["authorization", `Bearer own, Bearer ${secret}`]],
    ] satisfies Header[][])
      expect((await refuse(setup, request("/v1/responses", { headers }))).status).toBe(401);
  }
});

test.concurrent("what looks like a token of ours is never anything else, whatever comes beside it", async () => {
  for (const setup of ["gated", "open", "paid"] as const) {
    for (const [where, place] of Object.entries(places)) {
      const token = place("sk-weir-0123456789abcdefghijklmnopqrstuv");
      const beside: Header[] = where.startsWith("x-weir") ? [["x-api-key", gateKey]] : [["x-weir-key", gateKey]];
      const answer = await refuse(setup, request("/v1/messages", token, beside));
      expect([answer.status, answer.header("x-weir-error")?.startsWith("token_")]).toEqual([401, true]);
    }
  }
});

describe("a body with a wrong key isn't read", () => {
  const length: Header = ["content-length", "10000000"];

  test.concurrent("its head alone is answered", async () => {
    const sent = request("/v1/responses", { headers: [["authorization", "Bearer wrong"], length] });
    const running = find("gated").open({ ...sent, body: "{" }, undefined, 2000);
    const answer = await running.answer;
    expect(codeOf(answer)).toBe("401 invalid_api_key");
    expect(running.seen).toEqual([]);
  });

  test.concurrent("a consumer that sends all of it gets the answer too", async () => {
    const sent = request("/v1/responses", { headers: [["authorization", "Bearer wrong"]] });
    const running = find("gated").open({ ...sent, body: new Uint8Array(10_000_000) });
    expect(codeOf(await running.answer)).toBe("401 invalid_api_key");
    expect(running.seen).toEqual([]);
    expect((await running.record()).request.bytes).toBeLessThan(10_000_000);
  });
});

describe("no web page spends the operator's money", () => {
  const foreign: Readonly<Record<string, readonly Header[]>> = {
    "an Origin": [["origin", "https://evil.example"]],
    "an Origin of null": [["origin", "null"]],
    "a cross-site fetch": [["sec-fetch-site", "cross-site"]],
    "the Host of a rebound name": [["host", "evil.example"]],
    "the Host of a rebound name with our port": [["host", "evil.example:3000"]],
  };
  for (const [what, headers] of Object.entries(foreign)) {
    test.concurrent(`a request with ${what} is refused where an operator's key would pay`, async () => {
      for (const { target } of Object.values(families)) {
        expect(codeOf(await refuse("paid", request(target, { headers })))).toBe("403 origin_not_allowed");
      }
      expect(codeOf(await refuse("paid", { method: "GET", target: "/v1/models", headers }))).toBe(
        "403 origin_not_allowed",
      );
    });

    test.concurrent(`a request with ${what} passes with the consumer's own key, or the gate key`, async () => {
      expect(
        (await pass("open", request("/v1/responses", { headers: [...headers, ["x-api-key", "own"]] }))).header(
          "x-api-key",
        ),
      ).toBe("own");
      expect(
        (await pass("gated", request("/v1/responses", { headers: [...headers, ["x-api-key", gateKey]] }))).header(
          "authorization",
        ),
      ).toBe("Bearer op-openai");
    });
  }

  test.concurrent("an origin that the operator names may", async () => {
    const seen = await pass(
      "shared",
      request("/v1/responses", {
        headers: [
          ["origin", "https://app.example"],
          ["sec-fetch-site", "cross-site"],
        ],
      }),
    );
    expect(seen.header("authorization")).toBe("Bearer op-openai");
    for (const origin of ["https://evil.example", "https://app.example.evil.example", "http://app.example"]) {
      expect(codeOf(await refuse("shared", request("/v1/responses", { headers: [["origin", origin]] })))).toBe(
        "403 origin_not_allowed",
      );
    }
  });

  test.concurrent("a program on this machine may, by any of its names", async () => {
    for (const host of ["127.0.0.1", "localhost", "localhost:3000", "[::1]:3000", "127.1.2.3", "weir.localhost"]) {
      expect(
        (await pass("paid", request("/v1/responses", { headers: [["host", host]] }))).header("authorization"),
      ).toBe("Bearer op-openai");
    }
    expect((await pass("paid", request("/v1/responses", { headers: [["sec-fetch-site", "none"]] }))).upstream).toBe(
      "openai",
    );
  });

  test.concurrent("behind ALLOW_OPEN_RELAY on every address any Host may, and still no page", async () => {
    expect(
      (await pass("relay", request("/v1/responses", { headers: [["host", "gateway.internal"]] }))).header(
        "authorization",
      ),
    ).toBe("Bearer op-openai");
    expect(
      codeOf(await refuse("relay", request("/v1/responses", { headers: [["origin", "https://evil.example"]] }))),
    ).toBe("403 origin_not_allowed");
  });
});

test.concurrent("Claude Code's probes pass a gate without a credential, and with none go up", async () => {
  for (const target of ["/", "/api/hello"]) {
    for (const headers of [
      [],
      [["x-api-key", gateKey]],
      [["authorization", "Bearer own"]],
    ] as readonly (readonly Header[])[]) {
      const seen = await pass("gated", { method: "HEAD", target, headers });
      expect(seen.head).not.toMatch(/authorization|api-key|op-|gate-/i);
    }
  }
});

test.concurrent("chats that speak OpenAI's dialect are refused in its shape, whoever provides them", async () => {
  for (const target of ["/v1beta/openai/chat/completions", "/anthropic/v1/chat/completions"]) {
    const answer = await refuse("gated", request(target, { headers: [["x-api-key", "wrong"]] }));
    expect(answer.json()).toEqual(families.openai.refusal("authentication_error", "invalid_api_key"));
  }
});

test.concurrent("a refusal is recorded with its code and without a body", async () => {
  const answer = await refuse("gated", request("/v1/messages", { headers: [["x-api-key", "wrong"]] }));
  const record = await find("gated").recordOf(answer);
  expect(record).toMatchObject({ outcome: "refused", status: 401, cause: "invalid_api_key", provider: "anthropic" });
  expect(record.input).toBeUndefined();
});
