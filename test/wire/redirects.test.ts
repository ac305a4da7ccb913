import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Answer } from "./client.ts";
import type { Script, Seen } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

const key = "sk-queryplace-SECRET/1";
const secret = "query-addition-SECRET 2";

let wire: Wire;
beforeAll(async () => {
  wire = await openWire({
    yaml: ({ other }) => `
      providers:
        asked: { base_url: "${other}", dialect: openai, key: "${key}", key_in: query }
        added: { base_url: "${other}", dialect: openai, key: op-other, query: { api-secret: "${secret}" } }
        plain: { base_url: "${other}", dialect: openai, key: op-other }`,
  });
});
afterAll(() => wire[Symbol.asyncDispose]());

/** Where an upstream sends a request that lacks a slash at its path's end. */
function withSlash({ target }: Seen): string {
  const url = new URL(target, "http://upstream.example");
  url.pathname += "/";
  return url.href;
}

const receive = async (target: string, script: Script): Promise<Answer> =>
  (await wire.exchange({ target }, script)).answer;

const listed = (answer: Answer) => `${answer.headers.flat().join()} ${decodeURIComponent(answer.text)}`;

for (const [provider, added] of [
  ["asked", `key=${encodeURIComponent(key)}`],
  ["added", `api-secret=${encodeURIComponent(secret)}`],
] as const) {
  test.concurrent(`a redirect that keeps the query doesn't tell what was added for ${provider}`, async () => {
    const answer = await receive(`/${provider}/v1/redir?page=%2F2`, (seen) => {
      expect(seen.target).toBe(`/v1/redir?page=%2F2&${added}`);
      const to = withSlash(seen);
      const headers = [
        ["content-type", "text/html"],
        ["location", to],
        ["content-location", to],
        ["link", `<${to}>; rel="canonical"`],
        ["refresh", `1; url=${to}`],
      ] as const;
      seen.answer({ status: "301 Moved Permanently", headers, body: `<a href="${to}">Moved Permanently</a>` });
    });
    const left = "http://upstream.example/v1/redir/?page=%2F2";
    const told = ["location", "content-location", "link", "refresh"].map((name) => answer.header(name));
    expect([answer.status, ...told]).toEqual([301, left, left, `<${left}>; rel="canonical"`, `1; url=${left}`]);
    expect(listed(answer)).not.toContain("SECRET");
  });

  test.concurrent(`nor in chunks, and one that isn't about that stays whole, for ${provider}`, async () => {
    const chunked: Script = (seen) => {
      seen.begin([["location", withSlash(seen)]], "307 Temporary Redirect");
      seen.chunk(`Go to ${withSlash(seen)}`);
      seen.end();
    };
    const answer = await receive(`/${provider}/v1/redir`, chunked);
    expect([answer.status, answer.header("location"), answer.text]).toEqual([
      307,
      "http://upstream.example/v1/redir/",
      "",
    ]);
    expect(listed(answer)).not.toContain("SECRET");
    const other = await receive(`/${provider}/v1/redir`, (seen) =>
      seen.answer({ status: "302 Found", headers: [["location", "/elsewhere?a=1"]], body: "See there" }),
    );
    expect([other.header("location"), other.text]).toEqual(["/elsewhere?a=1", "See there"]);
  });
}

test.concurrent("where nothing was added a redirect comes as it is", async () => {
  const answer = await receive("/plain/v1/redir?api-secret=mine", (seen) =>
    seen.answer({ status: "301 Moved Permanently", headers: [["location", withSlash(seen)]], body: "Moved" }),
  );
  expect([answer.header("location"), answer.text]).toEqual([
    "http://upstream.example/v1/redir/?api-secret=mine",
    "Moved",
  ]);
});
