import { expect, test } from "bun:test";
import { openai } from "../providers/index.ts";
import type { Provider } from "../providers/provider.ts";
import { removeAddedQuery } from "./added-query.ts";

const secret = "sk a/b&c+d";
const encoded = encodeURIComponent(secret);
const asked: Provider = { ...openai, keyIn: "query", query: { "api-secret": "hush-hush-hush", v: "1" } };
const grant = { key: secret, emptied: new Set<never>() };

function kept(value: string, header = "location", provider = asked): string | null {
  const headers = new Headers({ [header]: value });
  const removed = removeAddedQuery(headers, provider, grant);
  expect(removed).toBe(headers.get(header) !== value);
  return headers.get(header);
}

test("what was added to a query is taken out of a URL, and the rest of it stays byte for byte", () => {
  for (const [value, left] of [
    [`http://up/v1/x/?key=${encoded}`, "http://up/v1/x/"],
    [`/x/?page=%2F+2&key=${encoded}`, "/x/?page=%2F+2"],
    [`/x/?key=${encoded}&page=2#top`, "/x/?page=2#top"],
    [`/x/?api-secret=hush-hush-hush&v=1&key=${encoded}&a=1`, "/x/?a=1"],
    [`/x/?a=1&api-secret=hush-hush-hush&v=1&b=2&key=${encoded}`, "/x/?a=1&b=2"],
    [`/x?key=${encoded}/`, "/x"],
    [`/x?%6Bey=${encoded.toLowerCase()}&KEY=x`, "/x"],
    [`/x?a=1#key=${encoded}`, "/x?a=1"],
    [`/login?next=${encodeURIComponent(`/x?key=${encoded}&a=1`)}&b=2`, "/login?next=%2Fx%3Fa%3D1&b=2"],
    [`/a?n=${encodeURIComponent(`/b?n=${encodeURIComponent(`/c?v=1&key=${encoded}`)}`)}`, "/a?n=%2Fb%3Fn%3D%252Fc"],
    ["/x?monkey=1&keys=2&version=1", "/x?monkey=1&keys=2&version=1"],
  ] as const)
    expect([value, kept(value)]).toEqual([value, left]);
});

test("a header that holds a secret elsewhere is left out", () => {
  expect(kept(`/login/${encoded}`)).toBeNull();
  expect(kept("/login?token=hush-hush%2dhush")).toBeNull();
  expect(kept("/login?token=sk+a%2Fb%26c%2Bd")).toBeNull();
  expect(kept("/v1/1")).toBe("/v1/1");
});

test("every link of Link, and the URL of Refresh, in quotes too", () => {
  expect(kept(`</x?key=${encoded}&p=2>; rel="next", </x?p=1&key=${encoded}>; rel="prev"`, "link")).toBe(
    '</x?p=2>; rel="next", </x?p=1>; rel="prev"',
  );
  expect(kept(`5; url="/x?key=${encoded}"`, "refresh")).toBe('5; url="/x"');
  expect(kept(`/x?key=${encoded}`, "content-location")).toBe("/x");
});

test("whose provider adds nothing to a query gets every header as it is", () => {
  expect(kept("/x?key=mine&api-secret=mine", "location", openai)).toBe("/x?key=mine&api-secret=mine");
});
