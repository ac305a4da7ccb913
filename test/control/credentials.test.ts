import { describe, expect, test } from "bun:test";
import type { Answer } from "../wire/client.ts";
import type { Header, Seen } from "../wire/upstream.ts";
import {
  type CallOptions,
  expectStatus,
  families,
  type FamilyName,
  familyNames,
  managementToken,
  onEachDatabase,
  providerKeys,
  refusalOf,
  useControl,
} from "./control.ts";
import { forgeToken, mistypeToken } from "./forge.ts";

type Place = (credential: string) => { readonly headers?: readonly Header[]; readonly query?: string };

/** Every place that a credential may be in, but a WebSocket's subprotocols. */
const places: Readonly<Record<string, Place>> = {
  Authorization: (credential) => ({ headers: [["authorization", `Bearer ${credential}`]] }),
  "Authorization, in other letters": (credential) => ({ headers: [["AUTHORIZATION", `bEARER ${credential}`]] }),
  "x-api-key": (credential) => ({ headers: [["x-api-key", credential]] }),
  "x-goog-api-key": (credential) => ({ headers: [["x-goog-api-key", credential]] }),
  "api-key": (credential) => ({ headers: [["api-key", credential]] }),
  "x-weir-key": (credential) => ({ headers: [["x-weir-key", credential]] }),
  "?key=": (credential) => ({ query: `key=${credential}` }),
  "?key= among others": (credential) => ({ query: `a=%41&key=${credential}&b=2` }),
};

/** The same with a prefix in the path, since `?key=` and `x-goog-api-key` make a bare path Gemini's. */
function at(family: FamilyName, ...put: readonly ReturnType<Place>[]): CallOptions {
  const query = put.flatMap(({ query: part }) => (part === undefined ? [] : [part])).join("&");
  return {
    family,
    target: `/${family}${families[family].target}${query === "" ? "" : `?${query}`}`,
    headers: put.flatMap(({ headers = [] }) => headers),
  };
}

const credentialHeaders = ["authorization", "x-api-key", "x-goog-api-key", "api-key", "x-weir-key"];

/** What the upstream got where a credential may be. */
function credentialsOf(seen: Seen): Readonly<Record<string, string>> {
  const headers = credentialHeaders.flatMap((name) => {
    const value = seen.header(name);
    return value === undefined || value === "" ? [] : [[name, value] as const];
  });
  const key = new URLSearchParams(seen.target.split("?")[1] ?? "").get("key");
  return Object.fromEntries(key === null ? headers : [...headers, ["?key=", key]]);
}

/** The provider's own key at the provider's own place, and nothing anywhere else. */
function onlyKey(family: FamilyName, key: string = providerKeys[family]): Readonly<Record<string, string>> {
  return { [families[family].keyHeader]: families[family].keyText(key) };
}

onEachDatabase((kind) => {
  const find = useControl({
    kind,
    env: {
      UPSTREAM_API_KEY: "operator-openai-key",
      ANTHROPIC_API_KEY: "operator-anthropic-key",
    },
  });
  const mint = async (more: object = {}) => {
    const project = await find().createProject(more);
    return { project, ...(await find().createToken(project.id)) };
  };

  /** The one request that reached the upstream. */
  const pass = async (options: CallOptions): Promise<Seen> => {
    const { answer, seen } = await find().call(options);
    const [only, ...more] = seen;
    if (only === undefined) throw new Error(`Refused: ${answer.status} ${answer.text}`);
    expect(more).toEqual([]);
    expect(answer.status).toBe(200);
    return only;
  };

  /** A refusal, of which nothing reached the upstream. */
  const refuse = async (options: CallOptions): Promise<Answer> => {
    const { answer, seen } = await find().call(options);
    expect(seen.map(({ head }) => head)).toEqual([]);
    return answer;
  };

  for (const family of familyNames) {
    describe(`a call to ${family}`, () => {
      test("finds the token wherever it stands, and goes up with the project's key alone", async () => {
        const { token } = await mint();
        for (const [where, place] of Object.entries(places)) {
          const seen = await pass(at(family, place(token)));
          expect([where, credentialsOf(seen)]).toEqual([where, onlyKey(family)]);
          expect(seen.head).not.toContain("sk-weir-");
          expect(seen.target).toBe(families[family].target + (where.endsWith("others") ? "?a=%41&b=2" : ""));
        }
      });

      test("finds the token beside placeholders in every other place, and empties them all", async () => {
        const { token } = await mint();
        const headers = ["Authorization", "x-api-key", "x-goog-api-key", "api-key", "?key="];
        for (const where of headers) {
          const put = headers.map((each) => places[each]?.(each === where ? token : "placeholder") ?? {});
          const seen = await pass(at(family, ...put));
          expect([where, credentialsOf(seen)]).toEqual([where, onlyKey(family)]);
          expect(seen.head).not.toContain("placeholder");
        }
      });

      test("may hold the same token twice", async () => {
        const { token } = await mint();
        const seen = await pass(
          at(family, { headers: [["authorization", `Bearer ${token}`]] }, places["x-api-key"]?.(token) ?? {}),
        );
        expect(credentialsOf(seen)).toEqual(onlyKey(family));
      });

      test("with two different tokens is refused, though both are valid", async () => {
        const [one, two] = [await mint(), await mint()];
        for (const [where, place] of Object.entries(places).slice(2)) {
          const answer = await refuse(
            at(family, { headers: [["authorization", `Bearer ${one.token}`]] }, place(two.token)),
          );
          expect([where, answer.status]).toEqual([where, 401]);
          expect(answer.header("x-weir-error")).toStartWith("token_");
          expect(answer.text).not.toContain(two.token);
        }
      });

      test("with a text that only looks like a token is refused, whatever comes beside it", async () => {
        const { token } = await mint();
        const wrong = ["sk-weir-", "sk-weir-short", mistypeToken(token), `${token}x`, token.slice(0, -1)];
        for (const text of wrong) {
          for (const [where, place] of Object.entries(places).slice(2)) {
            const answer = await refuse(at(family, { headers: [["authorization", `Bearer ${token}`]] }, place(text)));
            expect([text, where, refusalOf(answer)]).toEqual([text, where, "401 token_invalid"]);
          }
        }
      }, 30_000);

      test("without any credential is refused in its API's shape", async () => {
        const answer = await refuse(at(family));
        expect(refusalOf(answer)).toBe("401 credential_missing");
        expect(answer.json()).toEqual(families[family].refusal(401, "credential_missing"));
      });

      test("with anything but a token is refused", async () => {
        for (const text of ["own-key", "sk-ant-oat01-own", "sk-0123456789012345678901", "SK-WEIR-0"]) {
          for (const place of Object.values(places)) {
            const answer = await refuse(at(family, place(text)));
            expect(answer.status).toBe(401);
            expect(answer.text).not.toContain(text);
          }
        }
      });

      test("with the management token is refused, wherever it stands", async () => {
        const { token } = await mint();
        for (const [where, place] of Object.entries(places)) {
          const answer = await refuse(at(family, place(managementToken)));
          expect([where, answer.status]).toEqual([where, 401]);
          if (where.startsWith("Authorization")) continue;
          const beside = await refuse(
            at(family, { headers: [["authorization", `Bearer ${token}`]] }, place(managementToken)),
          );
          expect([where, beside.status]).toEqual([where, 401]);
        }
      });

      test("with a token in x-weir-key goes up with the consumer's own key where the project allows it", async () => {
        const { token } = await mint({ settings: { allow_own_keys: true } });
        const weirKey = places["x-weir-key"]?.(token) ?? {};
        for (const [where, place] of Object.entries(places)) {
          if (where === "x-weir-key") continue;
          const seen = await pass(at(family, weirKey, place("own-key")));
          expect(seen.head).not.toContain("sk-weir-");
          expect(seen.head).not.toContain(providerKeys[family]);
          expect([where, Object.values(credentialsOf(seen)).map((text) => text.replace(/^bearer /i, ""))]).toEqual([
            where,
            ["own-key"],
          ]);
        }
        expect(credentialsOf(await pass(at(family, weirKey)))).toEqual(onlyKey(family));
      });

      test("with a token in x-weir-key and an own key is refused where the project doesn't say that it allows it", async () => {
        for (const settings of [{}, { allow_own_keys: false }]) {
          const { token } = await mint({ settings });
          for (const [where, place] of Object.entries(places)) {
            if (where === "x-weir-key") continue;
            const answer = await refuse(at(family, places["x-weir-key"]?.(token) ?? {}, place("own-key")));
            expect([where, refusalOf(answer)]).toEqual([where, "403 own_key_not_allowed"]);
            expect(answer.json()).toEqual(families[family].refusal(403, "own_key_not_allowed"));
          }
        }
      });
    });
  }

  describe("the operator's key", () => {
    const operators: Readonly<Record<string, string>> = {
      openai: "operator-openai-key",
      anthropic: "operator-anthropic-key",
    };

    test("goes up for a project without any key of its own", async () => {
      for (const more of [{}, { settings: {} }, { settings: { use_operator_keys: true } }]) {
        const { token } = await mint({ provider_keys: {}, ...more });
        for (const family of ["openai", "anthropic"] as const) {
          expect(credentialsOf(await pass({ token, family }))).toEqual(onlyKey(family, operators[family]));
        }
        expect(refusalOf(await refuse({ token, family: "gemini" }))).toBe("401 provider_key_missing");
      }
    });

    test("doesn't go up for a project that has a key of its own, until it says so", async () => {
      const { project, token } = await mint({ provider_keys: { openai: "own-openai-0123456789" } });
      expect(credentialsOf(await pass({ token }))).toEqual(onlyKey("openai", "own-openai-0123456789"));
      const refused = await refuse({ token, family: "anthropic" });
      expect(refusalOf(refused)).toBe("401 provider_key_missing");
      expect(refused.json()).toEqual(families.anthropic.refusal(401, "provider_key_missing"));
      const body = { settings: { use_operator_keys: true } };
      expectStatus(200, await find().manage("PATCH", `/manage/projects/${project.id}`, body));
      expect(credentialsOf(await pass({ token, family: "anthropic" }))).toEqual(
        onlyKey("anthropic", operators["anthropic"]),
      );
      expect(credentialsOf(await pass({ token }))).toEqual(onlyKey("openai", "own-openai-0123456789"));
    });

    test("never goes up for a project that forbids it", async () => {
      const { token } = await mint({ provider_keys: {}, settings: { use_operator_keys: false } });
      for (const family of familyNames)
        expect(refusalOf(await refuse({ token, family }))).toBe("401 provider_key_missing");
    });

    test("where it is missing, a key of one's own is only asked for where one may be sent", async () => {
      for (const [settings, asked] of [
        [{}, false],
        [{ allow_own_keys: false }, false],
        [{ allow_own_keys: true }, true],
      ] as const) {
        const { token } = await mint({ provider_keys: {}, settings: { use_operator_keys: false, ...settings } });
        const body = String((await refuse({ token })).body);
        expect(body).toContain("There is no key to call the provider openai with.");
        expect(body.includes("Send one of your own")).toBe(asked);
      }
    });
  });

  describe("a new project", () => {
    for (const [what, keys] of Object.entries({
      openai_api_key: { openai_api_key: "sk-up-alias-0123456789" },
      api_key: { api_key: "sk-up-alias-0123456789" },
    })) {
      test(`takes ${what} as its key for OpenAI`, async () => {
        const project = await find().createProject({ provider_keys: undefined, ...keys });
        expect(project.provider_keys).toEqual({ openai: "sk-up-al...6789" });
        const { token } = await find().createToken(project.id);
        expect(credentialsOf(await pass({ token }))).toEqual(onlyKey("openai", "sk-up-alias-0123456789"));
      });
    }
  });

  test("a body that comes with no valid token isn't read, but answered", async () => {
    const { token } = await mint();
    for (const text of [forgeToken(token), mistypeToken(token), "wrong"]) {
      const running = find().open({ token: text, body: "", headers: [["content-length", "10000000"]] });
      expect((await running.answer).status).toBe(401);
      expect(running.seen.length).toBe(0);
      running.leave();
    }
  });

  test("a probe goes to Anthropic without any credential, whatever it carries", async () => {
    const { token } = await mint();
    for (const target of ["/", "/api/hello"]) {
      for (const options of [{ token }, {}, { headers: [["x-api-key", token]] as const }]) {
        const { seen } = await find().call({
          ...options,
          method: "HEAD",
          target,
          chunks: [],
          script: (one) => one.answer({ body: "" }),
        });
        expect(seen.map(credentialsOf)).toEqual([{}]);
        expect(seen[0]?.head).not.toContain("sk-weir-");
      }
    }
  });

  test("what a consumer's network says of it doesn't go up with a token, its cookies do", async () => {
    const { token } = await mint();
    const seen = await pass({
      token,
      headers: [
        ["x-forwarded-for", "198.51.100.7"],
        ["x-real-ip", "198.51.100.7"],
        ["cf-connecting-ip", "198.51.100.7"],
        ["forwarded", "for=198.51.100.7"],
        ["cookie", "a=1"],
        ["x-request-id", "mine"],
      ],
    });
    expect(seen.head).not.toContain("198.51.100.7");
    expect(seen.header("cookie")).toBe("a=1");
    expect(seen.head.toLowerCase()).not.toMatch(/x-proxy|project|token/);
  });

  test("the codes of what is no valid token are told in each API's shape", async () => {
    const { token } = await mint();
    for (const family of familyNames) {
      for (const [text, code] of [
        [mistypeToken(token), "token_invalid"],
        [forgeToken(token), "token_unknown"],
      ] as const) {
        const answer = await refuse({ token: text, family });
        expect([family, refusalOf(answer)]).toEqual([family, `401 ${code}`]);
        expect(answer.json()).toEqual(families[family].refusal(401, code));
        expect(answer.header("content-type")).toStartWith("application/json");
        expect(answer.header("x-weir-exchange-id")).toBeString();
        expect(answer.text).not.toContain(text);
      }
    }
  });
});
